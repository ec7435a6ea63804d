# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracker: made-up detections in hand-checked situations."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.structures.tracks import Tracks, TrackState
from unsup_track_ros.tracking.lifecycle import LifecycleConfig
from unsup_track_ros.tracking.tracker import Tracker, TrackerConfig

START_NS = 1_700_000_000_000_000_000
CAR = (4.5, 1.8, 1.5)
UNKNOWN = (np.nan, np.nan, np.nan)


def stamp(time_s: float) -> int:
    return START_NS + round(time_s * 1e9)


def detections(
    time_s: float,
    *boxes: tuple[float, ...],
    score: float = 0.8,
    velocity: tuple[float, float, float] = UNKNOWN,
    heading_known: bool = False,
    motion: MotionState = MotionState.MOVING,
) -> Detections:
    num = len(boxes)
    return Detections(
        stamp_ns=stamp(time_s),
        boxes_velo=np.array(boxes, np.float64).reshape(-1, 7),
        scores=np.full(num, score),
        velocities_velo=np.tile(np.array(velocity, np.float64), (num, 1)).reshape(-1, 3),
        heading_known=np.full(num, heading_known),
        motion=np.full(num, int(motion)),
        num_points=np.full(num, 50, np.int64),
        boxes_pix=np.full((num, 4), np.nan),
    )


def egomotion(
    time_s: float, odom_T_velo: np.ndarray | None = None, *, lost: bool = False
) -> Egomotion:
    pose = np.eye(4) if odom_T_velo is None else odom_T_velo
    return Egomotion(
        status=EgomotionStatus.DEGENERATE if lost else EgomotionStatus.OK,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=stamp(time_s),
        odom_T_velo1=None if lost else pose,
    )


def step(tracker: Tracker, time_s: float, *boxes: tuple[float, ...], **more: float) -> Tracks:
    return tracker.step(detections(time_s, *boxes, **more), egomotion(time_s))  # type: ignore[arg-type]


def car(x_m: float, y_m: float = 0.0, yaw_rad: float = 0.0) -> tuple[float, ...]:
    return (x_m, y_m, 0.0, *CAR, yaw_rad)


def drive(tracker: Tracker, num: int, speed_mps: float = 8.0, start: int = 0) -> Tracks:
    """Let a car pass 15 m to the left at 10 Hz."""
    for k in range(start, start + num):
        tracks = step(tracker, 0.1 * k, car(speed_mps * 0.1 * k - 5, 15))
    return tracks


def test_nothing_detected_is_nothing_tracked() -> None:
    tracks = step(Tracker(TrackerConfig()), 0.0)
    assert len(tracks) == 0
    assert tracks.stamp_ns == START_NS


def test_a_first_detection_is_a_tentative_track_at_its_place() -> None:
    tracks = step(Tracker(TrackerConfig()), 0.0, car(10, 3, 0.3))
    assert tracks.ids.tolist() == [1]
    assert tracks.states.tolist() == [TrackState.TENTATIVE]
    assert tracks.detection_index.tolist() == [0]
    assert tracks.existence[0] == pytest.approx(0.4)
    assert not tracks.heading_known[0]
    np.testing.assert_allclose(tracks.boxes_odom, [car(10, 3, 0.3)])


def test_a_car_is_confirmed_by_its_third_detection_and_its_velocity_is_found() -> None:
    tracker = Tracker(TrackerConfig())
    assert drive(tracker, 2).states.tolist() == [TrackState.TENTATIVE]
    assert drive(tracker, 1, start=2).states.tolist() == [TrackState.CONFIRMED]
    tracks = drive(tracker, 17, start=3)
    assert tracks.ids.tolist() == [1]
    np.testing.assert_allclose(tracks.velocities_odom[0], [8, 0, 0], atol=0.1)
    np.testing.assert_allclose(tracks.boxes_odom[0], car(10.2, 15), atol=0.1)
    assert tracks.heading_known[0]
    assert tracks.ages_s[0] == pytest.approx(1.9)


