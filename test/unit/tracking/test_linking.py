# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Linking a whole recording: forward and backward tracks, joined and parted."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.tracking import linking
from unsup_track_ros.tracking.linking import link
from unsup_track_ros.tracking.tracker import TrackerConfig

CONFIG = TrackerConfig()
CAR = (4.5, 1.8, 1.5)
Seen = tuple[float, float, MotionState]
MOVING, STANDING, UNSURE = MotionState.MOVING, MotionState.STANDING, MotionState.UNSURE


def recording(*frames: list[Seen]) -> list[tuple[Detections, Egomotion]]:
    """Return 10 Hz frames of cars at (x, y) as a sensor that stands sees them."""
    made = []
    for k, seen in enumerate(frames):
        num, stamp_ns = len(seen), 1_000_000_000 + 100_000_000 * k
        boxes = np.array([(x, y, 0.0, *CAR, 0.0) for x, y, _ in seen]).reshape(-1, 7)
        detections = Detections(
            stamp_ns=stamp_ns,
            boxes_velo=boxes,
            scores=np.full(num, 0.8),
            velocities_velo=np.full((num, 3), np.nan),
            heading_known=np.zeros(num, bool),
            motion=np.array([int(state) for _, _, state in seen], np.int64),
            num_points=np.full(num, 50, np.int64),
            boxes_pix=np.full((num, 4), np.nan),
        )
        egomotion = Egomotion(
            status=EgomotionStatus.OK,
            source=EgomotionSource.TF,
            stamp0_ns=0,
            stamp1_ns=stamp_ns,
            odom_T_velo1=np.eye(4),
        )
        made.append((detections, egomotion))
    return made


def test_nothing_is_linked_in_nothing() -> None:
    assert link([], CONFIG).tolist() == []
    assert link(recording([], [], []), CONFIG).tolist() == []


def test_a_car_is_one_trajectory_from_its_first_to_its_last_detection() -> None:
    frames = recording(*([(0.8 * k - 8, 15.0, MOVING)] for k in range(20)))
    assert link(frames, CONFIG).tolist() == [0] * 20


def test_what_is_seen_too_seldom_is_no_trajectory() -> None:
    frames = recording(*([(5.0, 15.0, MOVING)] if k in (3, 4) else [] for k in range(20)))
    assert link(frames, CONFIG).tolist() == [-1, -1]


def pulls_out(k: int, start: int) -> Seen:
    """A car that stands until frame `start` and then speeds up by 2 m/s^2."""
    seconds = max(k - start, 0) * 0.1
    return (seconds**2, 15.0, MOVING if seconds > 0.3 else STANDING)


def test_a_car_that_pulls_out_is_found_where_it_still_stood() -> None:
    """Only the backward tracker can know: forward, nothing that stands is born."""
    frames = recording(*([pulls_out(k, 15)] for k in range(40)))
    assert link(frames, CONFIG).tolist() == [0] * 40


def test_a_car_that_stops_goes_on_where_it_stands() -> None:
    frames = recording(*([pulls_out(39 - k, 15)] for k in range(40)))
    assert link(frames, CONFIG).tolist() == [0] * 40


def test_what_only_stands_is_no_trajectory_in_either_direction() -> None:
    frames = recording(*([(5.0, 15.0, STANDING), (15.0, 15.0, UNSURE)] for _ in range(20)))
    assert set(link(frames, CONFIG).tolist()) == {-1}


def test_trajectories_are_numbered_by_their_first_frame() -> None:
    """The car of the first row comes later."""
    frames = recording(
        *(
            ([(0.8 * k - 20, 15.0, MOVING)] if k >= 10 else []) + [(8.0 - 0.8 * k, -15.0, MOVING)]
            for k in range(30)
        )
    )
    assert link(frames, CONFIG).tolist() == [0] * 10 + [1, 0] * 20


