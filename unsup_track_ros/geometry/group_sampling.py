# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Even samples of groups of rows."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled_for, read_only
from unsup_track_ros.shapes import Int, Int64


def evenly_picked(group: Int[np.ndarray, " M"], most: int) -> Int64[np.ndarray, " K"]:
    """Pick at most `most` rows of each group, evenly spread over its rows, in ascending order.

    Args:
        group: (M,) ascending group of each row; numbers may be left out.
        most: Rows per group.
    """
    picked = np.empty(len(group), np.int64)
    num = _pick(np.ascontiguousarray(group, np.int64), most, picked)
    return picked[:num]


@compiled_for(f"int64({read_only('int64')}, int64, int64[::1])")
def _pick(group: np.ndarray, most: int, picked: np.ndarray) -> int:
    """Write the picked rows to the front of `picked` and return how many they are."""
    count = first = 0
    while first < len(group):
        last = first
        while last < len(group) and group[last] == group[first]:
            last += 1
        # A row is picked where a new multiple of the stride is passed, the first of a group always.
        stride, passed = max((last - first) / most, 1.0), -1.0
        for rank in range(last - first):
            multiple = np.floor(rank / stride)
            picked[count] = first + rank
            count += multiple > passed
            passed = multiple
        first = last
    return count
