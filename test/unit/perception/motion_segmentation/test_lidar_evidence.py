# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The LiDAR motion test on ray-cast scenes of a few boxes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from unit.perception.lidar_scenes import (
    AGES_S,
    PARKED,
    WALL,
    Box,
    Boxes,
    body,
    entry_at,
    judge,
    on_box,
    shifted,
    window,
)

from unsup_track_ros.geometry import se3
from unsup_track_ros.perception.motion_segmentation.lidar_evidence import (
    LidarEvidence,
    LidarEvidenceConfig,
)
from unsup_track_ros.structures.frame import PointCloud

CAR: Box = (6.0, 10.0, -6.0, -4.3, 1.5)
Speed = tuple[float, float]


def driving(speed_mps: Speed, car: Box = CAR, *standing: Box) -> Boxes:
    """Return a street with a car that is at `car` now."""
    vx, vy = speed_mps
    return lambda seconds: [WALL, PARKED, *standing, shifted(car, vx * seconds, vy * seconds)]


def assert_only_the_car_moves(
    boxes: Boxes,
    speed_mps: Speed,
    car: Box = CAR,
    *,
    before_s: Sequence[float] = AGES_S,
    after_s: Sequence[float] = (),
) -> None:
    answer, points_odom = judge(boxes, before_s=before_s, after_s=after_s)
    on_car = body(points_odom, car)
    assert answer.moving[on_car].mean() > 0.95
    assert not answer.moving[~on_box(points_odom, car, 0.4)].any()
    assert not answer.standing[answer.moving].any()
    assert answer.standing[body(points_odom, PARKED)].all()
    assert (answer.confidence > 0).tolist() == answer.moving.tolist()
    assert answer.confidence[on_car & answer.moving].min() >= 0.5
    velocity = answer.velocity_velo[on_car & answer.moving]
    velocity = velocity[np.isfinite(velocity[:, 0])]  # a lone line of the roof fits many
    assert len(velocity) > 0.9 * on_car.sum()
    np.testing.assert_allclose(velocity, np.tile([*speed_mps, 0.0], (len(velocity), 1)), atol=0.25)
    assert np.isnan(answer.velocity_velo[~answer.moving]).all()


@pytest.mark.parametrize(
    "speed_mps", [(1.0, 0.0), (-1.0, 0.0), (6.0, 0.0), (0.0, 2.0), (-12.0, 0.0)]
)
def test_a_moving_car_is_found_with_its_velocity_and_nothing_else(speed_mps: Speed) -> None:
    assert_only_the_car_moves(driving(speed_mps), speed_mps)


@pytest.mark.parametrize("speed_mps", [(6.0, 0.0), (-6.0, 0.0), (0.0, 2.0)])
def test_the_scans_that_follow_tell_the_same(speed_mps: Speed) -> None:
    assert_only_the_car_moves(driving(speed_mps), speed_mps, before_s=(), after_s=AGES_S)


def test_the_scans_of_both_sides_tell_the_same() -> None:
    assert_only_the_car_moves(driving((6.0, 0.0)), (6.0, 0.0), after_s=AGES_S)


@pytest.mark.parametrize(
    "ages_s",
    [
        pytest.param([0.2 * k for k in range(1, 6)], id="5 Hz"),
        pytest.param([0.05 * k for k in range(1, 21)], id="20 Hz"),
        pytest.param([0.12, 0.19, 0.43, 0.58, 0.97], id="uneven"),
        pytest.param([0.5], id="one, half a second old"),
        pytest.param([0.1], id="one, a tenth of a second old"),
    ],
)
def test_it_does_not_matter_how_often_was_scanned(ages_s: Sequence[float]) -> None:
    assert_only_the_car_moves(driving((-6.0, 0.0)), (-6.0, 0.0), before_s=ages_s)


def test_a_car_that_drives_away_from_the_sensor_is_found_though_its_new_place_was_hidden() -> None:
    leaving: Box = (8.0, 12.0, -0.9, 0.9, 1.5)
    assert_only_the_car_moves(driving((8.0, 0.0), leaving), (8.0, 0.0), leaving)


