# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Identities over time for panoptic occupancy of single frames: two baselines.

The voxels of every track are kept in odom, so that the vehicle's motion is taken out, and laid on
the current frame: `motion: none` as they were, `motion: kalman` moved by a constant-velocity filter
on the centre of the voxels. Tracks and instances of one class are matched one to one for the
largest sum of voxel IoU; with a filter those left over also by the distance of their centres.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.base_voxels import OUTSIDE, base_voxel_centres, base_voxel_of
from unsup_track_ros.geometry.se3 import inverse, transform
from unsup_track_ros.shapes import Float64, Int64
from unsup_track_ros.structures.voxel_scene import NO_INSTANCE, PanopticPrediction

# The released evaluation of TrackOcc leaves identity 1 out.
_FIRST_ID = 2


class VoxelAssociationConfig(Config):
    """How instances of one frame become objects over time."""

    motion: Literal["none", "kalman"] = parameter(
        "none", "What is believed of the motion of an object: none, or a constant velocity."
    )
    min_iou: float = parameter(0.05, "Smallest voxel IoU of track and instance.", gt=0, le=1)
    max_distance_m: float = parameter(
        3.0, "With a filter, largest distance of predicted and measured centre.", unit="m", gt=0
    )
    max_age_s: float = parameter(1.6, "Longest time a track lives unmatched.", unit="s", ge=0)
    position_noise_m: float = parameter(
        0.4, "Standard deviation of a measured centre.", unit="m", gt=0
    )
    acceleration_mps2: float = parameter(
        2.0, "Standard deviation of the acceleration.", unit="m/s^2", gt=0
    )
    start_speed_mps: float = parameter(
        5.0, "Standard deviation of the velocity of a new track.", unit="m/s", gt=0
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Instance:
    """Voxels of one identity in one frame."""

    number: int
    thing: int
    voxels: Int64[np.ndarray, " V"]
    centres_odom: Float64[np.ndarray, "V 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Track:
    """An object: its voxels when last seen, and the filter (same covariance along all axes)."""

    identity: int
    thing: int
    seen_ns: int
    stamp_ns: int
    centres_odom: Float64[np.ndarray, "V 3"]
    mean: Float64[np.ndarray, "2 3"]
    covariance: Float64[np.ndarray, "2 2"]


class VoxelAssociator:
    """Renames the instances of single frames to identities over time."""

    def __init__(self, config: VoxelAssociationConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Forget all tracks; identities start anew."""
        self._tracks: list[_Track] = []
        self._next_id = _FIRST_ID

    def step(self, answer: PanopticPrediction) -> PanopticPrediction:
        """Return the answer with identities that last; semantics stay as they are."""
        instances = _instances_of(answer)
        tracks = [self._predicted(track, answer.stamp_ns) for track in self._tracks]
        matched = self._matched(tracks, instances, answer)
        names = np.zeros(int(answer.instances.max(initial=0)) + 1, np.int32)
        kept: list[_Track] = []
        for row, instance in enumerate(instances):
            track = tracks[matched[row]] if row in matched else None
            updated = self._updated(track, instance, answer.stamp_ns)
            names[instance.number] = updated.identity
            kept.append(updated)
        lost = set(range(len(tracks))) - set(matched.values())
        oldest_ns = answer.stamp_ns - round(self._config.max_age_s * 1e9)
        self._tracks = kept + [tracks[k] for k in sorted(lost) if tracks[k].seen_ns >= oldest_ns]
        return replace(answer, instances=names[np.maximum(answer.instances, NO_INSTANCE)])

    def _predicted(self, track: _Track, stamp_ns: int) -> _Track:
        if self._config.motion == "none":
            return replace(track, stamp_ns=stamp_ns)
        step_s = (stamp_ns - track.stamp_ns) / 1e9
        move = np.array([[1.0, step_s], [0.0, 1.0]])
        push = np.array([0.5 * step_s**2, step_s]) * self._config.acceleration_mps2
        mean = move @ track.mean
        return replace(
            track,
            stamp_ns=stamp_ns,
            centres_odom=track.centres_odom + (mean[0] - track.mean[0]),
            mean=mean,
            covariance=move @ track.covariance @ move.T + np.outer(push, push),
        )

    def _matched(
        self, tracks: list[_Track], instances: list[_Instance], answer: PanopticPrediction
    ) -> dict[int, int]:
        """Return the row of the track of each matched instance."""
        if not tracks or not instances:
            return {}
        same = np.array([[i.thing == t.thing for t in tracks] for i in instances])
        iou = np.where(same, _ious(instances, tracks, answer), 0.0)
        matched = _assigned(iou, self._config.min_iou)
        if self._config.motion == "none":
            return matched
        centres = np.array([i.centres_odom.mean(0) for i in instances])
        predicted = np.array([t.mean[0] for t in tracks])
        gap_m = np.linalg.norm(centres[:, None] - predicted, axis=2)
        near = np.where(same, 1.0 - gap_m / self._config.max_distance_m, 0.0)
        near[list(matched)] = 0.0
        near[:, list(matched.values())] = 0.0
        return matched | _assigned(near, 1e-9)

    def _updated(self, track: _Track | None, instance: _Instance, stamp_ns: int) -> _Track:
        centre = instance.centres_odom.mean(0)
        noise = self._config.position_noise_m**2
        if track is None:
            identity, self._next_id = self._next_id, self._next_id + 1
            mean = np.stack([centre, np.zeros(3)])
            covariance = np.diag([noise, self._config.start_speed_mps**2])
        else:
            identity = track.identity
            gain = track.covariance[:, 0] / (track.covariance[0, 0] + noise)
            mean = track.mean + gain[:, None] * (centre - track.mean[0])
            covariance = track.covariance - np.outer(gain, track.covariance[0])
        return _Track(
            identity=identity,
            thing=instance.thing,
            seen_ns=stamp_ns,
            stamp_ns=stamp_ns,
            centres_odom=instance.centres_odom,
            mean=mean,
            covariance=covariance,
        )


def _instances_of(answer: PanopticPrediction) -> list[_Instance]:
    """Split the voxels of things by identity."""
    voxels = np.flatnonzero(answer.instances.reshape(-1) > NO_INSTANCE)
    numbers = answer.instances.reshape(-1)[voxels].astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    voxels, numbers = voxels[order], numbers[order]
    centres_base = base_voxel_centres(answer.grid).reshape(-1, 3)[voxels]
    centres_odom = transform(answer.odom_T_base, centres_base)
    classes = answer.semantics.reshape(-1)[voxels]
    _, starts = np.unique(numbers, return_index=True)
    return [
        _Instance(
            number=int(numbers[first]),
            thing=int(np.bincount(classes[first:end]).argmax()),
            voxels=voxels[first:end],
            centres_odom=centres_odom[first:end],
        )
        for first, end in zip(starts, np.append(starts, len(numbers))[1:], strict=True)
    ]


def _ious(
    instances: list[_Instance], tracks: list[_Track], answer: PanopticPrediction
) -> Float64[np.ndarray, "I T"]:
    """Return the voxel IoU of every instance and the tracks' voxels on the current grid."""
    base_T_odom = inverse(answer.odom_T_base)
    sizes = [len(track.centres_odom) for track in tracks]
    points_odom = np.concatenate([track.centres_odom for track in tracks])
    flat = base_voxel_of(answer.grid, transform(base_T_odom, points_odom))
    row = np.repeat(np.arange(len(tracks)), sizes)
    # Two places of a track may fall into one voxel: it counts once.
    pairs = np.unique(np.stack([row[flat != OUTSIDE], flat[flat != OUTSIDE]]), axis=1)
    instance_of = np.full(answer.instances.size, -1)
    for number, instance in enumerate(instances):
        instance_of[instance.voxels] = number
    hit = instance_of[pairs[1]]
    num = len(tracks)
    met = np.bincount((hit * num + pairs[0])[hit >= 0], minlength=len(instances) * num)
    shared = met.reshape(len(instances), num).astype(np.float64)
    areas = np.array([len(instance.voxels) for instance in instances], np.float64)
    union = areas[:, None] + np.bincount(pairs[0], minlength=num) - shared
    return np.asarray(shared / union)


def _assigned(worth: Float64[np.ndarray, "I T"], least: float) -> dict[int, int]:
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if worth[r, c] >= least}
