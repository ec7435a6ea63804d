# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions to a window of scans: each on scenes where the answer is plain."""

from __future__ import annotations

import numpy as np
from unit.perception.lidar_scenes import WALL, Box, body, entry_at, shifted

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.ground import level_scan
from unsup_track_ros.perception.motion_segmentation.scan_facts import (
    ScanFacts,
    ScanFactsConfig,
    distance_field,
    read_scan,
)
from unsup_track_ros.perception.motion_segmentation.scan_window import (
    Members,
    PastScan,
    entered_points,
    members_of,
    search_velocities,
    unexplained,
    vacated,
)

CAR: Box = (6.0, 10.0, -2.0, -0.3, 1.5)
EXPLAINED_M, MARGIN_M = 0.2, 0.35


def facts(*boxes: Box, odom_T_velo: np.ndarray | None = None) -> ScanFacts:
    pose = np.eye(4) if odom_T_velo is None else odom_T_velo
    frame = entry_at(0.0, lambda _: boxes, lambda _: pose).frame
    return read_scan(
        ScanFactsConfig(),
        frame,
        level_scan(frame.base_T_velo, frame.cloud.points_velo),
    )


def past(scan: ScanFacts, seconds: float = 0.5, pose: np.ndarray | None = None) -> PastScan:
    return PastScan(
        facts=scan,
        field=distance_field(ScanFactsConfig(), scan),
        base0_T_base1=np.eye(4) if pose is None else pose,
        seconds=seconds,
    )


def car_members(scan: ScanFacts, car: Box = CAR) -> Members:
    """Sample the cluster of the car alone."""
    on_car = body(scan.points_base, car) & (scan.clusters.label > 0)
    label = np.bincount(scan.clusters.label[on_car]).argmax()
    return members_of(scan, np.arange(len(scan.clusters.sizes)) == label)


def test_a_large_cluster_is_sampled_evenly_and_a_small_one_whole() -> None:
    scan = facts(WALL, CAR)
    sizes = scan.clusters.sizes
    members = members_of(scan, sizes > 0)
    assert members.cluster.tolist() == [c for c in range(len(sizes)) if sizes[c] > 0]
    assert (members.size <= 300).all()
    assert (members.size >= np.minimum(sizes[members.cluster], 150)).all()
    assert (scan.clusters.label[members.point] == members.cluster[members.row]).all()
    np.testing.assert_array_equal(members.points_base1, scan.points_base[members.point])


def test_members_are_sorted_by_cluster_and_keep_the_order_of_the_scan() -> None:
    scan = facts(WALL, CAR, shifted(CAR, 0, 8))
    wanted = np.arange(len(scan.clusters.sizes)) % 2 == 1
    members = members_of(scan, wanted, most=10**6)
    label = scan.clusters.label
    expected = [np.flatnonzero(label == c) for c in np.flatnonzero(wanted)]
    np.testing.assert_array_equal(members.point, np.concatenate(expected))
    assert not len(members_of(scan, np.zeros(len(wanted), bool)).point)


def test_members_of_chosen_clusters_are_those_asked_for_alone() -> None:
    scan = facts(WALL, CAR, shifted(CAR, 0, 8))
    both = members_of(scan, scan.clusters.sizes > 100)
    second = np.arange(len(both.cluster)) == 1
    chosen, alone = (
        both.chosen(second),
        members_of(scan, np.arange(len(scan.clusters.sizes)) == both.cluster[1]),
    )
    for name in Members.__slots__:
        np.testing.assert_array_equal(getattr(chosen, name), getattr(alone, name))


def test_a_share_is_that_of_each_clusters_points() -> None:
    scan = facts(WALL, CAR, shifted(CAR, 0, 8))
    members = members_of(scan, scan.clusters.sizes > 100)
    assert members.share(members.row == 0).tolist() == [1.0] + [0.0] * (len(members.size) - 1)
    every_other = np.arange(len(members.row)) % 2 == 0
    np.testing.assert_allclose(members.share(every_other), 0.5, atol=0.01)


