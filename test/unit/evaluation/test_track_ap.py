# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Track AP, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.track_ap import TrackBoxes, track_average_precision, track_iou


def track(frames: list[int], x: float = 0.0, score: float = 1.0, video: str = "a") -> TrackBoxes:
    box = np.array([x, 0.0, x + 2.0, 1.0])
    return TrackBoxes(
        video=video, frames=np.array(frames), boxes=np.tile(box, (len(frames), 1)), score=score
    )


def test_right_boxes_in_half_of_the_frames_are_half_an_overlap() -> None:
    assert track_iou(track([0, 1, 2, 3]), track([0, 1])) == pytest.approx(0.5)


def test_boxes_shifted_by_half_their_width_overlap_by_a_third() -> None:
    assert track_iou(track([0, 1]), track([0, 1], x=1.0)) == pytest.approx(1 / 3)


def test_tracks_without_a_common_frame_do_not_overlap() -> None:
    assert track_iou(track([0, 1]), track([2, 3])) == 0.0


def test_a_right_answer_per_true_track_is_perfect() -> None:
    truth = [track([0, 1]), track([0, 1], x=9.0)]
    assert track_average_precision(truth, truth) == pytest.approx(1.0)


def test_a_track_broken_in_two_is_found_once_at_most() -> None:
    truth = [track([0, 1, 2, 3])]
    broken = [track([0, 1], score=0.9), track([2, 3], score=0.8)]
    assert track_average_precision(truth, broken) == pytest.approx(1.0)
    assert track_average_precision(truth, [track([0]), track([2])]) == 0.0


def test_a_surer_wrong_track_halves_the_precision() -> None:
    truth = [track([0, 1])]
    answers = [track([0, 1], score=0.5), track([0, 1], x=50.0, score=0.9)]
    assert track_average_precision(truth, answers) == pytest.approx(0.5)


def test_what_is_found_half_counts_up_to_its_recall() -> None:
    truth = [track([0, 1]), track([0, 1], x=9.0)]
    assert track_average_precision(truth, truth[:1]) == pytest.approx(51 / 101)


def test_tracks_of_other_videos_are_not_compared() -> None:
    assert track_average_precision([track([0, 1])], [track([0, 1], video="b")]) == 0.0


def test_without_true_tracks_there_is_no_score() -> None:
    assert np.isnan(track_average_precision([], [track([0])]))


def test_frames_out_of_order_are_refused() -> None:
    with pytest.raises(DataError, match="ascending order"):
        track([1, 0])
