# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a scan says of places, and what is believed of hidden objects by it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from unsup_track_ros.data.permanence import driving
from unsup_track_ros.data.permanence.driving import RATE_HZ, driving_occlusion, hidden_spans
from unsup_track_ros.data.permanence.ways import Behaviour, Who
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.structures.beliefs import Beliefs
from unsup_track_ros.tracking.free_space import judge_places
from unsup_track_ros.tracking.hidden_objects import HiddenObjects, HiddenObjectsConfig
from unsup_track_ros.tracking.permanence import Permanence, Sightings, UnseenTracks, Whereabouts

CONFIG = HiddenObjectsConfig()
STEP_NS = 100_000_000
START_NS = 1_700_000_000_000_000_000


def wall(range_m: float, from_deg: float, to_deg: float) -> np.ndarray:
    """Returns of a round wall, closer together than the pixels of a range image."""
    azimuth, elevation = np.meshgrid(
        np.deg2rad(np.arange(from_deg, to_deg, 0.2)), np.deg2rad(np.arange(-24.0, 8.0, 0.35))
    )
    flat = np.cos(elevation)
    rays = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], -1)
    return (rays.reshape(-1, 3) * range_m).astype(np.float32)


def person(y_m: float, speed_mps: float = 0.0, step: int = 1) -> UnseenTracks:
    return UnseenTracks(
        stamp_ns=START_NS + step * STEP_NS,
        ids=np.array([7]),
        boxes_odom=np.array([[12.0, y_m, -0.9, 0.6, 0.6, 1.7, 0.0]]),
        velocities_odom=np.array([[0.0, speed_mps, 0.0]]),
        state_covariances_odom=np.eye(6)[None] * 0.04,
        born_ns=np.array([START_NS - 2_000_000_000]),
        seen_ns=np.array([START_NS]),
        confirmed=np.array([True]),
        odom_T_velo=np.eye(4),
    )


def followed(
    points: np.ndarray, num: int, speed_mps: float = 1.0
) -> tuple[HiddenObjects, list[Whereabouts]]:
    """Ask for some steps about a person who walks to the left behind 0, or into the open."""
    hidden, answers = HiddenObjects(CONFIG), []
    hidden.recognise(np.zeros(0, np.int64), sighted(12.0, 0.0, 0))
    for step in range(1, num + 1):
        hidden.look(partial(RangeImage, points))
        answers.append(hidden.whereabouts(person(0.1 * speed_mps * step, speed_mps, step)))
    return hidden, answers


def sighted(x_m: float, y_m: float, step: int, length_m: float = 0.6) -> Sightings:
    return Sightings(
        stamp_ns=START_NS + step * STEP_NS,
        boxes_odom=np.array([[x_m, y_m, -0.9, length_m, 0.6, 1.7, 0.0]]),
        velocities_odom=np.full((1, 3), np.nan),
    )


@pytest.mark.parametrize(
    ("range_m", "free", "hidden"), [(8.0, False, True), (30.0, True, False), (12.0, False, False)]
)
def test_a_scan_hides_what_is_behind_and_frees_what_is_before(
    range_m: float, free: bool, hidden: bool
) -> None:
    box = person(0.0).boxes_odom
    told = judge_places(
        RangeImage(wall(range_m, -60, 60)), box[:, None, :2], box, np.eye(4), CONFIG.margin_m
    )
    assert [answer.tolist() for answer in told] == [[[free]], [[hidden]]]


def test_a_truck_is_not_hidden_by_its_own_near_side() -> None:
    truck = np.array([[12.0, 0.0, -0.3, 8.0, 2.5, 2.8, 0.0]])
    answers = [
        judge_places(RangeImage(wall(r, -60, 60)), truck[:, None, :2], truck, np.eye(4), 0.4)[1]
        for r in (8.0, 7.0)
    ]
    assert [bool(answer.all()) for answer in answers] == [False, True]