def test_standing_explains_what_stands_and_the_velocity_what_moves() -> None:
    now = facts(WALL, CAR)
    members = car_members(now)
    velocity = np.array([[6.0, 0.0]])
    stood, came = past(facts(WALL, CAR)), past(facts(WALL, shifted(CAR, -3.0, 0.0)))
    assert not unexplained(stood, members, EXPLAINED_M).any()
    assert unexplained(came, members, EXPLAINED_M).mean() > 0.3  # its side slides along itself
    assert unexplained(came, members, EXPLAINED_M, velocity).mean() < 0.05
    assert unexplained(stood, members, EXPLAINED_M, velocity).mean() > 0.3


def test_the_motion_of_the_sensor_is_taken_out() -> None:
    pose0 = se3.rigid(se3.rotation_about_z(-0.2), np.array([-1.5, 0.3, 0.0]))
    then, now = facts(WALL, CAR, odom_T_velo=pose0), facts(WALL, CAR)
    members = car_members(now)
    assert unexplained(past(then, pose=se3.inverse(pose0)), members, EXPLAINED_M).mean() < 0.1
    assert unexplained(past(then), members, EXPLAINED_M).mean() > 0.5


def test_points_entered_where_the_past_saw_through_and_had_nothing_near() -> None:
    now = facts(WALL, CAR)
    on_car = body(now.points_base, CAR) & (now.clusters.label > 0)
    entered = entered_points(now, [past(facts(WALL))], EXPLAINED_M, MARGIN_M)
    assert entered[on_car].mean() > 0.9
    assert not entered[~on_car & (now.clusters.label == 0)].any()
    assert entered[~on_car].mean() < 0.01
    stood = entered_points(now, [past(facts(WALL, CAR))], EXPLAINED_M, MARGIN_M)
    assert not stood.any()


def test_what_was_hidden_then_has_not_entered_free_space() -> None:
    block: Box = (3.0, 3.5, -4.0, 2.0, 4.0)
    now, then = facts(WALL, CAR), facts(WALL, CAR, block)
    entered = entered_points(now, [past(then)], EXPLAINED_M, MARGIN_M)
    assert not entered[body(now.points_base, CAR)].any()


def test_one_scan_that_saw_through_is_enough() -> None:
    now = facts(WALL, CAR)
    both = [past(facts(WALL, CAR), 0.2), past(facts(WALL), 0.5)]
    one = entered_points(now, both[1:], EXPLAINED_M, MARGIN_M)
    np.testing.assert_array_equal(entered_points(now, both, EXPLAINED_M, MARGIN_M), one)
    assert not entered_points(now, [], EXPLAINED_M, MARGIN_M).any()


def test_what_drove_away_left_a_place_that_is_seen_through_now() -> None:
    """6 m/s for half a second: it came from 3 m nearer, where the road is free now."""
    now, then = facts(WALL, CAR), past(facts(WALL, shifted(CAR, -3.0, 0.0)))
    members = car_members(now)
    assert vacated(now, then, members, MARGIN_M, np.array([[6.0, 0.0]])).mean() > 0.5
    assert not vacated(now, then, members, MARGIN_M, np.array([[0.0, 0.0]])).any()
    assert vacated(now, then, members, MARGIN_M, np.array([[-6.0, 0.0]])).mean() < 0.1


def test_the_velocity_of_each_cluster_is_found() -> None:
    other = shifted(CAR, 0.0, 8.0)
    now = facts(WALL, CAR, other)
    scans = [
        past(facts(WALL, shifted(CAR, -6 * s, 0.0), shifted(other, 4 * s, 0.0)), s)
        for s in (0.1, 0.2, 0.5)
    ]
    for car, speed_mps in ((CAR, 6.0), (other, -4.0)):
        found = search_velocities(scans, car_members(now, car), 30.0, 15.0)
        np.testing.assert_allclose(found, [[speed_mps, 0.0]], atol=0.4)
