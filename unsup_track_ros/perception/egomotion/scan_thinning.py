# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which points of a scan are registered: those in range, few enough, or one per voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.compiled import compiled_for
from unsup_track_ros.perception.egomotion.voxel_table import EMPTY, empty_table, key_of, slot_of
from unsup_track_ros.shapes import Float32, Float64, Int32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanInRange:
    """A scan and which of its points are looked at.

    Attributes:
        points_velo: (P, 3) all points.
        chosen: (Q,) those in range, ascending.
    """

    points_velo: Float32[np.ndarray, "P 3"]
    chosen: Int32[np.ndarray, " Q"]

    def __len__(self) -> int:
        return len(self.chosen)

    def thinned(self, most: int) -> Float64[np.ndarray, "R 3"]:
        """Return the points in range, thinned evenly if there are more than `most`."""
        stride = max(-(-len(self.chosen) // most), 1)
        return _every(self.points_velo, self.chosen, stride)


def in_range(
    points_velo: Float32[np.ndarray, "P 3"], min_range_m: float, max_range_m: float
) -> ScanInRange:
    """Choose the points between two ranges; nan lies outside."""
    contiguous = np.ascontiguousarray(points_velo)
    chosen = _between(contiguous, min_range_m**2, max_range_m**2)
    return ScanInRange(points_velo=contiguous, chosen=chosen)


def first_per_voxel(
    points: Float64[np.ndarray, "P 3"], voxel_m: float
) -> Float64[np.ndarray, "Q 3"]:
    """Return the first point in each voxel, in the order of the points."""
    return points.take(_first_per_voxel(np.ascontiguousarray(points), voxel_m), axis=0)


# Ranges are compared in the precision of the points.
@compiled_for("int32[::1](float32[:, ::1], float32, float32)")
def _between(points: np.ndarray, near_squared: float, far_squared: float) -> np.ndarray:
    between = np.empty(len(points), np.int32)
    num = 0
    for p in range(len(points)):
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        squared = x * x + y * y + z * z
        between[num] = p
        num += (squared > near_squared) & (squared < far_squared)
    return between[:num].copy()


@compiled_for("float64[:, ::1](float32[:, ::1], int32[::1], int64)")
def _every(points: np.ndarray, chosen: np.ndarray, stride: int) -> np.ndarray:
    every = np.empty((-(-len(chosen) // stride), 3))
    for k in range(len(every)):
        for axis in range(3):
            every[k, axis] = points[chosen[k * stride], axis]
    return every


@compiled_for("int32[::1](float64[:, ::1], float64)")
def _first_per_voxel(points: np.ndarray, voxel_m: float) -> np.ndarray:
    keys, first = np.empty(len(points), np.int64), np.empty(len(points), np.int32)
    table = empty_table(len(points))
    num = 0
    for p in range(len(points)):
        key = key_of(points[p, 0], points[p, 1], points[p, 2], voxel_m)
        slot = slot_of(key, keys, table)
        if table[slot] == EMPTY:
            table[slot] = num
            keys[num] = key
            first[num] = p
            num += 1
    return first[:num].copy()
