# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracker alone on whole boxes: what it reports online, and with hindsight."""

from __future__ import annotations

import numpy as np
import pytest
from unit.tracking.test_tracker import stamp

from unsup_track_ros.config import from_values
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.tracking.class_tracking import ClassTrackingConfig
from unsup_track_ros.tracking.sequence_tracking import (
    SequenceTrackingConfig,
    SequenceTracks,
    track_offline,
    track_online,
)

CAR = from_values(
    SequenceTrackingConfig,
    {
        "report_existence": 0.995,
        "report_confidence": -100.0,
        "length_gain": 2.0,
        "max_gap_s": 1.0,
        "extension_s": 0.5,
        "trajectories.size_quantile": 0.5,
        "trajectories.min_facing": 0.0,
        "trajectories.extent.whole_boxes": True,
        "tracker.extent.whole_boxes": True,
        "tracker.lifecycle.confirm_hits": 1,
        "tracker.lifecycle.score_log_odds": 0.5,
        "tracker.lifecycle.miss_log_odds_per_s": 10.0,
        "tracker.lifecycle.miss_half_range_m": 40.0,
        "tracker.lifecycle.max_existence": 0.9999,
    },
)


def frame(
    number: int, *boxes: tuple[float, float], score: float = 0.9
) -> tuple[Detections, Egomotion]:
    """Return a frame of cars at (x, y) that drive along x, seen by a LiDAR in the origin."""
    num = len(boxes)
    detections = Detections(
        stamp_ns=stamp(0.1 * number),
        boxes_velo=np.array([[x, y, 0, 4.0, 1.8, 1.5, 0.0] for x, y in boxes]).reshape(-1, 7),
        scores=np.full(num, score),
        velocities_velo=np.full((num, 3), np.nan),
        heading_known=np.ones(num, bool),
        motion=np.full(num, int(MotionState.MOVING)),
        num_points=np.zeros(num, np.int64),
        boxes_pix=np.full((num, 4), np.nan),
    )
    pose = Egomotion(
        status=EgomotionStatus.OK,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=detections.stamp_ns,
        odom_T_velo1=np.eye(4),
    )
    return detections, pose


def drive(
    num: int, speed_mps: float = 10.0, start_m: float = 5.0, gap: range = range(0)
) -> list[tuple[Detections, Egomotion]]:
    """Let a car drive away, not detected in the frames of the gap."""
    return [
        frame(n) if n in gap else frame(n, (start_m + 0.1 * speed_mps * n, 3.0)) for n in range(num)
    ]


def of(tracks: SequenceTracks, identity: int) -> SequenceTracks:
    return tracks.rows(tracks.ids == identity)


def test_no_frames_and_empty_frames_have_no_tracks() -> None:
    for frames in ([], [frame(0), frame(1)]):
        assert len(track_online(frames, CAR)) == 0
        assert len(track_offline(frames, CAR)) == 0


def test_a_frame_online_does_not_know_a_later_one() -> None:
    frames = drive(30, gap=range(12, 15))
    all_of_it = track_online(frames, CAR)
    for num in (1, 13, 29):
        before = track_online(frames[:num], CAR)
        known = all_of_it.rows(all_of_it.frames < num)
        np.testing.assert_array_equal(before.boxes_odom, known.boxes_odom)
        np.testing.assert_array_equal(before.confidences, known.confidences)
        np.testing.assert_array_equal(before.ids, known.ids)


def test_whole_boxes_are_taken_as_they_are() -> None:
    """A visible extent would be completed from its near face; a whole box has its centre."""
    tracks = track_online(drive(20), CAR)
    assert set(tracks.ids.tolist()) == {1}
    np.testing.assert_allclose(tracks.boxes_odom[-1], [24, 3, 0, 4, 1.8, 1.5, 0], atol=0.05)
    shrunk = [frame(n, (10.0, 3.0)) for n in range(10)]
    for n in range(10, 40):
        detections, pose = frame(n, (10.0, 3.0))
        detections.boxes_velo[:, 3] = 3.0
        shrunk.append((detections, pose))
    sizes = track_online(shrunk, CAR).boxes_odom[:, 3]
    assert sizes[9] == pytest.approx(4.0)
    assert sizes[-1] < 3.2  # a visible extent would hold on to what it once saw


