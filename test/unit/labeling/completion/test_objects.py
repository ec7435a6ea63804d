# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which objects are believed: movers, what is like them, and those in doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from unit.labeling.completion.stretches import (
    CAR,
    MOVING,
    UNSURE,
    Sighting,
    detections_of,
    egomotion_of,
    parked,
    passing_car,
)

from unsup_track_ros.labeling.completion.objects import ObjectConfig, Objects, find_objects
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.tracking.tracker import TrackerConfig

NUM_FRAMES = 28
Scene = Callable[[int], Sequence[Sighting]]


def found(scene: Scene, num_frames: int = NUM_FRAMES, **values: float) -> Objects | None:
    frames = [(detections_of(k, scene(k)), egomotion_of(k)) for k in range(num_frames)]
    return find_objects(frames, ObjectConfig.model_validate(values), TrackerConfig())


def objects(scene: Scene, num_frames: int = NUM_FRAMES, **values: float) -> Objects:
    answer = found(scene, num_frames, **values)
    assert answer is not None
    return answer


def test_where_nothing_moves_there_are_no_objects() -> None:
    assert found(lambda _: []) is None
    assert found(lambda _: [parked(10, 5), parked(20, 5)]) is None


def test_what_moved_is_believed() -> None:
    answer = objects(lambda k: [passing_car(k)])
    assert answer.weights.tolist() == [1.0]
    assert answer.doubts == ("",)
    assert answer.mover.tolist() == [True]
    assert answer.sightings.tolist() == answer.moving_sightings.tolist() == [NUM_FRAMES]
    assert answer.travel_m[0] == pytest.approx(27.0, abs=0.3)
    assert answer.sighting_of.tolist() == [0] * NUM_FRAMES
    np.testing.assert_allclose(answer.trajectories.boxes_odom[0, 0, 3:6], CAR, atol=0.05)


def test_a_parked_car_like_one_that_drove_is_labelled_with_less_weight() -> None:
    answer = objects(lambda k: [parked(3, -5), passing_car(k)])
    assert answer.mover.tolist() == [True, False]
    assert answer.weights.tolist() == [1.0, 0.5]
    assert answer.sighting_of.reshape(-1, 2).tolist() == [[1, 0]] * NUM_FRAMES
    np.testing.assert_allclose(answer.trajectories.boxes_odom[1, 0, :2], (3, -5), atol=0.05)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param((9.0, 2.5, 3.0), id="a container, larger than all that drove"),
        pytest.param((4.5, 1.0, 1.5), id="a hedge, thinner"),
    ],
)
def test_what_is_like_nothing_that_drove_is_no_label(size: tuple[float, float, float]) -> None:
    answer = objects(lambda k: [passing_car(k), parked(3, -5, size)])
    assert answer.weights.tolist() == [1.0, 0.0]
    assert answer.doubts == ("", "")


def test_small_things_are_not_told_by_their_size() -> None:
    """A post of a pedestrian's size: 0.6 m x 0.6 m are less than 3 m^2."""
    man = (0.6, 0.6, 1.75)

    def scene(k: int) -> list[Sighting]:
        return [Sighting(x=-3.0 + 0.15 * k, y=4.0, size=man), parked(3, -5, man)]

    assert objects(scene).weights.tolist() == [1.0, 0.0]
    assert objects(scene, static_min_area_m2=0.1).weights.tolist() == [1.0, 0.5]


def test_a_parked_car_that_is_seen_too_seldom_is_no_object() -> None:
    answer = objects(lambda k: [passing_car(k), *([parked(3, -5)] if k < 7 else [])])
    assert answer.weights.tolist() == [1.0]


def test_without_a_weight_for_what_stands_only_movers_are_objects() -> None:
    answer = objects(lambda k: [passing_car(k), parked(3, -5)], static_weight=0.0)
    assert answer.weights.tolist() == [1.0]
    assert answer.sighting_of.reshape(-1, 2)[:, 1].tolist() == [-1] * NUM_FRAMES


def test_a_parked_car_hidden_for_a_moment_is_one_object_and_hidden_for_long_another() -> None:
    def hidden(num: int) -> Scene:
        return lambda k: [passing_car(k), *([] if 15 <= k < 15 + num else [parked(3, -5)])]

    assert objects(hidden(2)).weights.tolist() == [1.0, 0.5]
    assert objects(hidden(5)).weights.tolist() == [1.0, 0.5, 0.5]


def doubt_of(scene: Scene, num_frames: int = NUM_FRAMES) -> str:
    """Return the doubt about the first object, which then must have no weight."""
    answer = objects(scene, num_frames)
    assert (answer.weights[0] > 0) == (not answer.doubts[0])
    return answer.doubts[0]


def test_what_hardly_got_away_is_in_doubt() -> None:
    """A flapping tarpaulin: 1.2 m in all; a car must go half of its length."""
    assert "not get far enough" in doubt_of(
        lambda k: [Sighting(x=10 + 0.6 * np.sin(0.5 * k), y=6.0)]
    )
    assert doubt_of(lambda k: [Sighting(x=10 + 0.1 * k, y=6.0)]) == ""


def test_what_was_seen_moving_twice_is_in_doubt() -> None:
    answer = objects(
        lambda k: [Sighting(x=0.5 * k, y=6.0, motion=MOVING if 9 < k < 13 else UNSURE)],
        min_moving_sightings=4,
    )
    assert answer.moving_sightings.tolist() == [3]
    assert answer.weights.tolist() == [0.0]
    assert "too few frames" in answer.doubts[0]


def test_what_is_mostly_not_seen_moving_where_its_path_moves_is_in_doubt() -> None:
    """Of 28 frames at 5 m/s it is seen moving in 12; with 18 it is believed."""

    def seen_moving(until: int) -> Scene:
        return lambda k: [Sighting(x=0.5 * k, y=6.0, motion=MOVING if k < until else UNSURE)]

    assert "mostly not seen moving" in doubt_of(seen_moving(12))
    assert doubt_of(seen_moving(18)) == ""


@pytest.mark.parametrize(
    "size", [(22.0, 2.5, 3.0), (6.0, 4.5, 3.0), (6.0, 0.5, 1.5)], ids=["long", "wide", "thin"]
)
def test_what_has_no_objects_shape_is_in_doubt(size: tuple[float, float, float]) -> None:
    assert "no object's shape" in doubt_of(lambda k: [Sighting(x=-14.0 + k, y=9.0, size=size)])


def test_objects_in_doubt_teach_nobody() -> None:
    """A parked car like a thing that only flapped is like no mover that is believed."""
    answer = objects(lambda k: [Sighting(x=1.0 + 0.6 * np.sin(0.5 * k), y=6.0), parked(3, -5)])
    assert answer.doubts[0]
    assert answer.weights.tolist() == [0.0, 0.0]


def test_a_frame_without_a_pose_is_a_gap() -> None:
    frames = [
        (detections_of(k, [] if k == 20 else [passing_car(k)]), egomotion_of(k))
        for k in range(NUM_FRAMES)
    ]
    frames[20] = (frames[20][0], egomotion_of(20, status=EgomotionStatus.MISSING_TRANSFORM))
    answer = find_objects(frames, ObjectConfig(), TrackerConfig())
    assert answer is not None
    assert answer.weights.tolist() == [1.0]
    assert np.flatnonzero(~answer.trajectories.seen[0]).tolist() == [20]
