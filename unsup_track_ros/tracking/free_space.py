# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a scan says of places where an object may be: seen through, hidden, or neither.

Rays are asked at several heights and across the outline that the object would show. Seen through
means that returns lie beyond: an object there would have stopped them. Hidden means that returns
lie before the near side of the object. In between lie returns where the object is: its own, or
those of what stands there.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.shapes import Bool, Float64

_HEIGHTS: Final = np.array([0.35, 0.55, 0.8])  # of an object, where rays are asked
_ACROSS: Final = np.array([-0.6, 0.0, 0.6])  # of half of its outline
_MIN_FREE: Final = 5  # of these 9 rays
_MIN_HIDDEN: Final = 7


def judge_places(
    scan: RangeImage,
    places_odom: Float64[np.ndarray, "N K 2"],
    boxes_odom: Float64[np.ndarray, "N 7"],
    odom_T_velo: Float64[np.ndarray, "4 4"],
    margin_m: float,
) -> tuple[Bool[np.ndarray, "N K"], Bool[np.ndarray, "N K"]]:
    """Return which places the scan sees through, and which are hidden from it.

    Args:
        scan: The scan.
        places_odom: x, y where the centre of each object may be.
        boxes_odom: Height above ground, sides and yaw of each object.
        odom_T_velo: Pose of the LiDAR.
        margin_m: How far beyond its centre, or before its near side, a return must be.
    """
    away = places_odom - odom_T_velo[:2, 3]
    distance = np.maximum(np.linalg.norm(away, axis=2, keepdims=True), 1e-6)
    view = away / distance
    across = np.stack([-view[..., 1], view[..., 0]], axis=-1)
    depth_m, width_m = _silhouette(boxes_odom, view)
    shape = (*places_odom.shape[:2], len(_ACROSS), len(_HEIGHTS))
    points = np.empty((*shape, 3))
    spread = _ACROSS[:, None] * across[:, :, None] * width_m[..., None, None]
    points[..., :2] = (places_odom[:, :, None] + spread)[:, :, :, None]
    low_m = boxes_odom[:, 2] - boxes_odom[:, 5] / 2.0
    points[..., 2] = (low_m[:, None] + boxes_odom[:, 5:6] * _HEIGHTS)[:, None, None]
    points_velo = se3.transform(se3.inverse(odom_T_velo), points.reshape(-1, 3))
    before_m = np.broadcast_to((depth_m + margin_m)[..., None, None], shape).reshape(-1)
    free = scan.sees_through(points_velo, margin_m).reshape(*shape[:2], -1).sum(2)
    hidden = scan.is_blocked(points_velo, before_m).reshape(*shape[:2], -1).sum(2)
    return free >= _MIN_FREE, hidden >= _MIN_HIDDEN


def _silhouette(
    boxes_odom: Float64[np.ndarray, "N 7"], view: Float64[np.ndarray, "N K 2"]
) -> tuple[Float64[np.ndarray, "N K"], Float64[np.ndarray, "N K"]]:
    """Return half of the depth and of the width of each box along directions of view."""
    half_length, half_width = (0.5 * boxes_odom[:, side, None] for side in (3, 4))
    cosine, sine = np.cos(boxes_odom[:, 6, None]), np.sin(boxes_odom[:, 6, None])
    along = np.abs(view[..., 0] * cosine + view[..., 1] * sine)
    beside = np.abs(view[..., 1] * cosine - view[..., 0] * sine)
    depth_m = half_length * along + half_width * beside
    return depth_m, half_length * beside + half_width * along
