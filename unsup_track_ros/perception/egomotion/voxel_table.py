# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Voxels of space by number: keys, and the tables in which compiled loops look them up.

A table has a slot for the row of each key, found by hashing; a slot that is taken by another key
sends on to the next one (open addressing). It is never more than half full.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled_inner
from unsup_track_ros.shapes import Float64, Int32, Int64

# Voxel indices are packed into 3 x 21 bits, shifted so that negative ones sort first.
_BITS = 21
_SHIFT = 1 << (_BITS - 1)
_MASK = (1 << _BITS) - 1

# 2^64 over the golden ratio: the upper half of a product with it looks like chance.
_SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)

EMPTY = -1


@compiled_inner
def moved(
    a_T_b: Float64[np.ndarray, "4 4"], points_b: Float64[np.ndarray, "P 3"], p: int
) -> tuple[float, float, float]:
    """Return a point moved from b to a."""
    # Unpacking `points_b[p]` takes five times as long: its length is checked.
    x, y, z = points_b[p, 0], points_b[p, 1], points_b[p, 2]
    return (
        a_T_b[0, 0] * x + a_T_b[0, 1] * y + a_T_b[0, 2] * z + a_T_b[0, 3],
        a_T_b[1, 0] * x + a_T_b[1, 1] * y + a_T_b[1, 2] * z + a_T_b[1, 3],
        a_T_b[2, 0] * x + a_T_b[2, 1] * y + a_T_b[2, 2] * z + a_T_b[2, 3],
    )


@compiled_inner
def key_of(x: float, y: float, z: float, voxel_m: float) -> int:
    """Return the packed index of the voxel that a point lies in."""
    i, j, k = np.floor(x / voxel_m), np.floor(y / voxel_m), np.floor(z / voxel_m)
    return packed(int(i), int(j), int(k))


@compiled_inner
def packed(i: int, j: int, k: int) -> int:
    """Return the key of a voxel."""
    return ((i + _SHIFT) << (2 * _BITS)) | ((j + _SHIFT) << _BITS) | (k + _SHIFT)


@compiled_inner
def unpacked(key: int) -> tuple[int, int, int]:
    """Return the three indices of a voxel."""
    return (key >> (2 * _BITS)) - _SHIFT, ((key >> _BITS) & _MASK) - _SHIFT, (key & _MASK) - _SHIFT


@compiled_inner
def empty_table(most: int) -> Int32[np.ndarray, " S"]:
    """Return a table for up to `most` keys."""
    size = 16
    while size < 2 * most:
        size *= 2
    return np.full(size, EMPTY, np.int32)


@compiled_inner
def slot_of(key: int, keys: Int64[np.ndarray, " V"], table: Int32[np.ndarray, " S"]) -> int:
    """Return the slot that holds the row of a key, or the empty one where it belongs.

    Args:
        key: Packed index of a voxel.
        keys: (V,) key of each row.
        table: (S,) rows.
    """
    mask = len(table) - 1
    # The upper bits are those of x: folded down, lest the product loses them.
    slot = (((key ^ (key >> 31)) * _SPREAD) >> 32) & mask
    while table[slot] != EMPTY and keys[table[slot]] != key:
        slot = (slot + 1) & mask
    return slot
