# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Egomotion from TF, from LiDAR odometry, or from optical flow and depth."""

from __future__ import annotations

from unsup_track_ros.perception.egomotion.estimator import EgomotionConfig, EgomotionEstimator

__all__ = ["EgomotionConfig", "EgomotionEstimator"]