def test_a_hidden_track_is_told_to_be_hidden_and_hardly_fades() -> None:
    _, answers = followed(wall(8.0, -60, 60), 5)
    assert answers[-1].is_hidden.tolist() == [True]
    assert answers[-1].exposure[0] == pytest.approx(CONFIG.hidden_exposure, abs=0.01)
    np.testing.assert_allclose(answers[-1].states_odom[0, :2], [12.0, 0.5], atol=0.35)


def test_the_belief_grows_while_nothing_is_seen() -> None:
    _, answers = followed(wall(8.0, -60, 60), 30)
    spread = [np.trace(answer.covariances_odom[0, :2, :2]) for answer in answers]
    assert spread[29] > 2 * spread[14] > 4 * spread[2]


def test_a_belief_without_a_place_left_fades_fast() -> None:
    _, answers = followed(wall(30.0, -60, 60), 5)
    assert answers[-1].exposure[0] > 0.9 * CONFIG.free_exposure
    assert not answers[-1].is_hidden[0]


def test_without_returns_nothing_is_proven() -> None:
    _, answers = followed(np.zeros((0, 3), np.float32), 3)
    assert np.isnan(answers[-1].states_odom).all()
    assert answers[-1].exposure[0] == pytest.approx(1.0)


def test_who_should_have_come_out_is_believed_to_be_behind_still() -> None:
    points = np.concatenate([wall(8.0, -60, 5), wall(30.0, 5, 60)])  # it is free left of 1.05 m
    hidden, answers = followed(points, 30, speed_mps=1.4)
    assert answers[-1].is_hidden[0]
    assert answers[-1].states_odom[0, 1] < 1.3
    beliefs = hidden.beliefs
    assert beliefs.weights[0, beliefs.places_odom[0, :, 1] < 1.4].sum() > 0.95


def test_a_hidden_object_is_recognised_where_it_may_be_and_fits() -> None:
    hidden, _ = followed(wall(8.0, -60, 60), 20)
    asked = [(12.0, 0.5, 0.6), (12.0, -8.0, 0.6), (12.0, 0.5, 6.0)]
    here, far, large = (
        hidden.recognise(np.array([7]), sighted(x, y, 21, length)).log_densities[0, 0]
        for x, y, length in asked
    )
    assert here > -3.0
    assert far < here - 5.0
    assert large < here - 5.0


def test_who_is_not_asked_about_is_forgotten() -> None:
    hidden, _ = followed(wall(8.0, -60, 60), 5)
    assert len(hidden.recognise(np.array([7]), sighted(12.0, 0.5, 6)).ids) == 1
    assert len(hidden.recognise(np.array([8]), sighted(12.0, 0.5, 7)).ids) == 0
    assert len(hidden.beliefs) == 0


def test_a_restored_memory_goes_on_with_the_same_bytes() -> None:
    points = wall(8.0, -60, 60)
    hidden, _ = followed(points, 10)
    other = HiddenObjects(CONFIG)
    other.restore(hidden.state())
    answers = []
    for memory in (hidden, other):
        memory.look(partial(RangeImage, points))
        answers.append(memory.whereabouts(person(1.1, 1.0, 11)))
    np.testing.assert_array_equal(answers[0].states_odom, answers[1].states_odom)
    np.testing.assert_array_equal(hidden.beliefs.places_odom, other.beliefs.places_odom)


def test_what_is_believed_of_one_does_not_depend_on_others() -> None:
    points, alone = wall(8.0, -60, 60), person(0.0, 1.0)
    both = replace(
        alone,
        ids=np.array([7, 9]),
        boxes_odom=alone.boxes_odom.repeat(2, axis=0),
        velocities_odom=alone.velocities_odom.repeat(2, axis=0),
        state_covariances_odom=alone.state_covariances_odom.repeat(2, axis=0),
        born_ns=alone.born_ns.repeat(2),
        seen_ns=alone.seen_ns.repeat(2),
        confirmed=alone.confirmed.repeat(2),
    )
    told = []
    for tracks in (alone, both):
        hidden = HiddenObjects(CONFIG)
        hidden.look(partial(RangeImage, points))
        told.append(hidden.whereabouts(tracks))
    np.testing.assert_allclose(told[0].states_odom[0], told[1].states_odom[0])


