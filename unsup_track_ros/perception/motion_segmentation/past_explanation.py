# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Would a past scan have seen clusters where their velocities put them?

Flow can be wrong for all of an object at once: the side of a parked car fills the border of the
image and moves further than block matching reaches. Its wrong velocity then puts the car where the
past scan saw road. A truck that slides along its own side does not contradict the past scan.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.voxels import (
    OUTSIDE,
    VoxelGrid,
    flat_voxels,
    near_any,
    occupied_voxels,
)
from unsup_track_ros.perception.motion_segmentation.projected_scan import motion_to_past
from unsup_track_ros.shapes import Bool, Float, Float32, Float64, Int
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame

_SAMPLES = 200  # points per cluster that are looked up
_VOXEL_M = 0.2  # a point is met from one to two voxels away, a scanner's line spacing at 30 m
_MARGIN_M = 1.0


def explained_shares(
    frame: SensorFrame,
    past: PastFrame,
    egomotion: Egomotion,
    clusters: tuple[Int[np.ndarray, " P"], Float32[np.ndarray, "C1 3"]],
) -> Float64[np.ndarray, " C1"]:
    """Return the share of each cluster that the past scan has points for, nan where not asked.

    Args:
        frame: Current frame.
        past: The frame to compare with.
        egomotion: Motion of the sensor to the current frame.
        clusters: (P,) cluster of each point, 0 for none, and each cluster's velocity in velo (m/s);
            nan for clusters that are not asked about.
    """
    label, velocities_velo = clusters
    shares = np.full(len(velocities_velo), np.nan)
    velo0_T_velo1 = motion_to_past(past, egomotion)
    asked = np.flatnonzero(np.isfinite(velocities_velo[:, 0]))
    if velo0_T_velo1 is None or len(asked) == 0:
        return shares
    member, row = _sample(label, asked)
    seconds = (frame.stamp_ns - past.frame.stamp_ns) * 1e-9
    back_velo1 = frame.cloud.points_velo[member] - seconds * velocities_velo[label[member]]
    back_velo0 = se3.transform(velo0_T_velo1, back_velo1)
    met = _near(past.frame.cloud.points_velo, back_velo0)
    shares[asked] = np.bincount(row, weights=met) / np.bincount(row)
    return shares


def _sample(
    label: Int[np.ndarray, " P"], asked: Int[np.ndarray, " K"]
) -> tuple[Int[np.ndarray, " M"], Int[np.ndarray, " M"]]:
    """Pick an even sample of each asked cluster's points: their rows, and 0..K-1 by cluster."""
    member = np.flatnonzero(np.isin(label, asked))
    member = member[np.argsort(label[member], kind="stable")]
    start = np.searchsorted(label[member], asked)
    size = np.searchsorted(label[member], asked, side="right") - start
    step = np.arange(_SAMPLES) / _SAMPLES
    picked = start[:, None] + (step * size[:, None]).astype(np.int64)
    return member[picked].ravel(), np.repeat(np.arange(len(asked)), _SAMPLES)


def _near(
    points: Float[np.ndarray, "P 3"], places: Float[np.ndarray, "M 3"]
) -> Bool[np.ndarray, " M"]:
    """Tell which places have a point in their voxel or a touching one."""
    low, high = places.min(axis=0) - _MARGIN_M, places.max(axis=0) + _MARGIN_M
    num_x, num_y, num_z = (int(n) for n in np.ceil((high - low) / _VOXEL_M))
    top = low + _VOXEL_M * np.array([num_x, num_y, num_z])
    grid = VoxelGrid(
        minimum_m=(float(low[0]), float(low[1]), float(low[2])),
        maximum_m=(float(top[0]), float(top[1]), float(top[2])),
        shape_zyx=(num_z, num_y, num_x),
    )
    around = ((points > low) & (points < top)).all(axis=1)
    voxel = flat_voxels(grid, places)
    near = np.zeros(len(places), bool)
    inside = voxel != OUTSIDE
    near[inside] = near_any(grid, voxel[inside], occupied_voxels(grid, points[around]))
    return near
