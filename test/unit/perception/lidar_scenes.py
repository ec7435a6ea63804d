# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ray-cast scans of a few boxes that move, as a recording of a LiDAR shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.perception.motion_segmentation.lidar_evidence import (
    LidarEvidence,
    LidarEvidenceConfig,
    PointEvidence,
)
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import PointCloud, SensorFrame
from unsup_track_ros.structures.history import PastFrame

Box = tuple[float, float, float, float, float]  # x0, x1, y0, y1, height
Boxes = Callable[[float], Sequence[Box]]  # seconds from now to what is there
Pose = Callable[[float], np.ndarray]  # seconds from now to odom_T_velo

SENSOR_HEIGHT_M = 1.73
WALL: Box = (15.0, 15.6, -20.0, 20.0, 5.0)
PARKED: Box = (4.0, 8.0, 4.0, 5.7, 1.5)
NOW_NS = 10_000_000_000
AGES_S = (0.1, 0.2, 0.5, 1.0)  # of the scans that the motion test picks at 10 Hz


def standing_still(_: float) -> np.ndarray:
    return np.eye(4)


def shifted(box: Box, dx_m: float, dy_m: float) -> Box:
    return (box[0] + dx_m, box[1] + dx_m, box[2] + dy_m, box[3] + dy_m, box[4])


def cast_velo(boxes: Sequence[Box], odom_T_velo: np.ndarray) -> np.ndarray:
    """Return the scan (in velo), ahead of the sensor, of ground and boxes by the slab method."""
    elevation = np.linspace(-0.42, 0.05, 48)
    azimuth = np.arange(-1.3, 1.3, 0.004)
    el, az = (a.ravel() for a in np.meshgrid(elevation, azimuth))
    ray_velo = np.stack([np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el)], 1)
    ray = ray_velo @ odom_T_velo[:3, :3].T
    origin = odom_T_velo[:3, 3]
    floor = -SENSOR_HEIGHT_M
    with np.errstate(divide="ignore"):
        nearest = np.where(ray[:, 2] < 0, (floor - origin[2]) / ray[:, 2], np.inf)
        for x0, x1, y0, y1, height in boxes:
            low = (np.array([x0, y0, floor]) - origin) / ray
            high = (np.array([x1, y1, floor + height]) - origin) / ray
            entry, leave = np.minimum(low, high).max(1), np.maximum(low, high).min(1)
            nearest = np.where((entry > 0) & (entry < leave), np.minimum(nearest, entry), nearest)
    seen = nearest < 80
    return (ray_velo[seen] * nearest[seen, None]).astype(np.float32)


def entry_at(seconds: float, boxes: Boxes, pose: Pose = standing_still) -> PastFrame:
    """Return frame and pose at a time from now."""
    stamp_ns = NOW_NS + round(seconds * 1e9)
    frame = SensorFrame(
        stamp_ns=stamp_ns,
        index=round((10 + seconds) * 100),
        cloud=PointCloud(points_velo=cast_velo(boxes(seconds), pose(seconds))),
        base_T_velo=np.eye(4),
    )
    egomotion = Egomotion(
        status=EgomotionStatus.OK,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=stamp_ns,
        odom_T_velo1=pose(seconds),
    )
    return PastFrame(frame=frame, egomotion=egomotion)


def window(
    boxes: Boxes, pose: Pose = standing_still, ages_s: Sequence[float] = AGES_S
) -> tuple[PastFrame, ...]:
    """Return the scans of some ages, oldest first; negative ages come later, soonest first."""
    return tuple(entry_at(-age_s, boxes, pose) for age_s in sorted(ages_s, reverse=True))


def judge(
    boxes: Boxes,
    pose: Pose = standing_still,
    *,
    before_s: Sequence[float] = AGES_S,
    after_s: Sequence[float] = (),
) -> tuple[PointEvidence, np.ndarray]:
    """Judge the scan of now against others; return the answer and the points in odom."""
    now = entry_at(0.0, boxes, pose)
    windows = (
        window(boxes, pose, before_s),
        window(boxes, pose, [-later_s for later_s in after_s]),
    )
    evidence = LidarEvidence(LidarEvidenceConfig())
    answer = evidence.judge(now.frame, windows, now.egomotion)
    assert answer is not None
    return answer, se3.transform(pose(0.0), now.frame.cloud.points_velo)


def on_box(points_odom: np.ndarray, box: Box, margin_m: float = 0.05) -> np.ndarray:
    """Tell which points are on or near a box, seen from above."""
    x0, x1, y0, y1, _ = box
    x, y, _ = points_odom.T
    across = (y > y0 - margin_m) & (y < y1 + margin_m)
    return np.asarray((x > x0 - margin_m) & (x < x1 + margin_m) & across)


def body(points_odom: np.ndarray, box: Box) -> np.ndarray:
    """Tell which points are on a box and clear of the ground."""
    return np.asarray(on_box(points_odom, box) & (points_odom[:, 2] > 0.4 - SENSOR_HEIGHT_M))