def traffic(seed: int) -> list[tuple[Detections, Egomotion]]:
    """Return 25 frames of cars on lanes 6 m apart, noisy, some detections missing, some clutter."""
    generator = np.random.default_rng(seed)
    speeds = generator.choice([-1, 1], 4) * generator.uniform(3, 12, 4)
    frames: list[list[Seen]] = []
    for k in range(25):
        seen = [
            (speeds[n] * (0.1 * k - 1.2) + generator.normal(0, 0.05), 10.0 + 6 * n, MOVING)
            for n in range(4)
            if generator.random() < 0.9
        ]
        clutter = [(generator.uniform(-60, 60), generator.uniform(-90, -60), MOVING)]
        frames.append(seen + clutter)
    return recording(*frames)


def mirrored(frames: list[tuple[Detections, Egomotion]]) -> list[tuple[Detections, Egomotion]]:
    """Return the recording played backward; the detections of a frame keep their order."""
    places = [
        [
            (x, y, MotionState(state))
            for (x, y), state in zip(d.boxes_velo[:, :2], d.motion, strict=True)
        ]
        for d, _ in frames
    ]
    return recording(*places[::-1])


def partition(linked: np.ndarray, sizes: list[int]) -> set[frozenset[tuple[int, int]]]:
    """Return the trajectories as sets of (frame, row)."""
    frame = np.repeat(np.arange(len(sizes)), sizes)
    row = np.concatenate([np.arange(size) for size in sizes])
    return {
        frozenset(zip(frame[linked == n].tolist(), row[linked == n].tolist(), strict=True))
        for n in range(linked.max() + 1)
    }


def test_a_recording_played_backward_has_the_same_trajectories() -> None:
    for seed in range(2):
        frames = traffic(seed)
        sizes = [len(d) for d, _ in frames]
        plain = partition(link(frames, CONFIG), sizes)
        back = partition(link(mirrored(frames), CONFIG), sizes[::-1])
        turned = {frozenset((len(sizes) - 1 - k, row) for k, row in one) for one in back}
        assert turned == plain
        assert len(plain) == 4


def test_no_trajectory_has_two_detections_in_a_frame() -> None:
    """Two halves of one truck: the main one counts, the other is no object of its own."""
    frames = recording(
        *([(0.6 * k - 2.3, 15.0, MOVING), (0.6 * k + 2.3, 15.0, MOVING)] for k in range(20))
    )
    linked = link(frames, CONFIG).reshape(20, 2)
    assert ((linked[:, 0] != linked[:, 1]) | (linked[:, 0] < 0)).all()


def joined(forward: list[int], backward: list[int], frames: list[int]) -> list[int]:
    answer = linking._joined(*(np.array(of, np.int64) for of in (forward, backward, frames)))
    return [int(n) for n in answer]


def test_tracks_of_both_directions_that_share_two_detections_are_one_object() -> None:
    """Forward found the end, backward the start, and both the two frames between."""
    one = joined([-1, -1, 7, 7, 7], [3, 3, 3, 3, -1], [0, 1, 2, 3, 4])
    assert len(set(one)) == 1
    assert one[0] >= 0


def test_one_shared_detection_may_be_chance() -> None:
    two = joined([-1, -1, 7, 7, 7], [3, 3, 3, -1, -1], [0, 1, 2, 3, 4])
    assert len(set(two)) == 2


def test_a_track_that_went_from_one_object_to_another_does_not_join_them() -> None:
    """Forward saw both apart in frames 2 to 5: the backward track, which has both, went astray."""
    forward = [1, 1, 1, 2, 1, 2, 1, 2, 1, 2, 2, 2]
    backward = [5, 5, 5, -1, 5, -1, -1, 5, -1, 5, 5, 5]
    frames = [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7]
    parted = np.array(joined(forward, backward, frames))
    first, second = parted[np.array(forward) == 1], parted[np.array(forward) == 2]
    assert len(set(first)) == len(set(second)) == 1
    assert first[0] != second[0]


def test_two_frames_in_which_they_disagree_part_nobody() -> None:
    forward = [1, 1, 1, 2, 1, 2, 2, 2, 2]
    backward = [5, 5, 5, -1, -1, 5, 5, 5, 5]
    frames = [0, 1, 2, 2, 3, 3, 4, 5, 6]
    assert len(set(joined(forward, backward, frames))) == 1
