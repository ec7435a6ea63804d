# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TF's motion and the LiDAR's, on a street of boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.perception.egomotion.street import (
    NO_FLOW,
    PERIOD_NS,
    Street,
    error_m_and_rad,
    past,
    pose,
)

from unsup_track_ros.geometry.se3 import inverse, rigid
from unsup_track_ros.perception.egomotion.pose_comparison import (
    MotionPair,
    PoseComparison,
    PoseComparisonConfig,
    expected_motion,
    flow_contradicts,
)
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import PointCloud, SensorFrame

STREET = Street(truck_mps=8.0)
START, END = pose(), pose(0.8, 0.01, 0.008)
MOTION = inverse(START) @ END
COMPARISON = PoseComparison(PoseComparisonConfig())


def from_tf(frame: SensorFrame) -> Egomotion:
    return Egomotion(
        status=EgomotionStatus.OK,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=frame.stamp_ns,
        odom_T_velo1=frame.odom_T_velo,
    )


def shifted(odom_T_velo: np.ndarray, x_m: float, y_m: float) -> np.ndarray:
    shift = rigid(np.eye(3), np.array([x_m, y_m, 0.0]))
    moved: np.ndarray = shift @ odom_T_velo
    return moved


@pytest.fixture(scope="module")
def frames() -> tuple[SensorFrame, SensorFrame]:
    return STREET.frame(0, START, tf=True), STREET.frame(1, END, tf=True)


def test_two_scans_confirm_what_tf_says(frames: tuple[SensorFrame, SensorFrame]) -> None:
    first, second = frames
    pair = COMPARISON.compare(past(first, None), second, from_tf(second), None)
    assert pair is not None
    assert pair.elapsed_s == pytest.approx(0.1)
    np.testing.assert_allclose(pair.tf_velo0_T_velo1, MOTION)
    error_m, error_rad = error_m_and_rad(pair.lidar_velo0_T_velo1, MOTION)
    assert error_m < 0.02
    assert np.degrees(error_rad) < 0.1
    assert not pair.lidar_is_better


@pytest.mark.parametrize(("x_m", "y_m"), [(0.5, 0.0), (0.0, -0.5), (-0.35, 0.35)])
def test_two_scans_refute_a_jump_in_any_direction(
    frames: tuple[SensorFrame, SensorFrame], x_m: float, y_m: float
) -> None:
    first, second = frames
    jumped = replace(second, odom_T_velo=shifted(END, x_m, y_m))
    pair = COMPARISON.compare(past(first, None), jumped, from_tf(jumped), None)
    assert pair is not None
    assert error_m_and_rad(pair.lidar_velo0_T_velo1, MOTION)[0] < 0.03
    assert pair.lidar_is_better


def test_the_motion_of_before_leads_back_from_a_far_jump(
    frames: tuple[SensorFrame, SensorFrame],
) -> None:
    first, second = frames
    jumped = replace(second, odom_T_velo=shifted(END, 6.0, 2.0))
    pair = COMPARISON.compare(
        past(first, None), jumped, from_tf(jumped), pose(0.7) @ inverse(START)
    )
    assert pair is not None
    assert error_m_and_rad(pair.lidar_velo0_T_velo1, MOTION)[0] < 0.03
    assert pair.lidar_is_better


def test_poses_of_lidar_odometry_are_taken_where_there_are_some(
    frames: tuple[SensorFrame, SensorFrame],
) -> None:
    first, second = (
        replace(frame, cloud=PointCloud(points_velo=np.zeros((0, 3), np.float32)))
        for frame in frames
    )
    tracked = replace(from_tf(second), source=EgomotionSource.LIDAR, odom_T_velo1=pose(5.7))
    before = past(first, None)
    before = replace(before, egomotion=replace(tracked, odom_T_velo1=pose(5.0)))
    pair = COMPARISON.compare(before, second, tracked, None)
    assert pair is not None
    np.testing.assert_allclose(pair.lidar_velo0_T_velo1[:3, 3], [0.7, 0, 0], atol=1e-12)


def test_without_pose_or_without_points_there_is_nothing_to_compare(
    frames: tuple[SensorFrame, SensorFrame],
) -> None:
    first, second = frames
    lost = replace(second, odom_T_velo=None)
    assert COMPARISON.compare(past(first, None), lost, from_tf(lost), None) is None
    empty = replace(second, cloud=PointCloud(points_velo=np.zeros((0, 3), np.float32)))
    assert COMPARISON.compare(past(first, None), empty, from_tf(empty), None) is None
    blank = replace(first, cloud=PointCloud(points_velo=np.zeros((0, 3), np.float32)))
    assert COMPARISON.compare(past(blank, None), second, from_tf(second), None) is None


def test_the_expected_motion_goes_on_as_before() -> None:
    assert expected_motion(None, 0.1) is None
    found = expected_motion(pair_of(MOTION, MOTION), 0.2)
    assert found is not None
    np.testing.assert_allclose(found[:3, 3], 2.0 * MOTION[:3, 3])


def pair_of(tf: np.ndarray, lidar: np.ndarray) -> MotionPair:
    return MotionPair(
        elapsed_s=PERIOD_NS * 1e-9,
        tf_velo0_T_velo1=tf,
        lidar_velo0_T_velo1=lidar,
        lidar_is_better=True,
    )


def test_the_flow_sides_with_whoever_is_right(frames: tuple[SensorFrame, SensorFrame]) -> None:
    first, second = frames
    before, flow = past(first, None), STREET.flow(START, END, noise_px=0.3)
    wrong = inverse(START) @ shifted(END, 0.4, 0.0)
    assert flow_contradicts(pair_of(MOTION, wrong), before, second, flow)
    assert not flow_contradicts(pair_of(wrong, MOTION), before, second, flow)


def test_the_flow_of_other_frames_has_no_say(frames: tuple[SensorFrame, SensorFrame]) -> None:
    first, second = frames
    before = past(first, None)
    wrong = pair_of(MOTION, inverse(START) @ shifted(END, 0.4, 0.0))
    other = replace(STREET.flow(START, END), stamp0_ns=-PERIOD_NS)
    for flow in (NO_FLOW, other):
        assert not flow_contradicts(wrong, before, second, flow)
    blind = replace(second, cameras=())
    assert not flow_contradicts(wrong, before, blind, STREET.flow(START, END))