def test_it_is_what_the_tracker_asks() -> None:
    hidden = HiddenObjects(CONFIG)
    assert isinstance(hidden, Permanence)
    assert hidden.whereabouts(person(0.0)).exposure.tolist() == [1.0]  # before the first scan


def test_a_heat_map_counts_the_objects_in_its_square() -> None:
    beliefs = Beliefs(
        stamp_ns=0,
        ids=np.array([1]),
        places_odom=np.array([[[0.1, 0.1], [0.1, 0.1], [1.6, 0.1], [99.0, 0.0]]], np.float32),
        weights=np.full((1, 4), 0.25, np.float32),
    )
    expected = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0.5, 0.25], [0, 0, 0, 0]])
    np.testing.assert_allclose(beliefs.heat_map(np.zeros(2), 2.0, 1.0), expected)


@pytest.mark.parametrize(("who", "behaviour"), [("walker", "turns back"), ("car", "stops")])
def test_the_first_one_of_a_drive_is_hidden_once_for_the_time_asked(
    who: Who, behaviour: Behaviour
) -> None:
    frames = driving_occlusion(who, behaviour, 2.0, np.random.default_rng(0))
    (first, end), *others = hidden_spans(np.array([frame.num_points[0] for frame in frames]))
    assert not others
    assert end - first == pytest.approx(2.0 * RATE_HZ, abs=0.25 * 2.0 * RATE_HZ)


def test_a_drive_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "_TRIES", 3)
    with pytest.raises(DataError, match="ask for a shorter time"):
        driving_occlusion("car", "goes on", 60.0, np.random.default_rng(0))


def test_rays_are_cast_at_what_they_may_meet_and_miss_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drives = []
    for _ in range(2):
        drives.append(driving_occlusion("runner", "turns back", 1.9, np.random.default_rng(4)))
        monkeypatch.setattr(driving, "_may_meet", lambda rays, *_: np.ones(len(rays), bool))
    for culled, whole in zip(*drives, strict=True):
        np.testing.assert_array_equal(culled.points_velo, whole.points_velo)
        np.testing.assert_array_equal(culled.num_points, whole.num_points)


def test_what_nobody_can_do_in_that_time_is_refused_at_once() -> None:
    with pytest.raises(DataError, match="a runner that turns back is hidden for 1"):
        driving_occlusion("runner", "turns back", 1.0, np.random.default_rng(0))


def test_spans_are_between_sightings_only() -> None:
    assert hidden_spans(np.array([0, 9, 9, 0, 0, 9, 0])) == [(3, 5)]


def test_poses_do_not_matter() -> None:
    """Turned and moved with its scan, a place is as hidden as before."""
    odom_T_velo = se3.rigid(se3.rotation_about_z(np.pi / 2), np.array([5.0, -3.0, 0.0]))
    box = person(0.5).boxes_odom
    moved = se3.transform_boxes(odom_T_velo, box)
    scan = RangeImage(np.concatenate([wall(8.0, 0, 60), wall(30.0, -60, 0)]))
    here = judge_places(scan, box[:, None, :2], box, np.eye(4), 0.4)
    there = judge_places(scan, moved[:, None, :2], moved, odom_T_velo, 0.4)
    np.testing.assert_array_equal(here, there)


def test_a_prediction_stands_until_the_scan_refutes_it() -> None:
    _, hidden = followed(wall(8.0, -60, 60), 10)
    np.testing.assert_allclose(hidden[-1].states_odom[0, :2], [12.0, 1.0])
    points = np.concatenate([wall(8.0, -60, 3), wall(30.0, 3, 60)])  # free left of 0.63 m
    _, refuted = followed(points, 12)
    assert refuted[-1].states_odom[0, 1] < 0.9
