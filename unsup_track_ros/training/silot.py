# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of SILOT: curriculum, discovery dropout, gradient noise, decay of the prior.

(SPECS 4.6.) One learner trains several copies of the network, which differ in their seed, side by
side. On a GPU a whole step is one CUDA graph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.silot import FrameOutcome, Noise, Schedule, Silot, SilotConfig
from unsup_track_ros.networks.silot.count_prior import presence_expectations
from unsup_track_ros.networks.silot.objects import unpacked
from unsup_track_ros.shapes import Float, UInt8
from unsup_track_ros.training.stacked import StackedNetwork

_EAGER_STEPS = 3  # of a run, before the first graph is captured: libraries set themselves up
_LEAST_GRADIENT_NOISE = 1e-6  # less is nothing beside the gradients
_BETAS = (0.9, 0.999)


LOSS_TERMS: Final = (
    "reconstruction", "discovery_kl", "propagation_kl", "learned_prior_kl", "presence_kl",
)  # fmt: skip


class SilotTrainingConfig(Config):
    """Training of SILOT."""

    seed: int = parameter(0, "Seed of the first copy; the others follow.", ge=0)
    num_copies: int = parameter(1, "Networks trained side by side, each with its seed.", ge=1)
    num_steps: int = parameter(160_000, "Steps in all.", ge=1)
    batch_size: int = parameter(16, "Videos per step and copy.", ge=1)
    learning_rate: float = parameter(1e-4, "Learning rate of Adam.", gt=0)
    final_steps: int = parameter(
        0, "Of the last so many steps, half run at a third and half at a ninth of the rate.", ge=0
    )
    first_frames: int = parameter(2, "Length of the clips at first.", unit="", ge=1)
    more_frames: int = parameter(2, "By how many frames clips grow at a time.", ge=0)
    stage_steps: int = parameter(40_000, "Steps after which clips grow.", ge=1)
    max_frames: int = parameter(8, "Length of the clips at last.", ge=1)
    crop_px: int = parameter(0, "Side of random crops; 0 trains on whole frames.", unit="px", ge=0)
    discovery_dropout: float = parameter(
        0.5, "Share of frames after the first whose discoveries are dropped.", ge=0, lt=1
    )
    max_gradient_norm: float = parameter(10.0, "Longer gradients are cut to it.", gt=0)
    gradient_noise: float = parameter(1e-3, "Standard deviation of noise on gradients.", ge=0)
    heads_wait_steps: int = parameter(
        1000, "Steps before the heads of place, depth and presence start to learn.", ge=0
    )
    decay_steps: int = parameter(
        1000, "Steps in which gradient noise and the count prior fall to a tenth.", ge=1
    )
    first_count_odds: float = parameter(1e6, "Count prior's odds at first.", gt=0)
    last_count_odds: float = parameter(0.0125, "Count prior's odds at last.", gt=0)

    def num_frames(self, step: int) -> int:
        """Return the length of the clips at a step."""
        grown = self.first_frames + self.more_frames * (step // self.stage_steps)
        return min(grown, self.max_frames)

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        left = self.num_steps - step
        if left > self.final_steps:
            return self.learning_rate
        return self.learning_rate / (3.0 if left > self.final_steps / 2 else 9.0)

    def count_log_odds(self, step: int) -> float:
        """Return log κ, the log-odds of the count prior's p."""
        decayed = math.log(self.first_count_odds) - math.log(10.0) * step / self.decay_steps
        return max(decayed, math.log(self.last_count_odds))


@dataclass(slots=True)
class _Inputs:
    """What one step is fed: tensors that a CUDA graph reads, filled before each replay.

    Attributes:
        video: (M, B, T, C, H, W) clips of each copy.
        gaussian: (M, B, T, N, D) noise, as the two below.
        logistic: (M, B, T, N, 1).
        discovery_kept: (M, B, T).
        count_log_odds: Log-odds of the count prior.
        head_gradient: 0 while the heads wait, then None.
        gradient_noise: (M, P) added to the gradients, None once it is nothing.
    """

    video: Tensor
    gaussian: Tensor
    logistic: Tensor
    discovery_kept: Tensor
    count_log_odds: Tensor
    head_gradient: Tensor | None
    gradient_noise: Tensor | None

    @property
    def kind(self) -> tuple[object, ...]:
        """What makes a graph of one step unfit for another."""
        return self.video.shape, self.head_gradient is None, self.gradient_noise is None

    def copy_(self, other: _Inputs) -> None:
        """Take over the values of inputs of the same kind."""
        for mine, its in zip(self._tensors(), other._tensors(), strict=True):
            mine.copy_(its)

    def _tensors(self) -> list[Tensor]:
        tensors = [
            self.video, self.gaussian, self.logistic, self.discovery_kept, self.count_log_odds,
            self.head_gradient, self.gradient_noise,
        ]  # fmt: skip
        return [tensor for tensor in tensors if tensor is not None]


class SilotLearner:
    """Trains copies of SILOT on videos that lie in memory; the state of training is all tensors."""

    def __init__(
        self,
        network: SilotConfig,
        training: SilotTrainingConfig,
        frames: Sequence[UInt8[Tensor, "N T C H W"]],
    ) -> None:
        """Build the copies.

        Args:
            network: Structure of the network.
            training: How it is trained.
            frames: Sets of videos, 0 to 255; the copies are dealt out to them in equal shares.
        """
        self.config = training
        self.network_config = network
        self.frames = tuple(frames)
        device = frames[0].device
        seeds = [training.seed + copy for copy in range(training.num_copies)]
        self.network = StackedNetwork(lambda: Silot(network), seeds, device)
        self._on_gpu = device.type == "cuda"
        rate = training.learning_rate
        self._optimizer = torch.optim.Adam(
            [self.network.weights],
            lr=torch.tensor(rate, device=device) if self._on_gpu else rate,
            betas=_BETAS,
            foreach=False,
            fused=self._on_gpu,
            capturable=self._on_gpu,
        )
        self._generator = torch.Generator(device).manual_seed(training.seed)
        self.num_steps_done = 0
        self._losses = torch.zeros(training.num_copies, len(LOSS_TERMS))
        self._graph: torch.cuda.CUDAGraph | None = None
        self._graph_inputs: _Inputs | None = None
        self._eager_steps = 0

    def advance(self, num_frames: int | None = None, learning_rate: float | None = None) -> None:
        """Train one step, by the curriculum unless told otherwise."""
        step = self.num_steps_done
        num_frames = num_frames or self.config.num_frames(step)
        self._set_learning_rate(learning_rate or self.config.learning_rate_at(step))
        inputs = self._drawn_inputs(step, num_frames)
        if not self._on_gpu:
            self._train_on(inputs)
        else:
            self._train_by_graph(inputs)
        self.num_steps_done += 1

    def report(self) -> dict[str, list[float]]:
        """Return the terms of the last step's objective, of each copy."""
        return dict(zip(LOSS_TERMS, self._losses.T.tolist(), strict=True))

    def _drawn_inputs(self, step: int, num_frames: int) -> _Inputs:
        """Choose clips and draw the noise of a step."""
        config, device = self.config, self.network.weights.device
        num = self.network.num_copies * config.batch_size // len(self.frames)
        video = torch.cat(
            [
                _clips(frames, num, num_frames, config.crop_px, self._generator)
                for frames in self.frames
            ]
        )
        noise = Noise.drawn(video, self.network_config, config.discovery_dropout, self._generator)
        per_copy = (self.network.num_copies, config.batch_size)
        decayed = config.gradient_noise * 0.1 ** (step / config.decay_steps)
        waiting = step < config.heads_wait_steps
        return _Inputs(
            video=video.reshape(*per_copy, *video.shape[1:]),
            gaussian=noise.gaussian.reshape(*per_copy, *noise.gaussian.shape[1:]),
            logistic=noise.logistic.reshape(*per_copy, *noise.logistic.shape[1:]),
            discovery_kept=noise.discovery_kept.reshape(*per_copy, -1),
            count_log_odds=torch.full((), config.count_log_odds(step), device=device),
            head_gradient=torch.zeros((), device=device) if waiting else None,
            gradient_noise=decayed * self._normal(self.network.weights.shape)
            if decayed > _LEAST_GRADIENT_NOISE
            else None,
        )

    def _normal(self, shape: torch.Size) -> Tensor:
        device = self.network.weights.device
        return torch.randn(shape, generator=self._generator, device=device)

    def _train_on(self, inputs: _Inputs) -> None:
        """Compute the gradient of every copy and move its weights."""
        weights = self.network.weights
        packed: Tensor | None = None
        sums = torch.zeros((), device=weights.device)
        num_found = inputs.gaussian.shape[3] - self.network_config.max_objects
        tables = [
            presence_expectations(number, inputs.count_log_odds)
            for number in (num_found, inputs.gaussian.shape[3])
        ]
        gradient = () if inputs.head_gradient is None else (inputs.head_gradient,)
        for index in range(inputs.video.shape[2]):
            here = slice(index, index + 1)
            arguments = (
                inputs.video[:, :, index],
                inputs.gaussian[:, :, here],
                inputs.logistic[:, :, here],
                inputs.discovery_kept[:, :, here],
            )
            shared = (tables[min(index, 1)], *gradient)
            packed, terms = self.network.apply(
                _first_frame_losses if packed is None else _later_frame_losses,
                weights,
                *(() if packed is None else (packed,)),
                *arguments,
                shared=shared,
            )
            sums = sums + terms
        weights.grad = None
        # The copies share nothing, so the gradient of the sum is the gradients of all.
        torch.autograd.backward(sums.sum())
        assert weights.grad is not None
        norm = weights.grad.norm(dim=1, keepdim=True)
        weights.grad.mul_((self.config.max_gradient_norm / norm.clamp_min(1e-6)).clamp(max=1.0))
        if inputs.gradient_noise is not None:
            weights.grad.add_(inputs.gradient_noise)
        self._optimizer.step()
        self._losses = sums.detach()

    def _train_by_graph(self, inputs: _Inputs) -> None:
        """Train a step by one CUDA graph; the first steps of a run go as they are."""
        self._eager_steps += 1
        if self._eager_steps <= _EAGER_STEPS:
            self._train_on(inputs)
            return
        if self._graph_inputs is None or self._graph_inputs.kind != inputs.kind:
            self._graph_inputs = inputs
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._train_on(inputs)
        else:
            self._graph_inputs.copy_(inputs)
        assert self._graph is not None
        self._graph.replay()

    def _set_learning_rate(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def state(self) -> dict[str, Tensor]:
        """Return everything that decides how training goes on."""
        weights = self.network.weights
        moments = self._optimizer.state[weights]
        return {
            "weights": weights.detach(),
            **{f"adam.{name}": value for name, value in moments.items()},
            "generator": self._generator.get_state(),
            "num_steps_done": torch.tensor(self.num_steps_done),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        weights = self.network.weights
        with torch.no_grad():
            weights.copy_(state["weights"])
        moments = {
            name.removeprefix("adam."): value.to(
                weights.device if value.dim() or self._on_gpu else "cpu"
            ).clone()
            for name, value in state.items()
            if name.startswith("adam.")
        }
        self._optimizer.state[weights] = moments
        self._generator.set_state(state["generator"].cpu())
        self.num_steps_done = int(state["num_steps_done"])
        self._graph_inputs = None


def _first_frame_losses(  # noqa: PLR0913 - a copy's share of every stacked tensor
    network: Silot,
    image: Tensor,
    gaussian: Tensor,
    logistic: Tensor,
    kept: Tensor,
    expectations: Tensor,
    gradient: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the packed objects of a first frame and the terms of its loss, of one copy."""
    noise = Noise(gaussian=gaussian, logistic=logistic, discovery_kept=kept)
    schedule = Schedule(expectations=expectations, head_gradient=gradient)
    return _terms(network.step(image, None, noise, schedule))


def _later_frame_losses(  # noqa: PLR0913 - as above
    network: Silot,
    packed: Tensor,
    image: Tensor,
    gaussian: Tensor,
    logistic: Tensor,
    kept: Tensor,
    expectations: Tensor,
    gradient: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the same of a frame that follows the one whose objects are given."""
    noise = Noise(gaussian=gaussian, logistic=logistic, discovery_kept=kept)
    schedule = Schedule(expectations=expectations, head_gradient=gradient)
    return _terms(network.step(image, unpacked(packed, network.config), noise, schedule))


def _terms(outcome: FrameOutcome) -> tuple[Tensor, Tensor]:
    zero = torch.zeros_like(outcome.losses["reconstruction"])
    terms = torch.stack([outcome.losses.get(name, zero) for name in LOSS_TERMS])
    return outcome.objects.packed(), terms.mean(dim=1)


def _clips(
    frames: UInt8[Tensor, "N T C H W"],
    num: int,
    num_frames: int,
    crop_px: int,
    generator: torch.Generator,
) -> Float[Tensor, "B L C S R"]:
    """Cut clips at random out of videos, in time and, where `crop_px` says so, in the image.

    Divergence: the paper trains on the first frames of each video; any stretch of it will do.
    """
    num_videos, num_all, _, height_px, width_px = frames.shape
    rows, columns = (min(crop_px or side, side) for side in (height_px, width_px))
    device = frames.device

    def start(limit: int) -> Tensor:
        return torch.randint(limit + 1, (num, 1), generator=generator, device=device)

    video = start(num_videos - 1)
    time = start(num_all - num_frames) + torch.arange(num_frames, device=device)
    row = start(height_px - rows) + torch.arange(rows, device=device)
    column = start(width_px - columns) + torch.arange(columns, device=device)
    cut = frames[
        video[:, :, None, None],
        time[:, :, None, None],
        :,
        row[:, None, :, None],
        column[:, None, None, :],
    ]
    return cut.movedim(-1, 2).float() / 255.0
