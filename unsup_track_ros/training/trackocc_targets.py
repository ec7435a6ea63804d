# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the frames of a clip are labelled with, as TrackOcc is asked for it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.base_voxels import base_voxel_centres
from unsup_track_ros.networks.trackocc.config import DepthBinsConfig
from unsup_track_ros.networks.trackocc.frames import base1_T_base0
from unsup_track_ros.shapes import Bool, Float, Float64, Int64
from unsup_track_ros.structures.voxel_scene import (
    NO_INSTANCE,
    OccupancyFrame,
    VoxelClasses,
    VoxelLabels,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameTargets:
    """Labels of B frames of different clips, with G things and S kinds of stuff in all.

    Attributes:
        semantics: Class of every voxel.
        visible: Where losses count: seen, and of no ignored class.
        thing_ids: Identities over the recording; on the CPU, like all that decides who answers.
        thing_frames: The frame that each thing is in, on the CPU.
        thing_classes: Their classes.
        thing_masks: Their voxels.
        centres_base: Middle of their voxels, m.
        velocities_base: Over ground in axes of base, m/s; nan where the next frame lacks the thing.
        stuff_frames: The frame that each kind of stuff is in, on the CPU.
        stuff_classes: Classes of stuff that are there.
        stuff_masks: Their voxels.
    """

    semantics: Int64[Tensor, "B Z Y X"]
    visible: Bool[Tensor, "B Z Y X"]
    thing_ids: Int64[Tensor, " G"]
    thing_frames: Int64[Tensor, " G"]
    thing_classes: Int64[Tensor, " G"]
    thing_masks: Bool[Tensor, "G Z Y X"]
    centres_base: Float[Tensor, "G 3"]
    velocities_base: Float[Tensor, "G 3"]
    stuff_frames: Int64[Tensor, " S"]
    stuff_classes: Int64[Tensor, " S"]
    stuff_masks: Bool[Tensor, "S Z Y X"]


def joined(targets: Sequence[FrameTargets]) -> FrameTargets:
    """Return the frames of several as one batch, in their order."""
    if len(targets) == 1:
        return targets[0]
    first = [0, *itertools.accumulate(len(one.visible) for one in targets)]
    parts = {}
    for part in fields(FrameTargets):
        values = [getattr(one, part.name) for one in targets]
        if part.name in ("thing_frames", "stuff_frames"):
            values = [value + before for value, before in zip(values, first, strict=False)]
        parts[part.name] = torch.cat(values)
    return FrameTargets(**parts)


def clip_targets(
    frames: Sequence[OccupancyFrame], classes: VoxelClasses, device: torch.device
) -> list[FrameTargets]:
    """Return the targets of the frames of a clip, each a batch of its own.

    Raises:
        DataError: A frame has no labels.
    """
    labels = [_labels_of(frame) for frame in frames]
    centres = [_thing_centres(one) for one in labels]
    targets = []
    for i, frame in enumerate(frames):
        velocities = np.full((len(centres[i][0]), 3), np.nan)
        if i + 1 < len(frames):
            velocities = _velocities(frame, frames[i + 1], centres[i], centres[i + 1])
        targets.append(_frame_targets(labels[i], (*centres[i], velocities), classes, device))
    return targets


def _labels_of(frame: OccupancyFrame) -> VoxelLabels:
    if frame.labels is None:
        raise DataError(
            f"The frame at {frame.stamp_ns} ns has no labels to learn from. Give clips with labels."
        )
    return frame.labels


def _thing_centres(
    labels: VoxelLabels,
) -> tuple[Int64[np.ndarray, " G"], Float64[np.ndarray, "G 3"]]:
    """Return the things of which a voxel is visible, and the middles of all their voxels."""
    instances = labels.instances
    ids = np.unique(instances[labels.visible & (instances != NO_INSTANCE)]).astype(np.int64)
    inside = np.isin(instances, ids)
    row = np.searchsorted(ids, instances[inside])
    count = np.bincount(row, minlength=len(ids)).clip(1)
    places = base_voxel_centres(labels.grid)[inside]
    sums = [np.bincount(row, weights=places[:, axis], minlength=len(ids)) for axis in range(3)]
    return ids, np.stack(sums, axis=1) / count[:, None]


def _velocities(
    frame0: OccupancyFrame,
    frame1: OccupancyFrame,
    things0: tuple[np.ndarray, np.ndarray],
    things1: tuple[np.ndarray, np.ndarray],
) -> Float64[np.ndarray, "G 3"]:
    """Return how fast things get to where they are in the next frame, in axes of this one."""
    (ids0, centres_base0), (ids1, centres_base1) = things0, things1
    base0_T_base1 = se3.inverse(base1_T_base0(frame0, frame1))
    next_base0 = se3.transform(base0_T_base1, centres_base1)
    velocities = np.full((len(ids0), 3), np.nan)
    _, row0, row1 = np.intersect1d(ids0, ids1, assume_unique=True, return_indices=True)
    step_s = (frame1.stamp_ns - frame0.stamp_ns) * 1e-9
    velocities[row0] = (next_base0[row1] - centres_base0[row0]) / step_s
    return velocities


def _frame_targets(
    labels: VoxelLabels,
    things: tuple[np.ndarray, np.ndarray, np.ndarray],
    classes: VoxelClasses,
    device: torch.device,
) -> FrameTargets:
    ids, centres, velocities = things
    semantics = torch.from_numpy(labels.semantics.astype(np.int64)).to(device)
    instances = torch.from_numpy(labels.instances.astype(np.int64)).to(device)
    visible = torch.from_numpy(labels.visible).to(device)
    if classes.ignored:
        visible = visible & ~torch.isin(semantics, torch.tensor(classes.ignored, device=device))
    thing_ids = torch.from_numpy(ids).to(device)
    masks = instances == thing_ids[:, None, None, None]
    votes = functional.one_hot(semantics, len(classes)).flatten(0, 2).float()
    votes = masks.flatten(1).float() @ votes  # the class of a thing is that of most of its voxels
    allowed = torch.tensor(classes.things, device=device)
    stuff = torch.tensor(classes.stuff, dtype=torch.int64, device=device)
    stuff_masks = semantics == stuff[:, None, None, None]
    there = (stuff_masks & visible).flatten(1).any(1)
    return FrameTargets(
        semantics=semantics[None],
        visible=visible[None],
        thing_ids=thing_ids.cpu(),
        thing_frames=torch.zeros(len(ids), dtype=torch.int64),
        thing_classes=allowed[votes[:, allowed].argmax(1)],
        thing_masks=masks,
        centres_base=torch.from_numpy(centres.astype(np.float32)).to(device),
        velocities_base=torch.from_numpy(velocities.astype(np.float32)).to(device),
        stuff_frames=torch.zeros(int(there.sum()), dtype=torch.int64),
        stuff_classes=stuff[there],
        stuff_masks=stuff_masks[there],
    )


def depth_bins(
    depth_m: Float[Tensor, "V h w"], cells: tuple[int, int], bins: DepthBinsConfig
) -> Int64[Tensor, "V y x"]:
    """Return the bin of the nearest return in each cell, -1 where there is none within the bins."""
    nearness = torch.where(depth_m > 0, -depth_m, -torch.inf)
    nearest = -functional.adaptive_max_pool2d(nearness, cells)
    index = torch.floor((nearest - bins.nearest_m) / bins.step_m)
    inside = torch.isfinite(index) & (index >= 0) & (index < bins.num)
    return torch.where(inside, index, -1.0).to(torch.int64)
