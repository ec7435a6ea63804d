# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of RetinaTrack: two-frame clips, three losses, momentum SGD, warm-up and cosine.

(SPECS 1.3.) On a GPU a whole step is one CUDA graph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal

import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.retinatrack import RetinaTrack, RetinaTrackConfig
from unsup_track_ros.networks.retinatrack.anchors import anchor_boxes
from unsup_track_ros.shapes import Float, Int64
from unsup_track_ros.training.retinatrack_clips import (
    AugmentationConfig,
    ClipBatch,
    TrackedFrames,
    augmented,
    draw_clips,
)
from unsup_track_ros.training.retinatrack_losses import (
    assign_targets,
    batch_hard_loss,
    box_loss,
    contrastive_loss,
    focal_loss,
)

LOSS_TERMS: Final = ("focal", "box", "triplet")
_EAGER_STEPS = 3  # before the graph is captured: libraries set themselves up


class RetinaTrackTrainingConfig(Config):
    """Training of RetinaTrack."""

    seed: int = parameter(0, "Seed of the weights and of the clips.", ge=0)
    num_steps: int = parameter(10_000, "Steps in all (paper: 10 000).", ge=1)
    clips_per_batch: int = parameter(16, "Clips of two frames per step (paper: 128).", ge=1)
    learning_rate: float = parameter(
        0.02, "Largest learning rate (paper: 1e-3, from weights that had seen COCO).", gt=0
    )
    warmup_steps: int = parameter(1000, "Steps in which it rises from 0.", ge=0)
    momentum: float = parameter(0.9, "Momentum of SGD.", ge=0, lt=1)
    weight_decay: float = parameter(4e-4, "Weight decay.", ge=0)
    max_gradient_norm: float = parameter(10.0, "Longer gradients are cut to it.", gt=0)
    triplet_weight: float = parameter(
        0.4, "Weight of the embeddings' loss (paper: 1); 0 trains a detector alone.", ge=0
    )
    triplet_start_steps: int = parameter(
        4000,
        "Steps before the triplets count; the paper starts from a detector trained without them.",
        ge=0,
    )
    embedding_loss: Literal["batch_hard", "contrastive"] = parameter(
        "contrastive",
        "What forms the embeddings: the paper's triplets, or the cosines of all sampled anchors.",
    )
    contrastive_temperature: float = parameter(
        0.15, "Temperature of the cosines of the contrastive loss.", gt=0
    )
    identity_iou: float = parameter(
        0.5,
        "Overlap with a box from which an anchor stands for its track (paper: 0.7).",
        gt=0,
        le=1,
    )
    triplet_margin: float = parameter(0.1, "Margin m of the triplets.", ge=0)
    num_triplets: int = parameter(
        64, "Triplets of a clip (paper: 64 of the four clips of one processor).", ge=1
    )
    triplets_across_clips: bool = parameter(
        True,
        "Whether tracks of other clips of a step form triplets too (paper: no; its "
        "clips show dozens of cars).",
    )
    mixed_precision: bool = parameter(True, "Compute in bfloat16 on a GPU.")
    augmentation: AugmentationConfig = AugmentationConfig()

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step: linear warm-up, then half a cosine down to 0."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        share = (step - self.warmup_steps) / max(self.num_steps - self.warmup_steps, 1)
        return 0.5 * self.learning_rate * (1.0 + math.cos(math.pi * min(share, 1.0)))

    def triplet_weight_at(self, step: int) -> float:
        """Return the weight of the triplets at a step: 0 while only the detector learns."""
        return self.triplet_weight if step >= self.triplet_start_steps else 0.0


