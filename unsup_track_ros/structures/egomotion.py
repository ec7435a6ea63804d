# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the sensor itself moved."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Float64


class EgomotionStatus(enum.Enum):
    """Whether the motion is known, and why not."""

    OK = "ok"
    INITIAL = "initial"  # first frame of a stream: a pose, no motion yet
    MISSING_TRANSFORM = "missing_transform"
    DEGENERATE = "degenerate"  # too few or ill-placed correspondences
    INCONSISTENT = "inconsistent"  # forward and backward estimates disagree


class EgomotionSource(enum.Enum):
    """Which estimator answered."""

    TF = "tf"
    LIDAR = "lidar"
    FLOW = "flow"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Egomotion:
    """Motion from the past frame (0) to the current frame (1).

    Attributes:
        status: OK or INITIAL carry a pose; only OK carries a motion.
        source: Estimator that answered.
        stamp0_ns: Stamp of the past frame, 0 when there is none.
        stamp1_ns: Stamp of the current frame.
        velo1_T_velo0: (4, 4) moves static points of the past LiDAR frame to the current one.
        odom_T_velo1: (4, 4) pose of the current LiDAR in odom; z up, drifting, continuous.
        inlier_ratio: Share of the correspondences explained, nan where the source has none.
        cycle_error_m: Largest disagreement of forward and backward estimate on the scan, nan if
            unknown.
        reason: One sentence when there is no answer.
    """

    status: EgomotionStatus
    source: EgomotionSource
    stamp0_ns: int
    stamp1_ns: int
    velo1_T_velo0: Float64[np.ndarray, "4 4"] | None = None
    odom_T_velo1: Float64[np.ndarray, "4 4"] | None = None
    inlier_ratio: float = float("nan")
    cycle_error_m: float = float("nan")
    reason: str = ""
