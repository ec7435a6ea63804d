# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where obstacles stand that the static map does not explain, seen from above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Bool, Int64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChangeImage:
    """A bird's-eye view of what is not static; `changed[y, x]`, axes of odom.

    Attributes:
        stamp_ns: Stamp of the scan.
        resolution_m: Side of a cell.
        first_cell: (2,) x, y index of cell [0, 0], in cells from the origin of odom.
        changed: (Y, X) an obstacle is seen where the map says free.
    """

    stamp_ns: int
    resolution_m: float
    first_cell: Int64[np.ndarray, " 2"]
    changed: Bool[np.ndarray, "Y X"]
