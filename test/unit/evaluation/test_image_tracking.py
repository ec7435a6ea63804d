# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of objects tracked in images, on cases that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.evaluation.image_tracking import ImageFrame, score_videos

FIRST, SECOND, FAR = [0.0, 0, 10, 10], [20.0, 20, 30, 30], [40.0, 40, 50, 50]


def frame(
    truth: list[list[float]],
    found: list[list[float]],
    scores: list[float] | None = None,
    ids: list[int] | None = None,
) -> ImageFrame:
    """One frame; identities are positions unless given."""
    return ImageFrame(
        truth_ids=np.arange(len(truth)),
        truth_boxes_px=np.array(truth, float).reshape(-1, 4),
        ids=np.array(list(range(len(found))) if ids is None else ids, np.int64),
        boxes_px=np.array(found, float).reshape(-1, 4),
        scores=np.array([1.0] * len(found) if scores is None else scores, float),
    )


def test_a_perfect_answer_scores_one() -> None:
    scores = score_videos([[frame([FIRST, SECOND], [FIRST, SECOND])] * 3])
    assert scores.mota == 1.0
    assert scores.ap == pytest.approx(1.0)
    assert scores.count_error == 0.0


def test_a_miss_a_false_object_and_a_switch_each_cost_one() -> None:
    video = [
        frame([FIRST, SECOND], [FIRST, SECOND], ids=[5, 6]),
        frame([FIRST, SECOND], [FIRST], ids=[5]),  # one missed
        frame([FIRST, SECOND], [FIRST, SECOND, FAR], ids=[7, 6, 8]),  # one switch, one false
    ]
    scores = score_videos([video])
    assert scores.mota == pytest.approx(1 - 3 / 6)
    assert scores.num_switches == 1
    assert scores.count_error == pytest.approx(2 / 3)
    assert scores.wrong_count == pytest.approx(2 / 3)


def test_an_answer_of_more_than_twice_the_truth_is_dropped_for_mota() -> None:
    scores = score_videos([[frame([FIRST], [FIRST, SECOND, FAR])]])
    assert scores.mota == 0.0


def test_unsure_objects_count_for_average_precision_alone() -> None:
    scores = score_videos([[frame([FIRST, SECOND], [FIRST, SECOND], scores=[0.9, 0.2])]])
    assert scores.mota == pytest.approx(0.5)
    assert scores.ap == pytest.approx(1.0)


def test_eleven_points_of_recall() -> None:
    # One of two found, no false one: precision 1 up to recall 0.5, that is at 6 of 11 points.
    scores = score_videos([[frame([FIRST, SECOND], [FIRST])]])
    assert scores.ap == pytest.approx(6 / 11)


def test_a_box_shifted_by_a_fifth_counts_up_to_its_overlap() -> None:
    # IoU of boxes 10 px wide, shifted by 2: 8 / 12 = 0.667, so 6 of 9 thresholds.
    scores = score_videos([[frame([FIRST], [[0.0, 2, 10, 12]])]])
    assert scores.ap == pytest.approx(6 / 9)
