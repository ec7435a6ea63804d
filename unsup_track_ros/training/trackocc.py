# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of TrackOcc on clips of labelled frames: frame after frame, one gradient per clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.trackocc import TrackOcc, TrackOccConfig
from unsup_track_ros.networks.trackocc.decoder import Answers
from unsup_track_ros.networks.trackocc.frames import base1_T_base0, camera_frames
from unsup_track_ros.networks.trackocc.tracks import NO_ID, TrackQueries, handed_over
from unsup_track_ros.shapes import Float, Int64
from unsup_track_ros.structures.voxel_scene import OccupancyFrame
from unsup_track_ros.training.network_learner import (
    NetworkLearner,
    OptimizerConfig,
    torch_generator,
)
from unsup_track_ros.training.trackocc_assignment import (
    TrackAugmentationConfig,
    assigned,
    cheapest,
    going_on,
)
from unsup_track_ros.training.trackocc_images import ImageVariationConfig, varied_images
from unsup_track_ros.training.trackocc_losses import (
    TrackOccLossConfig,
    class_loss,
    depth_loss,
    localization_loss,
    mask_losses,
    match_costs,
    semantic_loss,
)
from unsup_track_ros.training.trackocc_targets import FrameTargets, clip_targets

LOSS_TERMS: Final = (
    "thing_class", "thing_mask", "thing_dice", "localization", "stuff_class", "stuff_mask",
    "stuff_dice", "semantics", "depth",
)  # fmt: skip


class TrackOccTrainingConfig(Config):
    """Training of TrackOcc."""

    optimizer: OptimizerConfig = OptimizerConfig(
        num_steps=600,
        batch_size=1,
        learning_rate=5e-4,
        weight_decay=0.01,
        extra_steps=10,
        max_gradient_norm=35.0,
    )
    clip_frames: int = parameter(3, "Frames of a clip (paper: 3).", ge=1)
    memory_interval_s: float = parameter(
        0.5, "Time between two embeddings that a track remembers.", unit="s", ge=0
    )
    losses: TrackOccLossConfig = TrackOccLossConfig()
    tracks: TrackAugmentationConfig = TrackAugmentationConfig()
    images: ImageVariationConfig = ImageVariationConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnedTracks:
    """Tracks between two frames, and the identity that each owns (`NO_ID`: a false one)."""

    tracks: TrackQueries
    owner: Int64[Tensor, " T"]


@runtime_checkable
class ClipSource(Protocol):
    """Clips of labelled frames."""

    def __len__(self) -> int:
        """Return their number."""

    def read(self, index: int) -> Sequence[OccupancyFrame]:
        """Return the frames of a clip."""


class TrackOccLearner(NetworkLearner):
    """Trains a network on clips."""

    def __init__(
        self,
        network: TrackOccConfig,
        training: TrackOccTrainingConfig,
        clips: ClipSource,
        device: torch.device,
    ) -> None:
        """Build the network; its weights depend on the seed alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.optimizer.seed)
            built = TrackOcc(network)
        super().__init__(built, training.optimizer, device)
        self._trackocc = built
        self._training = training
        self._clips = clips

    def losses(self, rngs: list[np.random.Generator]) -> dict[str, Tensor]:
        """Return the weighted terms of the loss of some clips."""
        terms = []
        for rng in rngs:
            frames = self._clips.read(int(rng.integers(len(self._clips))))
            varied = varied_images(frames, self._training.images, rng)
            terms.append(self.clip_losses(varied, torch_generator(rng)))
        mean = torch.stack(terms).mean(0)
        weights = self._training.losses
        return {
            name: getattr(weights, name) * term
            for name, term in zip(LOSS_TERMS, mean, strict=True)
            if getattr(weights, name)
        }

    def clip_losses(
        self, frames: Sequence[OccupancyFrame], generator: torch.Generator
    ) -> Float[Tensor, " L"]:
        """Return the terms of a clip, unweighted, in the order of `LOSS_TERMS`."""
        network, training = self._trackocc, self._training
        classes = network.config.classes
        targets = clip_targets(frames, classes, self.device)
        seen = network.see(camera_frames(frames, self.device))
        owned: OwnedTracks | None = None
        total = torch.zeros(len(LOSS_TERMS), device=self.device)
        for i, target in enumerate(targets):
            if i and owned is not None:
                owned = self._handed_over(owned, frames[i - 1], frames[i])
            asking = network.asking(None if owned is None else owned.tracks)
            owner = torch.full_like(asking.ids, NO_ID)
            if owned is not None:
                owner[: len(owned.owner)] = owned.owner
            things, stuff = network.answer(seen, i, asking)
            share = assigned(owner, things, target)
            of_depth = depth_loss(seen.depth_logits[i], target.depth_m, network.config.depth)
            of_semantics = semantic_loss(seen.semantic_logits[i], target, classes)
            of_things = _thing_terms(things, target, (share.rows, share.objects), share.num_lost)
            total = total + torch.stack(
                [*of_things, *_stuff_terms(stuff, target, classes.free), of_semantics, of_depth]
            )
            rows = going_on(share.owner, things, classes, training.tracks, generator)
            update = network.update(
                asking.chosen(rows), things.chosen(rows), training.memory_interval_s
            )
            owned = OwnedTracks(tracks=update, owner=share.owner[rows])
        return total / len(frames)

    def _handed_over(
        self, owned: OwnedTracks, frame0: OccupancyFrame, frame1: OccupancyFrame
    ) -> OwnedTracks:
        motion = torch.from_numpy(base1_T_base0(frame0, frame1).astype(np.float32)).to(self.device)
        step_s = (frame1.stamp_ns - frame0.stamp_ns) * 1e-9
        return replace(owned, tracks=handed_over(owned.tracks, motion, step_s))


def _thing_terms(
    things: Answers, targets: FrameTargets, pairs: tuple[Tensor, Tensor], num_lost: int
) -> list[Tensor]:
    rows, objects = pairs
    label = torch.full((len(things.features),), -1, device=rows.device)
    label[rows] = targets.thing_classes[objects]
    by_mask, by_dice = mask_losses(
        things.mask_logits[rows], targets.thing_masks[objects], targets.visible
    )
    return [
        class_loss(things.class_logits, label, len(rows) + num_lost),
        by_mask,
        by_dice,
        localization_loss(things, targets, rows, objects),
    ]


def _stuff_terms(stuff: Answers, targets: FrameTargets, free: int) -> list[Tensor]:
    """Return class, mask and dice of stuff; a query without stuff should say free."""
    costs = match_costs(stuff, targets.stuff_classes, targets.stuff_masks, targets.visible)
    rows, objects = cheapest(costs)
    label = torch.full((len(stuff.features),), free, device=rows.device)
    label[rows] = targets.stuff_classes[objects]
    by_mask, by_dice = mask_losses(
        stuff.mask_logits[rows], targets.stuff_masks[objects], targets.visible
    )
    return [class_loss(stuff.class_logits, label, len(rows)), by_mask, by_dice]
