# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sums over the points in each voxel of space: what mean and covariance are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Bool, Float, Float64, Int64

# Voxel indices are packed into 3 x 21 bits, shifted so that negative ones sort first.
_BITS = 21
_SHIFT = 1 << (_BITS - 1)
_MASK = (1 << _BITS) - 1

# Products behind the six different entries of a symmetric 3 x 3 matrix.
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))

# Weighted points below which a voxel is forgotten: half of one fresh point.
_FORGOTTEN_POINTS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoxelMoments:
    """Sums over the points of each occupied voxel, sorted by key.

    Attributes:
        keys: (V,) packed voxel indices.
        sums: (V, 10) count, then the coordinates relative to the voxel centre, then their products.
    """

    keys: Int64[np.ndarray, " V"]
    sums: Float64[np.ndarray, "V 10"]


def empty_moments() -> VoxelMoments:
    """Return a map of nothing."""
    return VoxelMoments(keys=np.zeros(0, np.int64), sums=np.zeros((0, 10)))


def moments_of(points: Float[np.ndarray, "P 3"], voxel_m: float) -> VoxelMoments:
    """Sum up points voxel by voxel."""
    if len(points) == 0:
        return empty_moments()
    # One array per axis: reading columns of (P, 3) costs as much again as the sums.
    axes = np.ascontiguousarray(points.T)
    index = np.floor(axes / voxel_m)
    order, start, keys = _groups(_pack(*index.astype(np.int64)))
    local = (axes - (index + 0.5) * voxel_m).take(order, axis=1)
    sums = np.empty((len(keys), 10))
    sums[:, 0] = np.diff(start, append=len(points))
    for axis in range(3):
        sums[:, 1 + axis] = np.add.reduceat(local[axis], start)
    for column, (i, j) in enumerate(PAIRS, start=4):
        sums[:, column] = np.add.reduceat(local[i] * local[j], start)
    return VoxelMoments(keys=keys, sums=sums)


def updated(moments: VoxelMoments, new: VoxelMoments, keep_ratio: float) -> VoxelMoments:
    """Fade a map and add a new scan to it; voxels that faded away are dropped."""
    merged = _summed(
        np.concatenate([moments.keys, new.keys]),
        np.concatenate([moments.sums * keep_ratio, new.sums]),
    )
    remembered = merged.sums[:, 0] > _FORGOTTEN_POINTS
    return VoxelMoments(
        keys=merged.keys[remembered], sums=np.compress(remembered, merged.sums, axis=0)
    )


def coarsened(moments: VoxelMoments, voxel_m: float) -> VoxelMoments:
    """Merge 2 x 2 x 2 voxels of side `voxel_m` each."""
    index = unpack(moments.keys)
    parent = index >> 1
    offset = (index - 2 * parent - 0.5) * voxel_m
    count, first = moments.sums[:, :1], moments.sums[:, 1:4]
    sums = np.concatenate([count, first + count * offset, moments.sums[:, 4:]], axis=1)
    for column, (i, j) in enumerate(PAIRS, start=4):
        crossed = first[:, i] * offset[:, j] + first[:, j] * offset[:, i]
        sums[:, column] += crossed + count[:, 0] * offset[:, i] * offset[:, j]
    return _summed(_pack(*parent.T), sums)


def overlap_ratio(
    points_odom: Float64[np.ndarray, "P 3"], moments: VoxelMoments, voxel_m: float
) -> float:
    """Return the share of the points in voxels that the map has seen."""
    keys = voxel_keys(points_odom, voxel_m)
    return float(find(moments.keys, keys)[1].mean()) if len(keys) and len(moments.keys) else 0.0


def _summed(keys: np.ndarray, sums: np.ndarray) -> VoxelMoments:
    """Add up the rows of equal key."""
    if len(keys) == 0:
        return empty_moments()
    order, start, distinct = _groups(keys)
    return VoxelMoments(
        keys=distinct, sums=np.add.reduceat(sums.take(order, axis=0), start, axis=0)
    )


def _groups(
    keys: Int64[np.ndarray, " P"],
) -> tuple[Int64[np.ndarray, " P"], Int64[np.ndarray, " V"], Int64[np.ndarray, " V"]]:
    """Return the order that sorts keys, where each group of equal ones starts, and its key."""
    order = np.argsort(keys, kind="stable")
    ordered = keys.take(order)
    start = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return order, start, ordered.take(start)


def find(
    sorted_keys: Int64[np.ndarray, " V"], keys: Int64[np.ndarray, " P"]
) -> tuple[Int64[np.ndarray, " P"], Bool[np.ndarray, " P"]]:
    """Look keys up: their places, and whether they are there."""
    if len(sorted_keys) == 0:
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
    place = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return place, sorted_keys[place] == keys


def voxel_keys(points: Float64[np.ndarray, "P 3"], voxel_m: float) -> Int64[np.ndarray, " P"]:
    """Return the packed index of the voxel that each point lies in."""
    return _pack(*np.floor(points.T / voxel_m).astype(np.int64))


def _pack(
    x: Int64[np.ndarray, " P"], y: Int64[np.ndarray, " P"], z: Int64[np.ndarray, " P"]
) -> Int64[np.ndarray, " P"]:
    keys: Int64[np.ndarray, " P"] = (x + _SHIFT) << 2 * _BITS
    keys |= (y + _SHIFT) << _BITS
    keys |= z + _SHIFT
    return keys


def unpack(keys: Int64[np.ndarray, " V"]) -> Int64[np.ndarray, "V 3"]:
    """Return the three voxel indices behind each key."""
    return np.stack([keys >> 2 * _BITS, (keys >> _BITS) & _MASK, keys & _MASK], axis=1) - _SHIFT
