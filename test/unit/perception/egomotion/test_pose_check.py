# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TF against poses of a LiDAR odometry that knows the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from unit.perception.egomotion.street import BASE_T_VELO, NO_FLOW, PERIOD_NS, pose

from unsup_track_ros.geometry.se3 import rigid, rotation_about
from unsup_track_ros.perception.egomotion.blocked_evidence import BlockConfig
from unsup_track_ros.perception.egomotion.pose_check import (
    PoseCheck,
    PoseCheckConfig,
    yaw_and_scale,
)
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import PointCloud, SensorFrame
from unsup_track_ros.structures.history import PastFrame

UP = np.array([0.0, 0.0, 1.0])
Told = Callable[[int, np.ndarray], np.ndarray]


def truth(index: int) -> np.ndarray:
    along = 0.8 * index
    return pose(along, 0.003 * along**2, 0.006 * along)


def step(index: int, told: Told, turn: np.ndarray) -> tuple[SensorFrame, Egomotion]:
    """Return a frame in which TF has turned the LiDAR, and LiDAR odometry, which knows no TF."""
    odom_T_velo = truth(index)
    frame = SensorFrame(
        stamp_ns=PERIOD_NS * (index + 1),
        index=index,
        cloud=PointCloud(points_velo=np.zeros((0, 3), np.float32)),
        base_T_velo=BASE_T_VELO @ turn,
        odom_T_velo=told(index, odom_T_velo) @ turn,
    )
    egomotion = Egomotion(
        status=EgomotionStatus.OK,
        source=EgomotionSource.LIDAR,
        stamp0_ns=0,
        stamp1_ns=frame.stamp_ns,
        odom_T_velo1=odom_T_velo,
    )
    return frame, egomotion


def honest(_: int, odom_T_velo: np.ndarray) -> np.ndarray:
    return odom_T_velo


def drive(
    check: PoseCheck, indices: range, told: Told = honest, turn: np.ndarray | None = None
) -> list[int]:
    """Step over frames; return those that were compared."""
    compared: list[int] = []
    history: tuple[PastFrame, ...] = ()
    for index in indices:
        frame, egomotion = step(index, told, np.eye(4) if turn is None else turn)
        if check.is_due(frame, history):
            check.step(frame, history, NO_FLOW, egomotion)
            compared.append(index)
        history = (*history, PastFrame(frame=frame, egomotion=egomotion))[-10:]
    return compared


def new_check() -> PoseCheck:
    return PoseCheck(PoseCheckConfig(), BlockConfig())


def jumping(at: int, x_m: float, y_m: float) -> Told:
    jump = rigid(np.eye(3), np.array([x_m, y_m, 0.0]))
    return lambda index, odom_T_velo: jump @ odom_T_velo if index >= at else odom_T_velo


def test_a_share_of_the_frames_is_compared_and_agrees() -> None:
    check = new_check()
    assert drive(check, range(40)) == list(range(5, 40, 5))
    assert check.jump is None
    assert check.num_comparisons == 7
    assert check.usual_difference_m == PoseCheckConfig().least_sigma_m


@pytest.mark.parametrize(("x_m", "y_m"), [(0.5, 0.0), (0.0, 0.5), (-0.3, -0.4)])
def test_a_jump_of_tf_is_measured_at_its_frame(x_m: float, y_m: float) -> None:
    check = new_check()
    compared = drive(check, range(40), jumping(23, x_m, y_m))
    assert 23 in compared  # not one of every fifth
    assert check.jump is not None
    assert check.jump.stamp_ns == PERIOD_NS * 24
    assert check.jump.length_m == pytest.approx(0.5, abs=0.01)
    assert check.jump.count == 1


def test_a_jump_is_found_beside_a_turned_lidar() -> None:
    # Before the yaw was known each comparison was off by 0.21 m: that is not usual any more.
    check = new_check()
    turn = rotation_about(UP, float(np.radians(3.0)))
    drive(check, range(40), jumping(23, 0.0, 0.5), turn)
    assert check.jump is not None
    assert check.jump.stamp_ns == PERIOD_NS * 24
    assert check.jump.length_m == pytest.approx(0.5, abs=0.02)


