# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Truth of one frame, for scoring only: exact from the synthetic world, partial from people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Bool, Float32, Float64, Int64, Shaped


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameTruth:
    """Truth of one stamp; a member the source does not know is None.

    Attributes:
        stamp_ns: Stamp of the scan it belongs to.
        ids: (N,) identity over the recording, -1 where the source has none.
        classes: (N) class names, for reporting only.
        boxes_velo: (N, 7) geometric centre, length, width, height, yaw, in velo.
        moving: (N,) moves by itself at this stamp (over 0.5 m/s), None if unknown.
        velocities_velo: (N, 3) over ground in axes of velo, m/s, None if unknown.
        visibility: (N,) visible share of the object in [0, 1], None if unknown.
        num_points: (N,) LiDAR points on the object, None if unknown.
        odom_T_velo: (4, 4) pose of the LiDAR in a fixed world frame, None if unknown.
        moving_points: (P,) point of the scan lies on something that moves.
        point_objects: (P,) row of `boxes_velo` that each point of the scan lies on, -1 for none.
        flow_points_velo: (P, 3) displacement of the point's surface to its place at the next scan,
            in the current velo frame with the sensor held still (zero for static points), metres.
        ground_points: (P,) point of the scan lies on the ground.
        moving_pixels: (H, W) pixel of the first camera (native size) shows something that moves.
        flow_pix: (2, H, W) true optical flow of the first camera to the next image, px.
        occupied_static_odom: (Y, X) occupied cells of the static world seen so far, with
        occupancy_origin_odom: (2,) x, y of the outer corner of cell [0, 0] and
        occupancy_resolution_m: its cell side.
    """

    stamp_ns: int
    ids: Int64[np.ndarray, " N"]
    classes: tuple[str, ...]
    boxes_velo: Float64[np.ndarray, "N 7"]
    moving: Bool[np.ndarray, " N"] | None = None
    velocities_velo: Float64[np.ndarray, "N 3"] | None = None
    visibility: Float64[np.ndarray, " N"] | None = None
    num_points: Int64[np.ndarray, " N"] | None = None
    odom_T_velo: Float64[np.ndarray, "4 4"] | None = None
    moving_points: Bool[np.ndarray, " P"] | None = None
    point_objects: Int64[np.ndarray, " P"] | None = None
    flow_points_velo: Float32[np.ndarray, "P 3"] | None = None
    ground_points: Bool[np.ndarray, " P"] | None = None
    moving_pixels: Bool[np.ndarray, "H W"] | None = None
    flow_pix: Float32[np.ndarray, "2 H W"] | None = None
    occupied_static_odom: Shaped[np.ndarray, "Y X"] | None = None
    occupancy_origin_odom: Float64[np.ndarray, " 2"] | None = None
    occupancy_resolution_m: float | None = None
