# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Even samples of groups of rows."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.shapes import Int, Int64


def evenly_picked(group: Int[np.ndarray, " M"], most: int) -> Int64[np.ndarray, " K"]:
    """Pick at most `most` rows of each group, evenly spread over its rows, in ascending order.

    Args:
        group: (M,) ascending group of each row; numbers may be left out.
        most: Rows per group.
    """
    start = np.flatnonzero(np.diff(group, prepend=-1))
    size = np.diff(start, append=len(group))
    rank = np.arange(len(group)) - np.repeat(start, size)
    stride = np.repeat(np.maximum(size / most, 1.0), size)
    # A row is picked where a new multiple of the stride is passed; the first of a group always is.
    passed = np.floor(rank / stride)
    return np.flatnonzero((rank == 0) | (passed != np.roll(passed, 1)))
