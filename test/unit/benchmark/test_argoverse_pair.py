# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of answers to a pair of sweeps, by hand."""

from __future__ import annotations

import numpy as np

from benchmark.argoverse_pair import FlowAnswer, answer_row
from unsup_track_ros.data.argoverse import SweepPair
from unsup_track_ros.geometry.se3 import rigid, transform
from unsup_track_ros.structures.frame import PointCloud
from unsup_track_ros.structures.truth import FrameTruth

# Points of a moving car, a standing one, a wall, the road, and one 60 m away.
POINTS = np.array([[10.0, 0, 0], [20, 5, 0], [30, -5, 1], [5, 0, -1.7], [60, 0, 0]])
OBJECTS = np.array([0, 1, -1, -1, -1])
MOVING = np.array([True, False, False, False, False])
GROUND = np.array([False, False, False, True, False])
OWN_MOTION = np.where(MOVING[:, None], [1.0, 0, 0], 0.0)
# The vehicle goes 2 m ahead: all that stands comes 2 m nearer.
VELO1_T_VELO0 = rigid(np.eye(3), np.array([-2.0, 0, 0]))


def pair() -> SweepPair:
    cloud = PointCloud(points_velo=POINTS.astype(np.float32))
    truth = FrameTruth(
        stamp_ns=0,
        ids=np.array([0, 1]),
        classes=("car", "car"),
        boxes_velo=np.zeros((2, 7)),
        moving_points=MOVING,
        point_objects=OBJECTS,
        ground_points=GROUND,
    )
    return SweepPair(
        clouds=(cloud, cloud),
        truths=(truth, truth),
        base_T_velo=np.eye(4),
        velo1_T_velo0=VELO1_T_VELO0,
        total_flow_velo=transform(VELO1_T_VELO0, POINTS + OWN_MOTION) - POINTS,
    )


def row(motion: np.ndarray, own_motion: np.ndarray | None, marked: list[int]) -> list[str]:
    answer = FlowAnswer(
        name="x",
        velo1_T_velo0=motion,
        own_motion_velo0=own_motion,
        marked=np.array(marked, bool),
    )
    return answer_row(pair(), answer)


def test_the_truth_has_no_error() -> None:
    assert row(VELO1_T_VELO0, OWN_MOTION, [1, 0, 0, 0, 0]) == ["x", *["0.0000"] * 5, *["1.000"] * 3]


def test_zero_flow_misses_the_motion_of_the_vehicle_everywhere() -> None:
    # The moving car came 1 m nearer, the others 2 m: (1 + 2 + 2) / 3 both ways.
    assert row(np.eye(4), np.zeros((5, 3)), [0] * 5) == [
        *("x", "1.0000", "2.0000", "2.0000", "1.6667", "1.6667"),
        *("n/a", "0.000", "0.000"),
    ]


def test_ego_only_misses_what_moves_and_nothing_else() -> None:
    assert row(VELO1_T_VELO0, np.zeros((5, 3)), [0] * 5)[1:6] == [
        *("1.0000", "0.0000", "0.0000", "0.3333", "0.3333")
    ]


def test_ground_and_far_points_are_not_scored() -> None:
    wrong = OWN_MOTION + np.where(np.arange(5)[:, None] >= 3, [9.0, 9, 9], 0.0)
    assert row(VELO1_T_VELO0, wrong, [1, 0, 0, 1, 1])[1:] == [*["0.0000"] * 5, *["1.000"] * 3]


def test_who_keeps_no_velocities_has_no_flow_but_flags() -> None:
    assert row(VELO1_T_VELO0, None, [1, 1, 0, 0, 0])[1:] == [
        *["n/a"] * 5,
        *("0.500", "1.000", "0.500"),
    ]
