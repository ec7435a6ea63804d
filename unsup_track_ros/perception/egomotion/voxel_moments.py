# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sums over the points in each voxel of space: what mean and covariance are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.compiled import compiled_for, compiled_inner
from unsup_track_ros.perception.egomotion.voxel_table import (
    EMPTY,
    empty_table,
    key_of,
    moved,
    packed,
    slot_of,
    unpacked,
)
from unsup_track_ros.shapes import Float64, Int32, Int64

# Weighted points below which a voxel is forgotten: half of one fresh point.
_FORGOTTEN_POINTS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoxelMoments:
    """Sums over the points of each occupied voxel.

    Attributes:
        keys: (V,) packed voxel indices, ascending in a map.
        sums: (V, 10) count, then the coordinates relative to the voxel centre, then their products
            xx, xy, xz, yy, yz, zz.
        table: (S,) where to find each key, see `voxel_table`.
    """

    keys: Int64[np.ndarray, " V"]
    sums: Float64[np.ndarray, "V 10"]
    table: Int32[np.ndarray, " S"]


def empty_moments() -> VoxelMoments:
    """Return a map of nothing."""
    return restored_moments(np.zeros(0, np.int64), np.zeros((0, 10)))


def restored_moments(
    keys: Int64[np.ndarray, " V"], sums: Float64[np.ndarray, "V 10"]
) -> VoxelMoments:
    """Return the map that had these keys and sums."""
    nothing = np.zeros(0, np.int64), np.zeros((0, 10)), np.zeros(0, np.int64)
    old = np.ascontiguousarray(keys), np.ascontiguousarray(sums)
    return _as_moments(_merged(*old, 1.0, *nothing))


def moments_of(points: Float64[np.ndarray, "P 3"], voxel_m: float) -> VoxelMoments:
    """Sum up points voxel by voxel."""
    return updated(empty_moments(), points, np.eye(4), voxel_m, 1.0)


def updated(
    moments: VoxelMoments,
    points_velo: Float64[np.ndarray, "P 3"],
    odom_T_velo: Float64[np.ndarray, "4 4"],
    voxel_m: float,
    keep_ratio: float,
) -> VoxelMoments:
    """Fade a map and add a new scan to it; voxels that faded away are dropped.

    Args:
        moments: Map in odom.
        points_velo: Scan.
        odom_T_velo: Its pose.
        voxel_m: Side of a voxel.
        keep_ratio: What weight the map keeps.
    """
    keys, sums = _summed(
        np.ascontiguousarray(points_velo), np.ascontiguousarray(odom_T_velo), voxel_m
    )
    order = np.argsort(keys)
    return _as_moments(_merged(moments.keys, moments.sums, keep_ratio, keys, sums, order))


def coarsened(moments: VoxelMoments, voxel_m: float) -> VoxelMoments:
    """Merge 2 x 2 x 2 voxels of side `voxel_m` each."""
    return _as_moments(_coarsened(moments.keys, moments.sums, voxel_m))


def overlap_ratio(
    odom_T_velo: Float64[np.ndarray, "4 4"],
    points_velo: Float64[np.ndarray, "P 3"],
    moments: VoxelMoments,
    voxel_m: float,
) -> float:
    """Return the share of a scan's points in voxels that the map has seen."""
    if len(points_velo) == 0:
        return 0.0
    seen = _num_seen(
        np.ascontiguousarray(odom_T_velo),
        np.ascontiguousarray(points_velo),
        moments.keys,
        moments.table,
        voxel_m,
    )
    return seen / len(points_velo)


def _as_moments(parts: tuple[np.ndarray, np.ndarray, np.ndarray]) -> VoxelMoments:
    keys, sums, table = parts
    return VoxelMoments(keys=keys, sums=sums, table=table)


# Count, sums and products of a voxel, as in a row of `VoxelMoments.sums`.
_Row = tuple[float, float, float, float, float, float, float, float, float, float]


@compiled_inner
def _add(sums: np.ndarray, row: int, more: _Row) -> None:
    for column in range(10):
        sums[row, column] += more[column]


_MOMENTS = "Tuple((int64[::1], float64[:, ::1], int32[::1]))"