def test_detections_too_far_apart_in_time_do_not_confirm() -> None:
    config = TrackerConfig(lifecycle=LifecycleConfig(confirm_window_s=0.15))
    tracker = Tracker(config)
    assert drive(tracker, 6).states.tolist() == [TrackState.TENTATIVE]


def test_weak_detections_start_nothing_but_keep_a_confirmed_track() -> None:
    tracker = Tracker(TrackerConfig())
    assert len(step(tracker, 0.0, car(10), score=0.2)) == 0
    tracker.reset()
    drive(tracker, 10)
    tracks = step(tracker, 1.0, car(3, 15), score=0.1)
    assert tracks.states.tolist() == [TrackState.CONFIRMED]
    assert tracks.detection_index.tolist() == [0]
    tracks = step(tracker, 1.1, car(3.8, 15), score=0.01)
    assert tracks.states.tolist() == [TrackState.COASTING]


def test_a_confirmed_track_bridges_a_gap_and_keeps_its_id() -> None:
    tracker = Tracker(TrackerConfig())
    drive(tracker, 15)
    for k in range(15, 27):
        tracks = step(tracker, 0.1 * k)
        assert tracks.states.tolist() == [TrackState.COASTING]
        assert tracks.detection_index.tolist() == [-1]
        assert tracks.boxes_odom[0, 0] == pytest.approx(0.8 * k - 5, abs=0.5)
    tracks = drive(tracker, 1, start=27)
    assert tracks.ids.tolist() == [1]
    assert tracks.states.tolist() == [TrackState.CONFIRMED]


def test_a_gap_in_the_recording_is_as_long_as_it_is_whatever_the_frame_rate() -> None:
    fast, slow = Tracker(TrackerConfig()), Tracker(TrackerConfig())
    drive(fast, 15)
    drive(slow, 15)
    for k in range(1, 41):
        last_fast = step(fast, 1.4 + 0.025 * k)
    last_slow = step(slow, 2.4)
    np.testing.assert_allclose(last_fast.boxes_odom, last_slow.boxes_odom)
    np.testing.assert_allclose(last_fast.existence, last_slow.existence)
    np.testing.assert_allclose(
        last_fast.position_covariances_odom, last_slow.position_covariances_odom
    )


def test_a_vanished_car_is_given_up_and_its_id_is_never_used_again() -> None:
    tracker = Tracker(TrackerConfig())
    drive(tracker, 15)
    for k in range(15, 55):
        tracks = step(tracker, 0.1 * k)
    assert len(tracks) == 0
    assert step(tracker, 6.0, car(0, 15)).ids.tolist() == [2]
    tracker.reset()
    assert step(tracker, 0.0, car(0, 15)).ids.tolist() == [3]


def test_a_tentative_track_dies_soon() -> None:
    tracker = Tracker(TrackerConfig())
    drive(tracker, 1)
    assert len(step(tracker, 0.3)) == 1
    assert len(step(tracker, 0.4)) == 0


def test_what_stands_is_remembered_longer_and_does_not_creep() -> None:
    tracker = Tracker(TrackerConfig())
    for k in range(20):
        before = step(tracker, 0.1 * k, car(10 + 0.03 * k, 4))  # rolls to a stop at 0.3 m/s
    for k in range(20, 60):
        tracks = step(tracker, 0.1 * k)
    assert tracks.states.tolist() == [TrackState.COASTING]
    assert before.velocities_odom[0, 0] > 0.1
    np.testing.assert_allclose(tracks.boxes_odom, before.boxes_odom, atol=0.1)


def test_detections_are_placed_by_the_pose_of_the_sensor() -> None:
    tracker = Tracker(TrackerConfig())
    for k in range(10):
        # A standing car seen from a vehicle that drives and turns.
        odom_T_velo = se3.rigid(se3.rotation_about_z(0.05 * k), np.array([0.5 * k, 0.1 * k, 1.7]))
        boxes_velo = se3.transform_boxes(se3.inverse(odom_T_velo), np.array([car(20, 3, 0.4)]))
        seen = detections(0.1 * k, tuple(boxes_velo[0]), velocity=(0.0, 0.0, 0.0))
        tracks = tracker.step(seen, egomotion(0.1 * k, odom_T_velo))
    assert tracks.ids.tolist() == [1]
    np.testing.assert_allclose(tracks.boxes_odom[0], car(20, 3, 0.4), atol=1e-6)
    np.testing.assert_allclose(tracks.velocities_odom, 0.0, atol=1e-6)


