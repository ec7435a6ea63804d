# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Egomotion from TF, LiDAR odometry, or optical flow and depth; and whether they agree."""

from __future__ import annotations

from unsup_track_ros.perception.egomotion.consistency import (
    EgomotionConsistencyCheck,
    EgomotionConsistencyConfig,
)
from unsup_track_ros.perception.egomotion.estimator import EgomotionConfig, EgomotionEstimator

__all__ = [
    "EgomotionConfig",
    "EgomotionConsistencyCheck",
    "EgomotionConsistencyConfig",
    "EgomotionEstimator",
]