@compiled_for("Tuple((int64[::1], float64[:, ::1]))(float64[:, ::1], float64[:, ::1], float64)")
def _summed(
    points_velo: np.ndarray, odom_T_velo: np.ndarray, voxel_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sum up points, voxels in the order in which they are met."""
    most, num = len(points_velo), 0
    keys, sums, table = np.empty(most, np.int64), np.empty((most, 10)), empty_table(most)
    for p in range(most):
        x, y, z = moved(odom_T_velo, points_velo, p)
        key = key_of(x, y, z, voxel_m)
        slot = slot_of(key, keys, table)
        row = table[slot]
        if row == EMPTY:
            row = num
            num += 1
            table[slot] = row
            keys[row] = key
            sums[row, :] = 0.0
        i, j, k = unpacked(key)
        x -= (i + 0.5) * voxel_m
        y -= (j + 0.5) * voxel_m
        z -= (k + 0.5) * voxel_m
        _add(sums, row, (1.0, x, y, z, x * x, x * y, x * z, y * y, y * z, z * z))
    return keys[:num].copy(), sums[:num].copy()


@compiled_for(
    _MOMENTS + "(int64[::1], float64[:, ::1], float64, int64[::1], float64[:, ::1], int64[::1])"
)
def _merged(
    old_keys: np.ndarray,
    old_sums: np.ndarray,
    keep_ratio: float,
    new_keys: np.ndarray,
    new_sums: np.ndarray,
    order: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fade the old sums, add the new ones, and keep what is not forgotten, ascending.

    The old keys ascend, the new ones do in `order`.
    """
    most, num, old, new = len(old_keys) + len(new_keys), 0, 0, 0
    keys, sums = np.empty(most, np.int64), np.empty((most, 10))
    while old < len(old_keys) or new < len(new_keys):
        from_old = new == len(new_keys) or (
            old < len(old_keys) and old_keys[old] <= new_keys[order[new]]
        )
        from_new = old == len(old_keys) or (
            new < len(new_keys) and new_keys[order[new]] <= old_keys[old]
        )
        keys[num] = old_keys[old] if from_old else new_keys[order[new]]
        for column in range(10):
            total = keep_ratio * old_sums[old, column] if from_old else 0.0
            sums[num, column] = total + (new_sums[order[new], column] if from_new else 0.0)
        num += sums[num, 0] > _FORGOTTEN_POINTS
        old += from_old
        new += from_new
    keys = keys[:num].copy()
    table = empty_table(num)
    for row in range(num):
        table[slot_of(keys[row], keys, table)] = row
    return keys, sums[:num].copy(), table


@compiled_inner
def _about_parent(keys: np.ndarray, sums: np.ndarray, row: int, voxel_m: float) -> _Row:
    """Return the sums of a voxel about the corner that it shares with its seven siblings."""
    i, j, k = unpacked(keys[row])
    a, b, c = ((i & 1) - 0.5) * voxel_m, ((j & 1) - 0.5) * voxel_m, ((k & 1) - 0.5) * voxel_m
    count, x, y, z = sums[row, 0], sums[row, 1], sums[row, 2], sums[row, 3]
    return (
        count,
        x + count * a,
        y + count * b,
        z + count * c,
        sums[row, 4] + (2.0 * x * a + count * a * a),
        sums[row, 5] + (x * b + y * a + count * a * b),
        sums[row, 6] + (x * c + z * a + count * a * c),
        sums[row, 7] + (2.0 * y * b + count * b * b),
        sums[row, 8] + (y * c + z * b + count * b * c),
        sums[row, 9] + (2.0 * z * c + count * c * c),
    )


@compiled_for(_MOMENTS + "(int64[::1], float64[:, ::1], float64)")
def _coarsened(
    fine_keys: np.ndarray, fine_sums: np.ndarray, voxel_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    most, num = len(fine_keys), 0
    keys, sums, table = np.empty(most, np.int64), np.zeros((most, 10)), empty_table(most)
    first = np.empty(most, np.int64)
    for fine in range(most):
        i, j, k = unpacked(fine_keys[fine])
        key = packed(i >> 1, j >> 1, k >> 1)
        slot = slot_of(key, keys, table)
        row = table[slot]
        if row == EMPTY:
            table[slot] = num
            keys[num] = key
            first[num] = fine
            num += 1
        else:
            _add(sums, row, _about_parent(fine_keys, fine_sums, fine, voxel_m))
    # The first child comes last, as numpy adds: weighted counts often are just what a plane needs,
    # and another order would round them to the other side.
    for row in range(num):
        _add(sums, row, _about_parent(fine_keys, fine_sums, first[row], voxel_m))
    return keys[:num].copy(), sums[:num].copy(), table


@compiled_for("int64(float64[:, ::1], float64[:, ::1], int64[::1], int32[::1], float64)")
def _num_seen(
    odom_T_velo: np.ndarray,
    points_velo: np.ndarray,
    keys: np.ndarray,
    table: np.ndarray,
    voxel_m: float,
) -> int:
    """Count the points in voxels that have a row."""
    num = 0
    for p in range(len(points_velo)):
        x, y, z = moved(odom_T_velo, points_velo, p)
        num += table[slot_of(key_of(x, y, z, voxel_m), keys, table)] != EMPTY
    return num
