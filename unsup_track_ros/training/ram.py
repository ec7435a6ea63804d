# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of RAM on clips with boxes of what is seen (SPECS 3.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.random_walk_memory import RandomWalkMemory, RandomWalkMemoryConfig
from unsup_track_ros.shapes import Float, Int64, UInt8
from unsup_track_ros.training.ram_losses import WalkLossConfig, reading_losses, walk_losses

_WEIGHTS: Final = {"heat": 0.5, "offset": 1.0, "size": 0.1, "displacement": 1.0}
LOSS_TERMS: Final = (*_WEIGHTS, "walk", "overlap")
# Of so many clips drawn per clip used, those in which most things come back are taken.
_CHOICE: Final = 3
_LAST_RATE: Final = 0.02


class RamTrainingConfig(Config):
    """Training of RAM."""

    seed: int = parameter(0, "Seed of the weights and of the clips.", ge=0)
    num_steps: int = parameter(2000, "Steps in all.", ge=1)
    frames_per_step: int = parameter(384, "Frames of all clips of a step together.", ge=2)
    clip_frames: tuple[int, ...] = parameter(
        (12, 24, 48), "Length of the clips in equal stages of the training (paper: 70, then 120)."
    )
    learning_rate: float = parameter(5e-4, "Of Adam; falls as a cosine to a fiftieth.", gt=0)
    warm_up_steps: int = parameter(100, "Steps in which the learning rate rises.", ge=0)
    max_gradient_norm: float = parameter(5.0, "Longer gradients are shortened.", gt=0)
    half_precision: bool = parameter(True, "Convolutions in bfloat16 on a GPU.")
    walk: WalkLossConfig = WalkLossConfig()

    def num_frames(self, step: int) -> int:
        """Return the length of the clips at a step."""
        stage = step * len(self.clip_frames) // max(self.num_steps, 1)
        return self.clip_frames[min(stage, len(self.clip_frames) - 1)]

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        rise = min((step + 1) / max(self.warm_up_steps, 1), 1.0)
        fall = 0.5 + 0.5 * math.cos(math.pi * min(step / self.num_steps, 1.0))
        return self.learning_rate * rise * max(fall, _LAST_RATE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisibleVideos:
    """N videos of T frames, with what a training may know of them.

    Attributes:
        frames: 0 to 255.
        boxes_px: Top, left, bottom, right of what is seen; nan for all else.
        classes: Class of each thing, the same in all videos.
    """

    frames: UInt8[Tensor, "N T 3 H W"]
    boxes_px: Float[Tensor, "N T K 4"]
    classes: Int64[Tensor, " K"]


class RamLearner:
    """Trains one network on videos that lie in memory; the state of training is all tensors."""

    def __init__(
        self, network: RandomWalkMemoryConfig, training: RamTrainingConfig, videos: VisibleVideos
    ) -> None:
        self.config = training
        self.videos = videos
        device = videos.frames.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            self.network = RandomWalkMemory(network)
        self._on_gpu = device.type == "cuda"
        self.network.to(device)
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=training.learning_rate)
        self._generator = torch.Generator(device).manual_seed(training.seed)
        self.num_steps_done = 0
        self._losses = dict.fromkeys(LOSS_TERMS, torch.zeros(()))

    def advance(self) -> None:
        """Train one step."""
        rate = self.config.learning_rate_at(self.num_steps_done)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        frames, boxes_px = self._clips(self.config.num_frames(self.num_steps_done))
        losses = self.losses(frames, boxes_px)
        walk = self.config.walk
        weights = {**_WEIGHTS, "walk": walk.weight, "overlap": walk.weight * walk.overlap_weight}
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_gradient_norm)
        self._optimizer.step()
        self._losses.update({name: loss.detach() for name, loss in losses.items()})
        self.num_steps_done += 1

    def losses(
        self, frames: UInt8[Tensor, "B T 3 H W"], boxes_px: Float[Tensor, "B T K 4"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the terms of the objective for some clips."""
        half = self._on_gpu and self.config.half_precision
        with torch.autocast(frames.device.type, dtype=torch.bfloat16, enabled=half):
            reading, nodes = self.network(frames.float() / 255.0)
        nodes = nodes.bfloat16() if half else nodes
        pairs = nodes[:, :-1].flatten(0, 1), nodes[:, 1:].flatten(0, 1)
        edges = self.network.edges(*pairs)
        edges = edges.reshape(len(nodes), -1, *edges.shape[1:])
        stride_px = self.network.config.node_stride_px
        return {
            **reading_losses(reading, boxes_px, self.videos.classes),
            **walk_losses(edges, boxes_px, stride_px, self.config.walk),
        }

    def report(self) -> dict[str, list[float]]:
        """Return the terms of the last step's objective."""
        return {name: [float(loss)] for name, loss in self._losses.items()}

    def state(self) -> dict[str, Tensor]:
        """Return everything that decides how training goes on."""
        moments = {
            f"adam.{index}.{name}": value
            for index, values in self._optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
        weights = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        return {
            **weights,
            **moments,
            "generator": self._generator.get_state(),
            "num_steps_done": torch.tensor(self.num_steps_done),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        weights = {
            name.removeprefix("network."): value
            for name, value in state.items()
            if name.startswith("network.")
        }
        self.network.load_state_dict(weights)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("adam."):
                _, index, key = name.split(".")
                moments.setdefault(int(index), {})[key] = value.clone()
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})
        self._generator.set_state(state["generator"].cpu())
        self.num_steps_done = int(state["num_steps_done"])

    def _clips(self, length: int) -> tuple[UInt8[Tensor, "B T 3 H W"], Float[Tensor, "B T K 4"]]:
        """Draw clips, preferably such in which things come back; mirror and reverse half of them.

        The paper takes only sequences with occlusions too.
        """
        videos, generator = self.videos, self._generator
        device = videos.frames.device
        num_videos, num_frames = videos.frames.shape[:2]
        length = min(length, num_frames)
        num = max(self.config.frames_per_step // length, 1)

        def drawn(limit: int, many: int) -> Tensor:
            return torch.randint(limit, (many, 1), generator=generator, device=device)

        video = drawn(num_videos, num * _CHOICE)
        time = drawn(num_frames - length + 1, num * _CHOICE)
        time = time + torch.arange(length, device=device)
        returns = _returns(videos.boxes_px[video, time])
        chosen = torch.topk(returns, num).indices
        video, time = video[chosen], time[chosen]
        time = torch.where(drawn(2, num) > 0, time, time.flip(1))
        frames, boxes_px = videos.frames[video, time], videos.boxes_px[video, time]
        mirrored = boxes_px.clone()
        mirrored[..., [1, 3]] = frames.shape[-1] - boxes_px[..., [3, 1]]
        flip = drawn(2, num)[..., None, None] > 0
        return torch.where(flip[..., None], frames.flip(-1), frames), torch.where(
            flip, mirrored, boxes_px
        )


def _returns(boxes_px: Float[Tensor, "B T K 4"]) -> Float[Tensor, " B"]:
    """Return how many frames of absence end in each clip, the first thing's twice."""
    visible = torch.isfinite(boxes_px[..., 0])
    seen_before = functional.pad(torch.cumsum(visible, 1)[:, :-1] > 0, (0, 0, 1, 0))
    seen_later = visible.flip(1).cumsum(1).flip(1) > 0
    hidden = (~visible & seen_before & seen_later).float()
    return hidden.sum((1, 2)) + hidden[..., 0].sum(1)