def test_what_is_suddenly_in_free_space_has_moved_but_nobody_knows_how_fast() -> None:
    def boxes(seconds: float) -> Sequence[Box]:
        return [WALL, PARKED, CAR] if seconds >= 0 else [WALL, PARKED]

    answer, points_odom = judge(boxes)
    on_car = body(points_odom, CAR)
    assert answer.moving[on_car].mean() > 0.95
    assert np.isnan(answer.velocity_velo[on_car]).all()
    assert not answer.moving[~on_box(points_odom, CAR, 0.4)].any()


BLOCK: Box = (6.0, 7.0, -4.0, 4.0, 4.0)  # hides what is behind it
HIDDEN: Box = (12.0, 16.0, 8.1, 9.9, 1.5)


def comes_out(seconds: float) -> Sequence[Box]:
    """A car at 8 m/s behind a block, in a place that half a second ago was not to be seen."""
    return [BLOCK, (25.0, 25.6, -30.0, 30.0, 5.0), shifted(HIDDEN, 0.0, 8.0 * seconds)]


def sideways(seconds: float) -> np.ndarray:
    return se3.rigid(np.eye(3), np.array([0.0, 8.0 * seconds, 0.0]))


def test_what_came_out_of_hiding_is_not_claimed_from_the_past_alone() -> None:
    answer, points_odom = judge(comes_out, sideways, before_s=(0.5, 1.0))
    on_car = body(points_odom, HIDDEN)
    assert on_car.sum() > 50
    assert not answer.moving.any()
    assert not answer.standing[on_car].any()  # nor is it called standing


def test_what_came_out_of_hiding_is_seen_to_leave() -> None:
    answer, points_odom = judge(comes_out, sideways, before_s=(0.5, 1.0), after_s=AGES_S)
    on_car = body(points_odom, HIDDEN)
    assert answer.moving[on_car].mean() > 0.95
    velocity = answer.velocity_velo[on_car & answer.moving][0]
    np.testing.assert_allclose(velocity, [0, 8, 0], atol=0.3)
    assert not answer.moving[~on_box(points_odom, HIDDEN, 0.4)].any()


def turning(seconds: float) -> np.ndarray:
    """Drive at 3 m/s in a curve of 0.2 rad/s."""
    place = np.array([3.0 * seconds, 0.4 * seconds, 0.0])
    return se3.rigid(se3.rotation_about_z(0.2 * seconds), place)


@pytest.mark.parametrize("after_s", [(), AGES_S])
def test_a_static_scene_seen_from_a_driving_turning_sensor_has_nothing_moving(
    after_s: Sequence[float],
) -> None:
    standing = [WALL, PARKED, CAR]
    answer, points_odom = judge(lambda _: standing, turning, after_s=after_s)
    assert not answer.moving.any()
    assert answer.judged.mean() > 0.5
    for box in (PARKED, CAR):
        assert answer.standing[body(points_odom, box)].mean() > 0.99


def test_the_velocity_is_over_ground_however_the_sensor_moves() -> None:
    """In axes of the current sensor, which has not turned yet."""
    answer, points_odom = judge(driving((-6.0, 0.0)), turning)
    on_car = body(points_odom, CAR) & answer.moving
    assert on_car.sum() > 100
    np.testing.assert_allclose(answer.velocity_velo[on_car][0], [-6, 0, 0], atol=0.3)


def test_a_wall_that_comes_into_view_does_not_slide_along_itself() -> None:
    boxes = [WALL, (4.0, 6.0, 1.0, 9.0, 3.0), (8.0, 9.0, 3.0, 12.0, 3.0)]

    def around_the_corner(seconds: float) -> np.ndarray:
        return se3.rigid(np.eye(3), np.array([8.0 * (0.5 + seconds), -8.0 * (0.5 + seconds), 0.0]))

    answer, _ = judge(lambda _: boxes, around_the_corner)
    assert not answer.moving.any()