def test_velocities_are_turned_into_odom() -> None:
    tracker = Tracker(TrackerConfig())
    odom_T_velo = se3.rigid(se3.rotation_about_z(np.pi / 2), np.zeros(3))
    seen = detections(0.0, car(10), velocity=(3.0, 0.0, 0.0))
    tracks = tracker.step(seen, egomotion(0.0, odom_T_velo))
    np.testing.assert_allclose(tracks.velocities_odom, [[0, 3, 0]], atol=1e-12)


def test_without_a_pose_tracks_are_predicted_and_nothing_counts_against_them() -> None:
    tracker = Tracker(TrackerConfig())
    before = drive(tracker, 15)
    for k in range(15, 20):
        tracks = tracker.step(detections(0.1 * k, car(99, 99)), egomotion(0.1 * k, lost=True))
    assert tracks.ids.tolist() == [1]
    assert tracks.states.tolist() == [TrackState.COASTING]
    assert tracks.existence[0] == before.existence[0]
    assert tracks.boxes_odom[0, 0] == pytest.approx(before.boxes_odom[0, 0] + 4.0, abs=0.1)


def test_the_heading_is_that_of_the_motion_even_if_boxes_are_turned_by_a_quarter() -> None:
    tracker = Tracker(TrackerConfig())
    for k in range(12):
        box = (0.8 * k - 5, 15.0, 0.0, 1.8, 4.5, 1.5, np.pi / 2 if k % 2 else -np.pi / 2)
        tracks = step(tracker, 0.1 * k, box)
    np.testing.assert_allclose(tracks.boxes_odom[0, 3:], [*CAR, 0.0], atol=0.05)


def test_a_known_heading_turns_an_unknown_one_round() -> None:
    tracker = Tracker(TrackerConfig())
    step(tracker, 0.0, car(10, 4))
    seen = detections(0.1, car(10, 4, np.pi - 0.01), heading_known=True)
    tracks = tracker.step(seen, egomotion(0.1))
    assert tracks.heading_known[0]
    assert abs(tracks.boxes_odom[0, 6]) == pytest.approx(np.pi, abs=0.02)


def test_fragments_of_a_known_truck_stay_one_track() -> None:
    tracker = Tracker(TrackerConfig())
    for k in range(10):
        step(tracker, 0.1 * k, (0.6 * k, 15, 0, 12, 2.5, 3, 0), velocity=(6.0, 0.0, 0.0))  # type: ignore[arg-type]
    for k in range(10, 25):
        front = (0.6 * k + 4.5, 15, 0, 3, 2.5, 3, 0)
        rear = (0.6 * k - 4.0, 15, 0, 4, 2.5, 3, 0)
        tracks = step(tracker, 0.1 * k, front, rear, velocity=(6.0, 0.0, 0.0))  # type: ignore[arg-type]
        assert tracks.ids.tolist() == [1]
    np.testing.assert_allclose(tracks.boxes_odom[0, [0, 3]], [14.4, 12], atol=0.4)


@pytest.mark.parametrize(("inside_m", "ids"), [(2.0, [1]), (1.0, [1, 2])])
def test_what_overlaps_a_matched_track_starts_no_other(inside_m: float, ids: list[int]) -> None:
    tracker = Tracker(TrackerConfig())
    for k in range(10):
        step(tracker, 0.1 * k, car(10, 5))
    beside = (10 + 2.25 + 2.5 - inside_m, 5, 0, 5, 1.8, 1.5, 0)
    assert step(tracker, 1.0, car(10, 5), beside).ids.tolist() == ids


