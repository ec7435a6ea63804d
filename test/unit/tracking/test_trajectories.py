# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whole objects from parts: a car that is seen side by side, stands, hides."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry import se3
from unsup_track_ros.tracking.trajectories import (
    Sightings,
    Trajectories,
    TrajectoryConfig,
    complete,
    frames_to_sighting,
)

CAR = (4.5, 1.8, 1.5)
PERIOD_S = 0.1


def whole_of(
    frames: list[int],
    boxes_odom: np.ndarray,
    *,
    trajectory: list[int] | None = None,
    sizes: np.ndarray | None = None,
    num_frames: int = 60,
) -> Trajectories:
    """Complete sightings by a sensor that stands at the origin."""
    sightings = Sightings(
        trajectory=np.array([0] * len(frames) if trajectory is None else trajectory, np.int64),
        frame=np.array(frames, np.int64),
        boxes_odom=np.asarray(boxes_odom, np.float64).reshape(-1, 7),
    )
    times_s = PERIOD_S * np.arange(num_frames)
    return complete(sightings, times_s, np.zeros((num_frames, 3)), TrajectoryConfig(), sizes)


def passing(frame: int, y_m: float = 6.0) -> tuple[float, ...]:
    """Return the whole box of a car that passes along x at 10 m/s."""
    return (-20.0 + 10 * PERIOD_S * frame, y_m, 0.0, *CAR, 0.0)


def visible_part(box: tuple[float, ...]) -> tuple[float, ...]:
    """Return what is seen of it: an end from afar, its near side from beside."""
    x, y, z, length, width, height, yaw = box
    if abs(x) <= 8:
        return (x, y - 0.5 * width + 0.3, z, length, 0.6, height, yaw)
    end = x - np.sign(x) * (0.5 * length - 0.5)
    return (end, y, z, 1.0, width, height, yaw)


def test_a_car_of_which_every_scan_shows_a_part_becomes_whole() -> None:
    frames = list(range(41))
    truth = np.array([passing(k) for k in frames])
    whole = whole_of(frames, np.array([visible_part(passing(k)) for k in frames]))
    np.testing.assert_allclose(whole.boxes_odom[0, :, 3:6], np.tile(CAR, (41, 1)), atol=0.1)
    np.testing.assert_allclose(whole.boxes_odom[0, :, :3], truth[:, :3], atol=0.25)
    np.testing.assert_allclose(whole.boxes_odom[0, :, 6], 0.0, atol=0.05)
    np.testing.assert_allclose(whole.velocities_odom[0, 5:-5, 0], 10.0, atol=0.5)
    assert whole.heading_known.tolist() == [True]
    assert whole.size_seen.tolist() == [[True, True, True]]


def test_the_parts_alone_would_put_it_more_than_a_metre_off() -> None:
    """The tripwire of the test above: it needs the completion, not only the smoothing."""
    part, truth = np.array(visible_part(passing(0))), np.array(passing(0))
    assert np.linalg.norm(part[:2] - truth[:2]) > 1.5


def test_a_gap_is_bridged_and_marked() -> None:
    frames = [*range(10), *range(20, 30)]
    whole = whole_of(frames, np.array([passing(k) for k in frames]))
    assert whole.first.tolist() == [0]
    assert whole.length.tolist() == [30]
    assert np.flatnonzero(~whole.seen[0]).tolist() == list(range(10, 20))
    np.testing.assert_allclose(whole.boxes_odom[0, 15, :2], passing(15)[:2], atol=0.1)
    away = frames_to_sighting(whole)[0]
    assert away[8:22].tolist() == [0, 0, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 0, 0]


def test_the_heading_is_held_while_it_stands_though_its_boxes_are_turned() -> None:
    frames = list(range(40))
    boxes = [
        (12.0, min(k, 20) * 0.6 - 6, 0.0, *CAR, np.pi / 2 if k < 20 else -np.pi / 2) for k in frames
    ]
    whole = whole_of(frames, np.array(boxes))
    np.testing.assert_allclose(whole.boxes_odom[0, :, 6], np.pi / 2, atol=0.05)
    assert np.linalg.norm(whole.velocities_odom[0, 30]) < 0.3


def test_an_object_that_only_stands_has_the_direction_of_its_sides_up_to_half_a_turn() -> None:
    frames = list(range(12))
    boxes = [(12.0, 4.0, 0.0, *CAR, 0.3 + np.pi * (k % 2)) for k in frames]
    whole = whole_of(frames, np.array(boxes))
    assert whole.heading_known.tolist() == [False]
    assert np.sin(whole.boxes_odom[0, 0, 6] - 0.3) == pytest.approx(0.0, abs=1e-6)


