# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which human boxes move, found by aligning scans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from unit.evaluation.scenes import car, detections, egomotion, label, tracks

from benchmark.kitti_drives import fits_elsewhere, in_view, truths_of
from unsup_track_ros.structures.egomotion import EgomotionStatus

AHEAD = np.array([1.0, 0.0])


def corner(at_m: float) -> np.ndarray:
    """Back and side of a car, as a LiDAR behind it sees them."""
    back = np.array(
        [[at_m, y, z] for y in np.arange(0, 1.8, 0.1) for z in np.arange(0.3, 1.4, 0.2)]
    )
    side = np.array(
        [[at_m + x, 0.0, z] for x in np.arange(0, 4, 0.15) for z in np.arange(0.3, 1.4, 0.2)]
    )
    return np.concatenate([back, side])


def wall() -> np.ndarray:
    return np.array([[x, 8.0, z] for x in np.arange(0, 40, 0.2) for z in np.arange(0, 3, 0.3)])


@pytest.mark.parametrize(
    ("shift_m", "moves"), [(0.0, False), (0.1, False), (0.9, True), (-2.4, True)]
)
def test_an_object_moves_when_it_fits_another_place_clearly_better(
    shift_m: float, moves: bool
) -> None:
    later = np.concatenate([corner(12 + shift_m), wall()])
    assert fits_elsewhere(corner(12), later, AHEAD) is moves


def test_an_object_that_is_gone_has_not_been_seen_to_move() -> None:
    assert not fits_elsewhere(corner(12), wall(), AHEAD)


def test_standing_beside_an_equal_neighbour_is_no_motion() -> None:
    # The car fits the place of its neighbour 5 m ahead as well as its own.
    later = np.concatenate([corner(12), corner(17), wall()])
    assert not fits_elsewhere(corner(12), later, AHEAD)


def test_boxes_out_of_view_leave_with_their_weights_and_the_others_keep_their_detections() -> None:
    # The second is behind, the third 60 degrees aside.
    places = [car(10), car(-10), car(5, 8.7), car(20, 2)]
    one = label(
        0,
        detections=detections(0, places),
        tracks=replace(tracks(0, places, [1, 2, 3, 4]), detection_index=np.array([0, 1, -1, 3])),
        track_weights=np.array([1.0, 0.5, 1.0, 0.5]),
    )
    seen = in_view(one)
    np.testing.assert_array_equal(seen.detections.boxes_velo, [places[0], places[3]])
    np.testing.assert_array_equal(seen.tracks.ids, [1, 4])
    np.testing.assert_array_equal(seen.tracks.detection_index, [0, 1])
    assert seen.track_weights is not None
    np.testing.assert_array_equal(seen.track_weights, [1.0, 0.5])


def test_a_frame_without_a_pose_has_no_tracks_in_view() -> None:
    lost = egomotion(0, odom_T_velo1=None, status=EgomotionStatus.DEGENERATE)
    one = label(0, tracks=tracks(0, [car(10)], [1]), egomotion=lost)
    assert len(in_view(one).tracks) == 0


def test_the_movers_of_the_real_drives_are_found(shared_data: Path) -> None:
    queue = truths_of(shared_data / "kitti_raw_0052")
    moving = [np.flatnonzero(truth.moving).tolist() for truth in queue if truth.moving is not None]
    # The car ahead and the tanker, in every labelled frame.
    assert moving == [[0, 2]] * 3
    assert {queue[0].classes[row] for row in moving[0]} == {"Car", "Truck"}
    street = truths_of(shared_data / "kitti_raw_0048")
    moving = [np.flatnonzero(truth.moving).tolist() for truth in street if truth.moving is not None]
    # The oncoming van, until it has passed.
    assert moving == [[0]] * 3 + [[]] * 7
    assert street[0].classes[0] == "Van"