def test_the_mean_of_what_boxes_add_is_the_confidence_of_the_track() -> None:
    ln_9 = np.log(9.0)  # log-odds of 0.9
    for num in (1, 2, 5):
        tracks = track_online(drive(num), CAR)
        assert tracks.confidences.mean() == pytest.approx(ln_9 + 2 * np.log(num))
        offline = track_offline(drive(num), CAR)
        np.testing.assert_allclose(offline.confidences, ln_9 + 2 * np.log(num))
    # By hand: the second adds 2 (2 ln 2 - 1 ln 1), the third 2 (3 ln 3 - 2 ln 2).
    wanted = [ln_9, ln_9 + 4 * np.log(2), ln_9 + 6 * np.log(3) - 4 * np.log(2)]
    np.testing.assert_allclose(track_online(drive(3), CAR).confidences, wanted)


def test_no_single_score_is_taken_to_be_surer_than_one_in_a_thousand() -> None:
    sure = [frame(n, (5.0 + n, 3.0), score=1.0) for n in range(2)]
    assert track_online(sure[:1], CAR).confidences[0] == pytest.approx(np.log(999.0))


def test_a_box_without_a_detection_ranks_behind_what_is_seen_and_fades() -> None:
    config = CAR.model_copy(update={"report_existence": 0.2})
    tracks = track_online(drive(12, speed_mps=2.0, gap=range(6, 12)), config)
    seen, unseen = tracks.detected >= 0, tracks.detected < 0
    assert seen.tolist() == [True] * 6 + [False] * 6
    assert tracks.confidences[unseen].max() < tracks.confidences[seen][-1]
    # Near the sensor each 0.1 s costs 1, from an existence of 0.9999 on; what is surer than 0.999
    # is written as that.
    left = np.log(9999.0) - np.arange(1, 7)
    np.testing.assert_allclose(
        tracks.confidences[unseen], np.minimum(left, np.log(999.0)), atol=1e-3
    )


def test_what_is_not_sure_enough_is_not_reported() -> None:
    config = CAR.model_copy(update={"report_confidence": np.log(9.0) + 2 * np.log(2.5)})
    assert track_online(drive(6), config).frames.tolist() == [2, 3, 4, 5]
    assert track_offline(drive(6), config).frames.tolist() == list(range(6))
    assert len(track_offline(drive(2), config)) == 0


def test_a_near_object_that_is_missed_is_soon_not_reported_and_keeps_its_identity() -> None:
    tracks = track_online(drive(40, speed_mps=2.0, gap=range(20, 26)), CAR)
    assert set(tracks.ids.tolist()) == {1}
    reported = set(tracks.frames.tolist())
    assert 20 in reported
    assert 25 not in reported
    assert {26, 39} <= reported


def test_a_far_object_goes_on_being_reported_since_detectors_miss_it() -> None:
    tracks = track_online(drive(40, speed_mps=2.0, start_m=60.0, gap=range(20, 26)), CAR)
    assert tracks.frames.tolist() == list(range(40))
    assert (tracks.detected < 0).nonzero()[0].tolist() == list(range(20, 26))


def test_hindsight_fills_short_gaps_on_the_way_between_and_leaves_long_ones() -> None:
    tracks = track_offline(drive(30, gap=range(10, 16)), CAR)
    assert tracks.frames.tolist() == list(range(30))
    np.testing.assert_allclose(tracks.boxes_odom[12, :2], [5 + 12, 3], atol=0.1)
    assert tracks.detected[12] == -1
    assert tracks.detected[9] == 0
    long = track_offline(drive(60, speed_mps=1.0, gap=range(20, 32)), CAR)
    assert not {25, 26} & set(long.frames.tolist())


def test_hindsight_goes_on_beyond_both_ends_where_detectors_miss_objects() -> None:
    far = [frame(n) for n in range(8)] + [frame(n, (60 - 1.0 * (n - 8), 3.0)) for n in range(8, 20)]
    tracks = of(track_offline(far, CAR), 1)
    # 0.5 s before it was seen first, 5 m farther away.
    assert tracks.frames.min() == 3
    np.testing.assert_allclose(tracks.boxes_odom[0, :2], [65, 3], atol=0.5)
    near = [frame(n) for n in range(8)] + [frame(n, (10.0, 3.0)) for n in range(8, 20)]
    assert track_offline(near, CAR).frames.min() == 8


def test_one_box_that_faces_backwards_does_not_turn_the_trajectory() -> None:
    frames = drive(20)
    frames[7][0].boxes_velo[0, 6] = np.pi
    tracks = track_offline(frames, CAR)
    np.testing.assert_allclose(tracks.boxes_odom[:, 6], 0.0, atol=0.05)


def test_every_class_takes_its_boxes_for_whole_ones() -> None:
    config = ClassTrackingConfig()
    for name in ("Car", "Pedestrian", "Cyclist"):
        assert config.of(name).tracker.extent.whole_boxes
        assert config.of(name).trajectories.extent.whole_boxes