@pytest.mark.parametrize("half_length_m", [6.0, 20.0])
def test_a_pedestrian_along_a_wall_is_cut_out_of_it(half_length_m: float) -> None:
    """Wall and pedestrian are one cluster; the longer wall is too long to be judged at all."""
    wall: Box = (10.0, 10.5, -half_length_m, half_length_m, 3.0)
    pedestrian: Box = (9.3, 9.7, 1.0, 1.5, 1.75)

    def boxes(seconds: float) -> Sequence[Box]:
        return [wall, shifted(pedestrian, 0.0, 1.4 * seconds)]

    answer, points_odom = judge(boxes)
    walker = body(points_odom, pedestrian)
    assert answer.moving[walker].mean() > 0.8
    behind = body(points_odom, wall)
    assert answer.moving[behind].mean() < 0.01
    assert len(set(answer.cluster[walker & answer.moving]) & set(answer.cluster[behind])) == 0


def test_a_parked_car_is_cut_out_of_the_van_that_passes_it() -> None:
    """A third of a metre apart they are one cluster."""
    van: Box = (8.0, 13.0, 1.9, 3.7, 2.2)
    beside: Box = (10.0, 14.0, 4.0, 5.7, 1.5)

    def boxes(seconds: float) -> Sequence[Box]:
        return [WALL, beside, shifted(van, 6.0 * seconds, 0.0)]

    answer, points_odom = judge(boxes)
    assert answer.moving[body(points_odom, van)].mean() > 0.8
    parked = body(points_odom, beside)
    assert parked.sum() > 50
    assert answer.moving[parked].mean() < 0.1


def test_the_ground_stands_and_is_judged() -> None:
    answer, points_odom = judge(driving((6.0, 0.0)))
    ground = (points_odom[:, 2] < 0.1 + points_odom[:, 2].min()) & ~on_box(points_odom, CAR, 0.4)
    assert answer.standing[ground].all()
    assert answer.judged[ground].all()


def test_without_another_scan_or_without_a_pose_there_is_no_answer() -> None:
    now = entry_at(0.0, driving((6.0, 0.0)))
    past = window(driving((6.0, 0.0)), ages_s=(0.5,))
    evidence = LidarEvidence(LidarEvidenceConfig())
    assert evidence.judge(now.frame, (), now.egomotion) is None
    assert evidence.judge(now.frame, ((), ()), now.egomotion) is None
    lost = dataclasses.replace(now.egomotion, odom_T_velo1=None)
    assert evidence.judge(now.frame, (past,), lost) is None
    assert evidence.judge(now.frame, (past,), now.egomotion) is not None


def test_empty_scans_are_judged_to_be_still() -> None:
    entries = []
    for seconds in (-0.5, 0.0):
        entry = entry_at(seconds, lambda _: [])
        nothing = PointCloud(points_velo=np.zeros((0, 3), np.float32))
        frame = dataclasses.replace(entry.frame, cloud=nothing)
        entries.append(dataclasses.replace(entry, frame=frame))
    evidence = LidarEvidence(LidarEvidenceConfig())
    answer = evidence.judge(entries[1].frame, ((entries[0],),), entries[1].egomotion)
    assert answer is not None
    assert answer.moving.shape == (0,)


def test_what_was_judged_before_does_not_change_an_answer() -> None:
    """The facts of scans are kept from frame to frame; they must be those of the right scan."""
    boxes = driving((-6.0, 0.0))
    entries = [entry_at(-0.5, boxes), entry_at(-0.1, boxes), entry_at(0.0, boxes)]
    used = LidarEvidence(LidarEvidenceConfig())
    used.judge(entries[1].frame, ((entries[0],),), entries[1].egomotion)
    fresh = LidarEvidence(LidarEvidenceConfig())
    answers = [
        evidence.judge(entries[2].frame, (tuple(entries[:2]),), entries[2].egomotion)
        for evidence in (used, fresh)
    ]
    assert answers[0] is not None
    assert answers[1] is not None
    assert answers[0].confidence.tobytes() == answers[1].confidence.tobytes()
    assert answers[0].velocity_velo.tobytes() == answers[1].velocity_velo.tobytes()