def test_two_tracks_that_turn_out_to_be_one_truck_become_the_older_one() -> None:
    tracker = Tracker(TrackerConfig())
    for k in range(6):
        step(tracker, 0.1 * k, (0.6 * k - 3, 15, 0, 5, 2.5, 3, 0))
    for k in range(6, 12):
        front, rear = (0.6 * k + 3, 15, 0, 5, 2.5, 3, 0), (0.6 * k - 3, 15, 0, 5, 2.5, 3, 0)
        tracks = step(tracker, 0.1 * k, front, rear)
    assert tracks.ids.tolist() == [1, 2]
    for k in range(12, 30):
        tracks = step(tracker, 0.1 * k, (0.6 * k, 15, 0, 11, 2.5, 3, 0))
    assert tracks.ids.tolist() == [1]


def test_a_face_that_jumps_to_the_whole_car_does_not_move_the_car() -> None:
    tracker = Tracker(TrackerConfig())
    for k in range(30):
        rear = 10 + 0.5 * k
        whole = (rear + 2.25, 0, 0, *CAR, 0)
        face = (rear + 0.2, 0, 0, 1.8, 0.4, 1.5, np.pi / 2)
        tracks = step(tracker, 0.1 * k, whole if k in (0, 1, 12) else face)
        if k > 3:
            assert tracks.boxes_odom[0, 0] == pytest.approx(rear + 2.25, abs=0.15)
    assert tracks.velocities_odom[0, 0] == pytest.approx(5.0, abs=0.2)


STATES_AT_REST = [MotionState.STANDING, MotionState.UNSURE]


@pytest.mark.parametrize("state", STATES_AT_REST)
def test_what_is_not_seen_moving_gives_birth_to_nothing(state: MotionState) -> None:
    tracker = Tracker(TrackerConfig())
    for k in range(5):
        tracks = tracker.step(detections(0.1 * k, car(10), motion=state), egomotion(0.1 * k))
        assert len(tracks) == 0


def brake(tracker: Tracker, last_speed_mps: float) -> float:
    """Let a car slow down from 6 m/s by 4 m/s^2; return where it is after that."""
    x_m, speed_mps, k = -8.0, 6.0, 0
    while speed_mps > last_speed_mps:
        step(tracker, 0.1 * k, car(x_m, 15))
        speed_mps -= 0.4
        x_m, k = x_m + 0.1 * speed_mps, k + 1
    return x_m


@pytest.mark.parametrize("state", STATES_AT_REST)
def test_a_track_goes_on_with_its_object_when_that_stands(state: MotionState) -> None:
    tracker = Tracker(TrackerConfig())
    x_m = brake(tracker, 0.0)
    for k in range(20, 60):
        seen = detections(0.1 * k, car(x_m, 15), motion=state)
        tracks = tracker.step(seen, egomotion(0.1 * k))
        assert tracks.ids.tolist() == [1]
        assert tracks.states.tolist() == [TrackState.CONFIRMED]
    np.testing.assert_allclose(tracks.boxes_odom[0, :2], (x_m, 15), atol=0.1)


def test_a_tentative_track_is_not_confirmed_by_what_stands() -> None:
    tracker = Tracker(TrackerConfig())
    step(tracker, 0.0, car(10, 4))
    for k in (1, 2):
        seen = detections(0.1 * k, car(10, 4), motion=MotionState.STANDING)
        tracks = tracker.step(seen, egomotion(0.1 * k))
        assert tracks.states.tolist() == [TrackState.TENTATIVE]
        assert tracks.detection_index.tolist() == [-1]


@pytest.mark.parametrize(
    ("state", "matched"), [(MotionState.STANDING, False), (MotionState.UNSURE, True)]
)
def test_a_fast_track_does_not_take_what_stands_at_its_place(
    state: MotionState, matched: bool
) -> None:
    """A car that passes a parked one and is hidden by it goes on behind it."""
    tracker = Tracker(TrackerConfig())
    drive(tracker, 10)
    seen = detections(1.0, car(3.0, 15), motion=state)
    tracks = tracker.step(seen, egomotion(1.0))
    assert tracks.ids.tolist() == [1]
    assert (tracks.detection_index[0] == 0) == matched