def test_a_rear_face_tells_the_width_and_not_the_length() -> None:
    frames = list(range(20))
    boxes = [(10.0 + 0.8 * k, 0.0, 0.0, 0.4, 1.8, 1.5, 0.0) for k in frames]
    whole = whole_of(frames, np.array(boxes))
    assert whole.size_seen.tolist() == [[False, True, True]]
    np.testing.assert_allclose(whole.boxes_odom[0, 0, 3:6], (0.4, 1.8, 1.5), atol=1e-6)


def test_a_length_known_from_elsewhere_lies_behind_the_face_that_was_seen() -> None:
    """The rear face is at 9.8 m: with 4.5 m of length the centre is 2.25 m behind it."""
    frames = list(range(20))
    boxes = [(10.0 + 0.8 * k, 0.0, 0.0, 0.4, 1.8, 1.5, 0.0) for k in frames]
    whole = whole_of(frames, np.array(boxes), sizes=np.array([[4.5, np.nan, np.nan]]))
    np.testing.assert_allclose(whole.boxes_odom[0, 0, 3:6], CAR, atol=1e-6)
    np.testing.assert_allclose(
        whole.boxes_odom[0, :, 0], 9.8 + 2.25 + 0.8 * np.array(frames), atol=0.15
    )


def test_a_single_oversized_sighting_does_not_make_the_object_larger() -> None:
    """Of 21 lengths the 0.8 quantile is the 17th: one of 9 m is cut off, five would not be."""
    frames = list(range(21))
    boxes = np.array([passing(k + 10) for k in frames])
    boxes[10, 3] = 9.0
    np.testing.assert_allclose(whole_of(frames, boxes).boxes_odom[0, 0, 3], 4.5, atol=1e-6)


def test_trajectories_together_are_completed_as_each_alone() -> None:
    long, short = list(range(5, 45)), [8, 9, 12]
    parts = np.array([visible_part(passing(k)) for k in long])
    others = np.array([(14.0, 0.5 * k, 0.0, 0.6, 0.7, 1.7, 1.4) for k in short])
    together = whole_of(
        [*long, *short], np.concatenate([parts, others]), trajectory=[0] * 40 + [1] * 3
    )
    assert together.first.tolist() == [5, 8]
    assert together.length.tolist() == [40, 5]
    for n, alone in enumerate((whole_of(long, parts), whole_of(short, others))):
        length = int(alone.length[0])
        np.testing.assert_allclose(together.boxes_odom[n, :length], alone.boxes_odom[0], atol=1e-9)
        np.testing.assert_allclose(
            together.velocities_odom[n, :length], alone.velocities_odom[0], atol=1e-9
        )
        assert together.seen[n, :length].tolist() == alone.seen[0].tolist()
        assert not together.seen[n, length:].any()


def test_one_sighting_is_its_box_standing_still() -> None:
    box = (12.0, 3.0, 0.5, *CAR, 0.4)
    whole = whole_of([7], np.array([box]))
    np.testing.assert_allclose(whole.boxes_odom[0, 0], box, atol=1e-9)
    assert whole.velocities_odom.tolist() == [[[0.0, 0.0, 0.0]]]
    assert whole.heading_known.tolist() == [False]


def test_no_sightings_are_no_objects() -> None:
    whole = whole_of([], np.zeros((0, 7)))
    assert len(whole.first) == 0
    assert whole.boxes_odom.shape[0] == 0


def test_objects_turn_with_the_world() -> None:
    """What a sensor sees in a turned and moved odom is the same object there."""
    frames = list(range(41))
    parts = np.array([visible_part(passing(k)) for k in frames])
    other_T_odom = se3.rigid(se3.rotation_about_z(1.1), np.array([30.0, -5.0, 2.0]))
    times_s = PERIOD_S * np.arange(41)
    plain = whole_of(frames, parts, num_frames=41)
    sightings = Sightings(
        trajectory=np.zeros(41, np.int64),
        frame=np.arange(41),
        boxes_odom=se3.transform_boxes(other_T_odom, parts),
    )
    sensors = np.tile(other_T_odom[:3, 3], (41, 1))
    moved = complete(sightings, times_s, sensors, TrajectoryConfig())
    expected = se3.transform_boxes(other_T_odom, plain.boxes_odom[0])
    np.testing.assert_allclose(moved.boxes_odom[0], expected, atol=1e-6)
