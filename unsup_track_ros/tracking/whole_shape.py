# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Size and heading of objects whose detections are boxes of the whole of them.

A detector that guesses whole boxes mistakes length for width now and then: the box is turned by a
quarter, with about the right length along the wrong axis. Its centre is still a measurement, its
size and heading are not. Which axis is right is a vote, in which sure boxes weigh more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unsup_track_ros.shapes import Bool, Float64
from unsup_track_ros.tracking.correction import refine_heading, turned_by
from unsup_track_ros.tracking.motion_model import MotionModelConfig
from unsup_track_ros.tracking.track_store import TrackTable
from unsup_track_ros.tracking.visible_extent import VisibleExtentConfig


def shape_weights(noise_factors: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """Return how much boxes weigh: as measurements of a constant do, inverse to the variance."""
    return np.asarray(noise_factors**-2.0)


def correct_shape(
    table: TrackTable,
    boxes_odom: Float64[np.ndarray, "N 7"],
    heading_known: Bool[np.ndarray, " N"],
    noise_factors: Float64[np.ndarray, " N"],
    unseen_s: Float64[np.ndarray, " N"],
    configs: tuple[MotionModelConfig, VisibleExtentConfig],
) -> TrackTable:
    """Correct size and heading by boxes of whole objects.

    The size is the weighted mean of the boxes, old ones forgotten over `growth_time_s`; the heading
    has its filter. A box along the other axis takes its weight from that of the track, and where
    nothing is left of it, the track takes over that box.

    Args:
        table: Tracks, before the boxes count as seen.
        boxes_odom: The box of each.
        heading_known: Whether its front and rear are told apart.
        noise_factors: Of its score, from `motion_model.noise_factors`.
        unseen_s: Time since the previous box.
        configs: Parameters.
    """
    motion, extent = configs
    yaw_std_rad = motion.yaw_std_rad * noise_factors
    refined = refine_heading(table, boxes_odom[:, 6], heading_known, yaw_std_rad)
    _, quarters = turned_by(table, boxes_odom[:, 6])
    across = quarters % 2 == 1
    weight = shape_weights(noise_factors)
    total = table.shape_weight * np.exp(-unseen_s / extent.growth_time_s)
    total += np.where(across, -weight, weight)
    turned = across & (total < 0)
    share = np.where(across, np.where(turned, 1.0, 0.0), weight / np.maximum(total, weight))
    yaw_rad = np.where(across, table.yaw_rad, refined.yaw_rad)
    yaw_variance = np.where(across, table.yaw_variance, refined.yaw_variance)
    return replace(
        table,
        size=table.size + share[:, None] * (boxes_odom[:, 3:6] - table.size),
        shape_weight=np.where(turned, weight, total),
        yaw_rad=np.where(turned, boxes_odom[:, 6], yaw_rad),
        yaw_variance=np.where(turned, yaw_std_rad**2, yaw_variance),
        heading_known=np.where(turned, heading_known, refined.heading_known),
    )