def test_expected_boxes_are_those_of_confirmed_tracks_later_and_change_nothing() -> None:
    tracker = Tracker(TrackerConfig())
    drive(tracker, 15)
    step(tracker, 1.5, car(7.0, 15), car(30, -20))  # the second is tentative
    before = tracker.state()
    expected = tracker.expected(stamp(1.75))
    assert expected.shape == (1, 7)
    np.testing.assert_allclose(expected[0], car(7.0 + 8 * 0.25, 15), atol=0.15)
    after = tracker.state()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)
    assert step(tracker, 1.75, car(9.0, 15)).ids.tolist() == [1, 2]


def test_nothing_is_expected_of_the_past_and_of_no_track() -> None:
    tracker = Tracker(TrackerConfig())
    assert tracker.expected(stamp(1.0)).shape == (0, 7)
    drive(tracker, 15)
    assert tracker.expected(stamp(1.4)).shape == (0, 7)
    assert tracker.expected(stamp(0.2)).shape == (0, 7)


@pytest.mark.parametrize("later_s", [0.0, -0.1])
def test_a_stamp_that_does_not_advance_is_refused_and_changes_nothing(later_s: float) -> None:
    tracker = Tracker(TrackerConfig())
    drive(tracker, 3)
    before = tracker.state()
    with pytest.raises(DataError, match="reset"):
        step(tracker, 0.2 + later_s, car(0, 15))
    after = tracker.state()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_a_pose_of_another_frame_and_boxes_that_are_not_finite_are_refused() -> None:
    tracker = Tracker(TrackerConfig())
    with pytest.raises(DataError, match="same stamp"):
        tracker.step(detections(0.1), egomotion(0.2))
    with pytest.raises(DataError, match="finite"):
        step(tracker, 0.1, car(np.nan))


def test_a_box_of_a_single_point_is_tracked() -> None:
    tracker = Tracker(TrackerConfig())
    for k in range(5):
        tracks = step(tracker, 0.1 * k, (5 + 0.1 * k, 2, 0, 0, 0, 0, 0))
    assert tracks.ids.tolist() == [1]
    assert tracks.states.tolist() == [TrackState.CONFIRMED]


def test_a_restored_tracker_goes_on_byte_for_byte() -> None:
    def scene(tracker: Tracker, first: int, last: int) -> list[Tracks]:
        generator = np.random.default_rng(first)
        return [
            step(
                tracker,
                0.1 * k,
                *(car(0.8 * k + 9 * n, 6.0 * n) for n in generator.permutation(5)[:4]),
            )
            for k in range(first, last)
        ]

    straight, broken = Tracker(TrackerConfig()), Tracker(TrackerConfig())
    scene(straight, 0, 8)
    scene(broken, 0, 8)
    other = Tracker(TrackerConfig())
    other.restore(broken.state())
    scene(broken, 8, 9)  # the state must not share memory with the tracker it came from
    for expected, got in zip(scene(straight, 8, 20), scene(other, 8, 20), strict=True):
        for name in to_arrays(expected).keys() - {"stamp_ns"}:
            assert getattr(expected, name).tobytes() == getattr(got, name).tobytes()
    assert all(
        value.tobytes() == other.state()[name].tobytes() for name, value in straight.state().items()
    )


def test_a_state_that_does_not_fit_is_refused() -> None:
    tracker = Tracker(TrackerConfig())
    state = tracker.state()
    with pytest.raises(DataError, match="lacks"):
        tracker.restore({name: state[name] for name in state if name != "mean"})
    other = Tracker(TrackerConfig(lifecycle=LifecycleConfig(confirm_hits=5)))
    with pytest.raises(DataError, match="configuration"):
        other.restore(state)
    tracker.restore(state)
    assert step(tracker, 0.0, car(1)).ids.tolist() == [1]
