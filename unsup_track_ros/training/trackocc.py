# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of TrackOcc on clips of labelled frames: frame after frame, one gradient per clip."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.trackocc import TrackOcc, TrackOccConfig
from unsup_track_ros.networks.trackocc.decoder import Answers
from unsup_track_ros.networks.trackocc.frames import CameraFrames, base1_T_base0, camera_frames
from unsup_track_ros.networks.trackocc.tracks import NO_ID, TrackQueries, handed_over
from unsup_track_ros.networks.trackocc.volume import SeenVolumes
from unsup_track_ros.shapes import Float, Int64
from unsup_track_ros.structures.voxel_scene import OccupancyFrame, VoxelClasses
from unsup_track_ros.training.network_learner import (
    NetworkLearner,
    OptimizerConfig,
    torch_generator,
)
from unsup_track_ros.training.trackocc_assignment import (
    Assignment,
    TrackAugmentationConfig,
    assigned,
    cheapest,
    going_on,
)
from unsup_track_ros.training.trackocc_images import (
    ImageVariationConfig,
    mirrored_worlds,
    varied_images,
)
from unsup_track_ros.training.trackocc_losses import (
    TrackOccLossConfig,
    class_loss,
    depth_loss,
    localization_loss,
    mask_losses,
    match_costs,
    semantic_loss,
)
from unsup_track_ros.training.trackocc_targets import FrameTargets, clip_targets, joined

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
    remembered_clips: int = parameter(
        128,
        "Clips that are kept on the device once read, about 2 MB each; the rest is read again.",
        ge=0,
    )
    losses: TrackOccLossConfig = TrackOccLossConfig()
    tracks: TrackAugmentationConfig = TrackAugmentationConfig()
    images: ImageVariationConfig = ImageVariationConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnedTracks:
    """Tracks between two frames, and the identity that each owns (`NO_ID`: a false one).

    Attributes:
        tracks: Of all clips of the batch.
        owner: What each owns, on the CPU.
    """

    tracks: TrackQueries
    owner: Int64[Tensor, " T"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledClip:
    """F frames of a clip, on the device that learns.

    Attributes:
        frames: Images and cameras.
        depth_m: Nearest return of each pixel block of each camera, 0 for none; None without LiDAR.
        targets: What fills the voxels, frame by frame.
        base1_T_base0: The vehicle's motion from each frame to the next.
        step_s: The time between them.
    """

    frames: CameraFrames
    depth_m: Float[Tensor, "F V h w"] | None
    targets: tuple[FrameTargets, ...]
    base1_T_base0: Float[Tensor, "F-1 4 4"]
    step_s: Float[Tensor, " F-1"]


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
        self.training = training
        self._clips = clips
        self._remembered: dict[tuple[int, bool], LabelledClip] = {}

    def losses(self, rngs: list[np.random.Generator]) -> dict[str, Tensor]:
        """Return the weighted terms of the loss of some clips."""
        mirror_share = self.training.images.mirror_share
        clips = [
            self._clip(int(rng.integers(len(self._clips))), is_mirrored=rng.random() < mirror_share)
            for rng in rngs
        ]
        terms = self._terms_of(clips, rngs) / len(clips)
        weights = self.training.losses
        return {
            name: getattr(weights, name) * term
            for name, term in zip(LOSS_TERMS, terms, strict=True)
            if getattr(weights, name)
        }

    def _clip(self, index: int, *, is_mirrored: bool) -> LabelledClip:
        """Return a clip, from memory if it is there."""
        key = (index, is_mirrored)
        if key not in self._remembered:
            while len(self._remembered) >= max(self.training.remembered_clips, 1):
                self._remembered.pop(next(iter(self._remembered)))
            frames = self._clips.read(index)
            self._remembered[key] = labelled_clip(
                mirrored_worlds(frames) if is_mirrored else frames,
                self._trackocc.config.classes,
                self.device,
            )
        return self._remembered[key]

    def _terms_of(
        self, clips: Sequence[LabelledClip], rngs: Sequence[np.random.Generator]
    ) -> Float[Tensor, " L"]:
        """Return the terms, unweighted, in the order of `LOSS_TERMS`, summed over the clips."""
        network, training = self._trackocc, self.training
        config, num = network.config, len(clips)
        length = len(clips[0].targets)
        # All first frames, all second ones ...: the frames that are asked together lie together.
        frames, depth_m = _frame_major(clips)
        clip = torch.arange(num, device=self.device).repeat(length)
        frames, depth_m = varied_images(frames, depth_m, clip, training.images, rngs)
        generators = [torch_generator(rng) for rng in rngs]
        seen = network.see(frames)
        targets = [joined([one.targets[i] for one in clips]) for i in range(length)]
        owned: OwnedTracks | None = None
        total = torch.zeros(len(LOSS_TERMS) - 2, device=self.device)
        for i, target in enumerate(targets):
            if owned is not None:
                owned = _handed_over(owned, clips, i)
            terms, owned = self._followed(seen.part(i * num, num), target, owned, generators)
            total = total + terms
        semantics = torch.cat([target.semantics for target in targets])
        visible = torch.cat([target.visible for target in targets])
        of_seen = [
            semantic_loss(seen.semantic_logits, semantics, visible, config.classes),
            depth_loss(seen.depth_logits, depth_m, config.depth),
        ]
        return torch.cat([total, torch.stack(of_seen)]) / length

    def _followed(
        self,
        seen: SeenVolumes,
        target: FrameTargets,
        owned: OwnedTracks | None,
        generators: Sequence[torch.Generator],
    ) -> tuple[Float[Tensor, " K"], OwnedTracks]:
        """Return the terms of things and stuff in a frame of every clip, and the tracks after."""
        network, training = self._trackocc, self.training
        classes = network.config.classes
        asking = network.asking(seen, None if owned is None else owned.tracks)
        owner = torch.full((len(asking),), NO_ID)
        if owned is not None:
            owner[: len(owned.owner)] = owned.owner
        things, stuff = network.answer(seen, asking)
        share = assigned(owner, things, target)
        terms = [*_thing_terms(things, target, share), *_stuff_terms(stuff, target, classes.free)]
        rows = going_on(share.owner, things, classes, training.tracks, generators)
        on_device = rows.to(self.device)
        update = network.update(
            asking.chosen(on_device), things.chosen(on_device), training.memory_interval_s
        )
        return torch.stack(terms), OwnedTracks(tracks=update, owner=share.owner[rows])


def labelled_clip(
    frames: Sequence[OccupancyFrame], classes: VoxelClasses, device: torch.device
) -> LabelledClip:
    """Return a clip as tensors.

    Raises:
        DataError: A frame has no labels, or the images differ in number or size.
    """
    depths = [frame.depth_m for frame in frames if frame.depth_m is not None]
    motions = [base1_T_base0(*pair).astype(np.float32) for pair in itertools.pairwise(frames)]
    steps = [(later.stamp_ns - one.stamp_ns) * 1e-9 for one, later in itertools.pairwise(frames)]
    with_depth = len(depths) == len(frames)
    return LabelledClip(
        frames=camera_frames(frames, device),
        depth_m=torch.from_numpy(np.stack(depths)).to(device) if with_depth else None,
        targets=tuple(clip_targets(frames, classes, device)),
        base1_T_base0=torch.from_numpy(np.stack([np.eye(4, dtype=np.float32), *motions])[1:]).to(
            device
        ),
        step_s=torch.tensor(steps, device=device),
    )


def _frame_major(
    clips: Sequence[LabelledClip],
) -> tuple[CameraFrames, Float[Tensor, "B V h w"] | None]:
    """Return the frames of clips as one batch: the first of every clip, then the second ..."""

    def mixed(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(parts), dim=1).flatten(0, 1)

    frames = CameraFrames(
        images=mixed([one.frames.images for one in clips]),
        pix_T_cam=mixed([one.frames.pix_T_cam for one in clips]),
        base_T_cam=mixed([one.frames.base_T_cam for one in clips]),
    )
    depths = [one.depth_m for one in clips if one.depth_m is not None]
    return frames, mixed(depths) if len(depths) == len(clips) else None


def _handed_over(owned: OwnedTracks, clips: Sequence[LabelledClip], index: int) -> OwnedTracks:
    """Bring the tracks of all clips to their frame of an index."""
    motion = torch.stack([one.base1_T_base0[index - 1] for one in clips])
    step_s = torch.stack([one.step_s[index - 1] for one in clips])
    return replace(owned, tracks=handed_over(owned.tracks, motion, step_s))


def _thing_terms(things: Answers, targets: FrameTargets, share: Assignment) -> list[Tensor]:
    """Return class, mask, dice and localisation of things."""
    device, frames = things.frame.device, targets.thing_frames[share.objects]
    label = torch.full((len(things),), -1, device=device)
    rows, objects, frame = share.rows.to(device), share.objects.to(device), frames.to(device)
    label[rows] = targets.thing_classes[objects]
    of_query = share.num_matched.clamp_min(1).reciprocal().to(device)[things.frame]
    of_pair = _shares(frames, len(targets.visible)).to(device)
    masks = things.mask_logits.index_select(0, rows)
    true = targets.thing_masks[objects]
    return [
        class_loss(things.class_logits, label, of_query),
        *mask_losses(masks, true, targets.visible[frame], of_pair),
        localization_loss(things, targets, (rows, objects), of_pair),
    ]


def _stuff_terms(stuff: Answers, targets: FrameTargets, free: int) -> list[Tensor]:
    """Return class, mask and dice of stuff; a query without stuff should say free."""
    costs = match_costs(stuff, targets.stuff_classes, targets.stuff_masks, targets.visible)
    together = stuff.frame.cpu()[:, None] == targets.stuff_frames
    row, column = cheapest(costs.cpu(), together)
    device, frames = stuff.frame.device, targets.stuff_frames[column]
    rows, objects, frame = row.to(device), column.to(device), frames.to(device)
    label = torch.full((len(stuff),), free, device=device)
    label[rows] = targets.stuff_classes[objects]
    num = torch.bincount(frames, minlength=len(targets.visible))
    of_query = num.clamp_min(1).reciprocal().to(device)[stuff.frame]
    masks = stuff.mask_logits.index_select(0, rows)
    true, of_pair = targets.stuff_masks[objects], of_query[rows]
    return [
        class_loss(stuff.class_logits, label, of_query),
        *mask_losses(masks, true, targets.visible[frame], of_pair),
    ]


def _shares(frames: Int64[Tensor, " M"], num_frames: int) -> Float[Tensor, " M"]:
    """Return the share of each row in the mean over the rows of its frame."""
    return torch.bincount(frames, minlength=num_frames)[frames].reciprocal()
