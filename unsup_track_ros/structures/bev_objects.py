# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Objects followed in a bird's-eye view, each with its identity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Float64, Int64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BevObjects:
    """N objects of one frame, as rectangles along the axes of odom.

    Attributes:
        stamp_ns: Stamp of the frame.
        ids: (N,) identities; one stays with its object while it is followed.
        rectangles_odom: (N, 4) smallest x, smallest y, largest x, largest y, m.
        presence: (N,) in [0, 1].
    """

    stamp_ns: int
    ids: Int64[np.ndarray, " N"]
    rectangles_odom: Float64[np.ndarray, "N 4"]
    presence: Float64[np.ndarray, " N"]
