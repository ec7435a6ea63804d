# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where an unseen object can still be, by what a scan sees through."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.data.permanence.driving import driving_occlusion, hidden_spans
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.tracking.free_space import FreeSpace, FreeSpaceConfig
from unsup_track_ros.tracking.permanence import Permanence, UnseenTracks

CONFIG = FreeSpaceConfig()


def wall(range_m: float, from_deg: float, to_deg: float) -> np.ndarray:
    """Returns of a round wall, closer together than the pixels of a range image."""
    azimuth, elevation = np.meshgrid(
        np.deg2rad(np.arange(from_deg, to_deg, 0.2)), np.deg2rad(np.arange(-24.0, 8.0, 0.35))
    )
    flat = np.cos(elevation)
    rays = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], -1)
    return np.asarray(range_m * rays.reshape(-1, 3), np.float32)


def person(x_m: float, y_m: float, std_m: float = 1.0) -> UnseenTracks:
    return UnseenTracks(
        stamp_ns=1,
        ids=np.array([7]),
        boxes_odom=np.array([[x_m, y_m, -0.9, 0.6, 0.6, 1.7, 0.0]]),
        velocities_odom=np.zeros((1, 3)),
        position_covariances_odom=np.eye(3)[None] * std_m**2,
        seen_ns=np.array([0]),
        confirmed=np.array([True]),
        odom_T_velo=np.eye(4),
    )


def asked(points: np.ndarray, tracks: UnseenTracks) -> tuple[FreeSpace, np.ndarray, np.ndarray]:
    space = FreeSpace(CONFIG)
    space.look(points)
    told = space.whereabouts(tracks)
    return space, told.positions_odom, told.exposure


def test_a_hidden_place_is_left_alone_and_hardly_counts_as_absence() -> None:
    _, places, exposure = asked(wall(8.0, -60, 60), person(12.0, 0.0))
    assert np.isnan(places).all()
    assert exposure[0] == pytest.approx(CONFIG.hidden_exposure)


def test_a_place_seen_to_be_empty_counts_more() -> None:
    _, _, exposure = asked(wall(30.0, -60, 60), person(12.0, 0.0))
    assert exposure[0] == pytest.approx(CONFIG.free_exposure)


def test_without_returns_nothing_is_proven() -> None:
    _, places, exposure = asked(np.zeros((0, 3), np.float32), person(12.0, 0.0))
    assert np.isnan(places).all()
    assert exposure[0] == pytest.approx(1.0)


def test_who_should_have_come_out_is_believed_to_be_behind_still() -> None:
    points = np.concatenate([wall(8.0, 0, 60), wall(30.0, -60, 0)])
    space, places, exposure = asked(points, person(12.0, -1.0))
    assert places[0, 1] > -0.6  # towards the shadow, which begins at 0
    assert exposure[0] < 1.0
    beliefs = space.beliefs(person(12.0, -1.0), RangeImage(points))
    assert beliefs.weights.sum() == pytest.approx(1.0)
    hidden = beliefs.is_hidden[0]
    assert beliefs.weights[0, hidden].sum() > 0.7
    assert beliefs.expected[hidden].sum() < 0.4


def test_the_answer_is_the_same_in_a_turned_and_moved_odom() -> None:
    from dataclasses import replace

    from unsup_track_ros.geometry import se3

    points = np.concatenate([wall(8.0, 0, 60), wall(30.0, -60, 0)])
    odom_T_velo = se3.rigid(se3.rotation_about_z(np.pi / 2), np.array([5.0, -3.0, 0.0]))
    here = person(12.0, -1.0)
    there = replace(
        here,
        boxes_odom=se3.transform_boxes(odom_T_velo, here.boxes_odom),
        odom_T_velo=odom_T_velo,
    )
    _, places0, exposure0 = asked(points, here)
    _, places1, exposure1 = asked(points, there)
    np.testing.assert_allclose(se3.transform(odom_T_velo, places0), places1, atol=1e-6)
    np.testing.assert_allclose(exposure0, exposure1)


def test_it_is_what_the_tracker_asks() -> None:
    space = FreeSpace(CONFIG)
    assert isinstance(space, Permanence)
    told = space.whereabouts(person(1.0, 2.0))  # before the first scan it knows nothing
    assert told.exposure.tolist() == [1.0]


def test_the_first_person_of_a_drive_vanishes_behind_the_van_and_comes_back() -> None:
    frames = list(driving_occlusion("steady", np.random.default_rng([0, 0, 0])))
    spans = hidden_spans(np.array([frame.num_points[0] for frame in frames]), 5)
    assert len(spans) >= 1
    first, end = spans[0]
    van_hides = frames[(first + end) // 2]
    assert van_hides.num_points[0] < 5
    assert frames[first - 1].num_points[0] >= 5


def test_spans_are_between_sightings_only() -> None:
    assert hidden_spans(np.array([0, 9, 9, 0, 0, 9, 0]), 5) == [(3, 5)]
