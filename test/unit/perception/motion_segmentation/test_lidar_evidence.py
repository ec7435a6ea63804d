# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The LiDAR motion test on ray-cast scenes of a few boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from unsup_track_ros.geometry import se3
from unsup_track_ros.perception.motion_segmentation.lidar_evidence import (
    LidarEvidence,
    LidarEvidenceConfig,
    PointEvidence,
)
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import PointCloud, SensorFrame
from unsup_track_ros.structures.history import PastFrame

Box = tuple[float, float, float, float, float]
SENSOR_HEIGHT_M = 1.73
WALL = (15.0, 15.6, -20.0, 20.0, 5.0)
PARKED = (4.0, 8.0, 4.0, 5.7, 1.5)


def cast_odom(boxes: Sequence[Box], odom_T_velo: np.ndarray) -> np.ndarray:
    """Return the scan (in velo) of ground and boxes (x0, x1, y0, y1, height) by the slab method."""
    elevation = np.linspace(-0.42, 0.05, 48)
    azimuth = np.arange(-np.pi, np.pi, 0.004)
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


def judge(
    boxes0: Sequence[Box],
    boxes1: Sequence[Box],
    odom_T_velo1: np.ndarray | None = None,
    seconds: float = 0.5,
) -> tuple[PointEvidence, np.ndarray]:
    poses = [np.eye(4), np.eye(4) if odom_T_velo1 is None else odom_T_velo1]
    entries = []
    for i, boxes in enumerate((boxes0, boxes1)):
        stamp_ns = 1 + round(i * seconds * 1e9)
        cloud = PointCloud(points_velo=cast_odom(boxes, poses[i]))
        frame = SensorFrame(stamp_ns=stamp_ns, index=i, cloud=cloud, base_T_velo=np.eye(4))
        egomotion = Egomotion(
            status=EgomotionStatus.OK,
            source=EgomotionSource.TF,
            stamp0_ns=0,
            stamp1_ns=stamp_ns,
            odom_T_velo1=poses[i],
        )
        entries.append(PastFrame(frame=frame, egomotion=egomotion))
    evidence = LidarEvidence(LidarEvidenceConfig(), torch.device("cpu"))
    answer = evidence.judge(entries[1].frame, (entries[0],), entries[1].egomotion)
    assert answer is not None
    return answer, se3.transform(poses[1], entries[1].frame.cloud.points_velo)


def on_box(points_odom: np.ndarray, box: Box, margin_m: float) -> np.ndarray:
    x0, x1, y0, y1, _ = box
    x, y, _ = points_odom.T
    across = (y > y0 - margin_m) & (y < y1 + margin_m)
    return np.asarray((x > x0 - margin_m) & (x < x1 + margin_m) & across)


def shifted(box: Box, dx: float, dy: float) -> Box:
    return (box[0] + dx, box[1] + dx, box[2] + dy, box[3] + dy, box[4])


@pytest.mark.parametrize(
    ("dx", "dy"), [(0.5, 0.0), (-0.5, 0.0), (3.0, 0.0), (0.0, 1.0), (-6.0, 0.0)]
)
def test_a_moving_car_is_found_with_its_velocity_and_nothing_else(dx: float, dy: float) -> None:
    car0 = (6.0, 10.0, -6.0, -4.3, 1.5)
    car1 = shifted(car0, dx, dy)
    answer, points_odom = judge([WALL, PARKED, car0], [WALL, PARKED, car1])
    car = on_box(points_odom, car1, 0.05) & (points_odom[:, 2] > 0.4 - SENSOR_HEIGHT_M)
    assert answer.moving[car].mean() > 0.95
    assert not answer.moving[~on_box(points_odom, car1, 0.4)].any()
    velocity = answer.velocity_velo[car & answer.moving][0]
    np.testing.assert_allclose(velocity, [dx / 0.5, dy / 0.5, 0.0], atol=0.25)


def test_a_static_scene_seen_from_a_driving_turning_sensor_has_nothing_moving() -> None:
    pose = se3.rigid(se3.rotation_about_z(0.1), np.array([1.5, 0.2, 0.0]))
    boxes = [WALL, PARKED, (6.0, 10.0, -6.0, -4.3, 1.5), (-9.0, -5.0, 2.0, 4.0, 1.6)]
    answer, _ = judge(boxes, boxes, odom_T_velo1=pose)
    assert not answer.moving.any()
    assert answer.judged.mean() > 0.5


def test_a_wall_that_comes_into_view_does_not_slide_along_itself() -> None:
    boxes = [WALL, (4.0, 6.0, 1.0, 9.0, 3.0), (8.0, 9.0, 3.0, 12.0, 3.0)]
    around_the_corner = se3.rigid(np.eye(3), np.array([4.0, -4.0, 0.0]))
    answer, _ = judge(boxes, boxes, odom_T_velo1=around_the_corner)
    assert not answer.moving.any()


def test_without_a_past_scan_that_is_old_enough_there_is_no_answer() -> None:
    frame = SensorFrame(
        stamp_ns=int(5e8),
        index=1,
        cloud=PointCloud(points_velo=cast_odom([WALL], np.eye(4))),
        base_T_velo=np.eye(4),
    )
    egomotion = Egomotion(
        status=EgomotionStatus.OK,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=frame.stamp_ns,
        odom_T_velo1=np.eye(4),
    )
    evidence = LidarEvidence(LidarEvidenceConfig(), torch.device("cpu"))
    assert evidence.judge(frame, (), egomotion) is None


def test_empty_scans_are_judged_to_be_still() -> None:
    cloud = PointCloud(points_velo=np.zeros((0, 3), np.float32))
    entries = []
    for stamp_ns in (1, 500_000_001):
        frame = SensorFrame(stamp_ns=stamp_ns, index=0, cloud=cloud, base_T_velo=np.eye(4))
        egomotion = Egomotion(
            status=EgomotionStatus.OK,
            source=EgomotionSource.TF,
            stamp0_ns=0,
            stamp1_ns=stamp_ns,
            odom_T_velo1=np.eye(4),
        )
        entries.append(PastFrame(frame=frame, egomotion=egomotion))
    evidence = LidarEvidence(LidarEvidenceConfig(), torch.device("cpu"))
    answer = evidence.judge(entries[1].frame, (entries[0],), entries[1].egomotion)
    assert answer is not None
    assert answer.moving.shape == (0,)