class RetinaTrackLearner:
    """Trains a network on clips that lie in memory; the state of training is all tensors."""

    def __init__(
        self,
        network: RetinaTrackConfig,
        training: RetinaTrackTrainingConfig,
        data: TrackedFrames,
        *,
        use_graph: bool = True,
    ) -> None:
        """Build the network; its weights depend on the seed alone.

        Args:
            network: Structure of the network.
            training: How it is trained.
            data: Frames and tracks, on the device to train on.
            use_graph: On a GPU, whether a step is one CUDA graph.
        """
        self.config = training
        self.network_config = network
        self.data = data
        device = data.frames.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            self.network = RetinaTrack(network)
        self.network.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self._on_gpu = device.type == "cuda"
        self._use_graph = use_graph
        self._anchors = anchor_boxes(network, data.frames.shape[2], data.frames.shape[3], device)
        self._weights: list[Tensor] = list(self.network.parameters())
        self._momenta = [torch.zeros_like(weight) for weight in self._weights]
        self._rate = torch.zeros((), device=device)
        self._triplet_weight = torch.zeros((), device=device)
        self._generator = torch.Generator(device).manual_seed(training.seed)
        self._losses = torch.zeros(len(LOSS_TERMS), device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._graph_batch: ClipBatch | None = None
        self._eager_steps = 0
        self.num_steps_done = 0

    def advance(
        self, learning_rate: float | None = None, triplet_weight: float | None = None
    ) -> None:
        """Train one step, by the schedule unless told otherwise."""
        config, step = self.config, self.num_steps_done
        self._rate.fill_(config.learning_rate_at(step) if learning_rate is None else learning_rate)
        self._triplet_weight.fill_(
            config.triplet_weight_at(step) if triplet_weight is None else triplet_weight
        )
        batch = draw_clips(
            self.data,
            self.config.clips_per_batch,
            len(self._anchors),
            self.config.augmentation,
            self._generator,
        )
        if self._on_gpu and self._use_graph:
            self._train_by_graph(batch)
        else:
            self._train_on(batch)
        self.num_steps_done += 1

    def report(self) -> dict[str, float]:
        """Return the losses of the last step."""
        return dict(zip(LOSS_TERMS, self._losses.tolist(), strict=True))

    def losses(self, batch: ClipBatch) -> Float[Tensor, " L"]:
        """Return the terms of the loss, unweighted, in the order of `LOSS_TERMS`."""
        images, boxes, is_object = augmented(batch, self.config.augmentation)
        images = images.contiguous(memory_format=torch.channels_last)
        half = self._on_gpu and self.config.mixed_precision
        with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
            output = self.network(images)
        targets = assign_targets(self._anchors, boxes, is_object, self.config.identity_iou)
        classes = torch.zeros_like(batch.ids)  # what moves is one class
        zero = torch.zeros((), device=images.device)
        triplet = zero
        if self.config.triplet_weight:
            num_clips = len(batch.zoom)
            track = batch.ids.gather(1, targets.identity.clamp_min(0))
            track = torch.where(targets.identity >= 0, track, -1)
            triplet = self._embedding_loss(
                torch.cat(torch.split(output.embeddings, num_clips), dim=1),
                torch.cat(torch.split(track, num_clips), dim=1),
                batch.triplet_order,
            )
        return torch.stack(
            [
                focal_loss(output.class_logits, targets.box, classes),
                box_loss(output.offsets, self._anchors, boxes, targets.box),
                triplet,
            ]
        )

    def _embedding_loss(
        self,
        embeddings: Float[Tensor, "C A E"],
        track: Int64[Tensor, "C A"],
        order: Float[Tensor, "C A"],
    ) -> Float[Tensor, ""]:
        """Return the loss of the embeddings of both frames of each clip."""
        config, num = self.config, self.config.num_triplets
        if config.embedding_loss == "contrastive":
            temperature = config.contrastive_temperature
            return contrastive_loss(embeddings, track, order, temperature, num)
        return batch_hard_loss(
            embeddings,
            track,
            order,
            config.triplet_margin,
            num,
            across_clips=config.triplets_across_clips,
        )

    def _train_on(self, batch: ClipBatch) -> None:
        """Compute the gradient and move the weights."""
        for weight in self._weights:
            weight.grad = None
        terms = self.losses(batch)
        total = terms[0] + terms[1] + self._triplet_weight * terms[2]
        torch.autograd.backward(total)
        self._losses.copy_(terms.detach())
        self._descend()

    @torch.no_grad()
    def _descend(self) -> None:
        """Move the weights against the gradient: momentum SGD, its rate in a tensor.

        torch.optim.SGD reads its rate on the host, which a CUDA graph would freeze.
        """
        # Without triplets nothing reaches the layers of the embedding.
        used = [i for i, weight in enumerate(self._weights) if weight.grad is not None]
        weights = [self._weights[i] for i in used]
        momenta = [self._momenta[i] for i in used]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        norm = torch.stack(torch._foreach_norm(gradients)).norm()
        torch._foreach_mul_(
            gradients, (self.config.max_gradient_norm / norm.clamp_min(1e-6)).clamp(max=1.0)
        )
        torch._foreach_add_(gradients, weights, alpha=self.config.weight_decay)
        torch._foreach_mul_(momenta, self.config.momentum)
        torch._foreach_add_(momenta, gradients)
        torch._foreach_sub_(weights, list(torch._foreach_mul(momenta, self._rate)))

    def _train_by_graph(self, batch: ClipBatch) -> None:
        """Train a step by one CUDA graph; the first steps of a run go as they are."""
        self._eager_steps += 1
        if self._eager_steps <= _EAGER_STEPS:
            self._train_on(batch)
            return
        if self._graph is None or self._graph_batch is None:
            self._graph_batch = batch
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._train_on(batch)
        else:
            self._graph_batch.copy_(batch)
        self._graph.replay()

    def state(self) -> dict[str, Tensor]:
        """Return everything that decides how training goes on."""
        names = [name for name, _ in self.network.named_parameters()]
        return {
            **{f"network.{name}": value for name, value in self.network.state_dict().items()},
            **{f"momentum.{name}": m for name, m in zip(names, self._momenta, strict=True)},
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
        names = [name for name, _ in self.network.named_parameters()]
        for name, momentum in zip(names, self._momenta, strict=True):
            momentum.copy_(state[f"momentum.{name}"])
        self._generator.set_state(state["generator"].cpu())
        self.num_steps_done = int(state["num_steps_done"])