def test_small_steps_are_no_jumps() -> None:
    check = new_check()
    drive(check, range(40), jumping(23, 0.1, 0.0))
    assert check.jump is None


def test_a_wrong_scale_is_measured_and_is_no_jump() -> None:
    # A wheel odometry that is 8 % short differs by 0.32 m in every comparison.
    check = new_check()
    drive(check, range(60), lambda _, odom_T_velo: _shortened(odom_T_velo))
    assert check.jump is None
    value, _ = check.ways.estimate(yaw_and_scale)
    assert value[1] == pytest.approx(-0.08, abs=1e-6)
    assert value[0] == pytest.approx(0.0, abs=1e-6)


def test_a_jump_is_found_beside_a_wrong_scale() -> None:
    check, jump = new_check(), jumping(31, 0.0, 0.5)
    drive(check, range(40), lambda index, odom_T_velo: jump(index, _shortened(odom_T_velo)))
    assert check.jump is not None
    assert check.jump.stamp_ns == PERIOD_NS * 32
    assert check.jump.length_m == pytest.approx(0.5 / 0.92, abs=0.01)  # in the LiDAR's metres


def test_a_disagreement_that_is_usual_is_no_jump() -> None:
    # A pose that wanders by 0.4 m from frame to frame tells nothing about single jumps.
    check = new_check()
    wander = np.random.default_rng(0).normal(0.0, 0.4, (60, 2))
    drive(check, range(60), lambda index, odom_T_velo: _moved(odom_T_velo, wander[index]))
    assert check.jump is None


def _moved(odom_T_velo: np.ndarray, way_m: np.ndarray) -> np.ndarray:
    moved: np.ndarray = rigid(np.eye(3), np.array([*way_m, 0.0])) @ odom_T_velo
    return moved


def _shortened(odom_T_velo: np.ndarray) -> np.ndarray:
    short = odom_T_velo.copy()
    short[:2, 3] = 0.92 * odom_T_velo[:2, 3]
    return short


@pytest.mark.parametrize("yaw_deg", [1.5, -2.0])
def test_the_yaw_of_the_lidar_shows_in_the_direction_of_travel(yaw_deg: float) -> None:
    check = new_check()
    drive(check, range(60), turn=rotation_about(UP, float(np.radians(yaw_deg))))
    assert check.ways.is_enough
    value, sigma = check.ways.estimate(yaw_and_scale)
    assert value[1] == pytest.approx(0.0, abs=1e-6)
    assert np.degrees(value[0]) == pytest.approx(yaw_deg, abs=0.01)
    assert np.degrees(sigma[0]) < 0.01
    assert check.jump is None


def test_standing_still_shows_no_yaw() -> None:
    check = new_check()
    drive(check, range(60), lambda _, __: truth(0))  # TF says that nothing moves
    assert check.ways.num_frames == 0


def test_without_poses_nothing_is_due() -> None:
    check = new_check()
    frame, egomotion = step(1, honest, np.eye(4))
    bare = SensorFrame(
        stamp_ns=frame.stamp_ns, index=1, cloud=frame.cloud, base_T_velo=frame.base_T_velo
    )
    history = (PastFrame(frame=frame, egomotion=egomotion),)
    assert not check.is_due(bare, history)
    assert not check.is_due(frame, ())


@pytest.mark.parametrize("after", [3, 24])
def test_a_restored_check_goes_on_with_the_same_bytes(after: int) -> None:
    told = jumping(23, 0.5, 0.0)
    whole, first, second = new_check(), new_check(), new_check()
    drive(whole, range(after), told)
    drive(first, range(after), told)
    second.restore(first.state())
    for check in (whole, second):
        drive(check, range(after, 40), told)
    assert whole.state().keys() == second.state().keys()
    for key, value in whole.state().items():
        assert value.tobytes() == second.state()[key].tobytes()
