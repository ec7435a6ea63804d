# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The detections of a frame placed in odom, in an order that does not depend on theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.detections import Detections

_MIN_SIZE_M = 0.05  # the box of a single point has no extent, and overlap needs one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """D detections in odom, best score first.

    Attributes:
        stamp_ns: Stamp of the frame.
        row: (D,) row of each in the frame's detections.
        boxes_odom: (D, 7) with sides of at least 5 cm.
        velocities_odom: (D, 3) m/s, nan where unknown.
        scores: (D,) in [0, 1].
        heading_known: (D,) False where yaw is only known up to half a turn.
        motion: (D,) values of `MotionState`; what does not move may only go on with a track.
        sensor_odom: (3,) position of the LiDAR.
    """

    stamp_ns: int
    row: Int64[np.ndarray, " D"]
    boxes_odom: Float64[np.ndarray, "D 7"]
    velocities_odom: Float64[np.ndarray, "D 3"]
    scores: Float64[np.ndarray, " D"]
    heading_known: Bool[np.ndarray, " D"]
    motion: Int64[np.ndarray, " D"]
    sensor_odom: Float64[np.ndarray, " 3"]

    def __len__(self) -> int:
        return len(self.row)


def observe(detections: Detections, odom_T_velo: Float64[np.ndarray, "4 4"]) -> Observation:
    """Place detections in odom and sort them, so that nothing after depends on their order."""
    row = np.lexsort((*detections.boxes_velo.T[::-1], -detections.scores))
    boxes_odom = se3.transform_boxes(odom_T_velo, detections.boxes_velo[row])
    boxes_odom[:, 3:6] = np.maximum(boxes_odom[:, 3:6], _MIN_SIZE_M)
    return Observation(
        stamp_ns=detections.stamp_ns,
        row=row,
        boxes_odom=boxes_odom,
        velocities_odom=detections.velocities_velo[row] @ odom_T_velo[:3, :3].T,
        scores=detections.scores[row],
        heading_known=detections.heading_known[row],
        motion=detections.motion[row],
        sensor_odom=odom_T_velo[:3, 3].copy(),
    )
