# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Golden values of SPECS 5 and the rules of SPECS 0.11, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.evaluation.average_precision import (
    FALSE_POSITIVE,
    IGNORED,
    TRUE_POSITIVE,
    FrameMatches,
    frame_average_precision,
    frame_mean_average_precision,
    match_greedily,
    pooled_average_precision,
    precision_recall_counts,
)

HALF = np.array([0.5])


def frame(scores: list[float], hits: list[int], num_truth: int) -> FrameMatches:
    return FrameMatches(
        scores=np.array(scores, np.float64),
        rows=np.arange(len(scores)),
        outcomes=np.array([hits], np.int8),
        # Hits take the truth objects in their order.
        truth_rows=np.array([np.where(np.array(hits) == 1, np.cumsum(hits) - 1, -1)], np.int64),
        num_truth=num_truth,
    )


FRAME_A = frame([0.9, 0.8, 0.7], [1, 0, 1], 2)
MISSED = frame([], [], 1)
FALSE_ALARM = frame([0.5], [0], 0)
EMPTY = frame([], [], 0)


def match(
    iou: list[list[float]], scores: list[float], counts: list[bool] | None = None
) -> FrameMatches:
    overlap = np.array(iou, np.float64).reshape(len(scores), -1)
    counted = np.ones(overlap.shape[1], bool) if counts is None else np.array(counts, bool)
    return match_greedily(overlap, np.array(scores, np.float64), counted, HALF, 0.1)


def test_a_match_names_detection_and_truth_object_by_their_rows_in_the_frame() -> None:
    # Best score first: row 1 takes object 2; row 0 finds it taken; object 0 does not count.
    matches = match([[0, 0, 0.9], [0, 0, 0.8], [0.7, 0.6, 0]], [0.5, 0.9, 0.1], [False, True, True])
    np.testing.assert_array_equal(matches.rows, [1, 0, 2])
    np.testing.assert_array_equal(matches.truth_rows, [[2, -1, 1]])
    np.testing.assert_array_equal(matches.pairs, [[1, 2], [2, 1]])


def test_golden_ap_of_hit_miss_hit_on_two_objects() -> None:
    assert frame_average_precision(FRAME_A)[0] == pytest.approx(0.5 + 0.5 * 2 / 3)


@pytest.mark.parametrize("extra", [1, 2, 30])
def test_golden_lower_scored_false_positives_change_nothing(extra: int) -> None:
    scores, hits = [0.9, 0.8, 0.7, *[0.1] * extra], [1, 0, 1, *[0] * extra]
    assert frame_average_precision(frame(scores, hits, 2))[0] == pytest.approx(0.8333, abs=5e-5)


def test_golden_map_is_the_mean_over_frames() -> None:
    assert frame_mean_average_precision([FRAME_A, MISSED], skip_empty=False)[0] == pytest.approx(
        0.4167, abs=5e-5
    )


@pytest.mark.parametrize(
    ("other", "skip_empty", "expected"),
    [
        (MISSED, True, 0.41667),
        (FALSE_ALARM, False, 0.41667),
        (FALSE_ALARM, True, 0.41667),
        (EMPTY, False, 0.41667),  # as released
        (EMPTY, True, 0.83333),  # as meant
    ],
)
def test_frames_without_truth_or_detections_follow_the_rules(
    other: FrameMatches, skip_empty: bool, expected: float
) -> None:
    mean = frame_mean_average_precision([FRAME_A, other], skip_empty=skip_empty)
    assert mean[0] == pytest.approx(expected, abs=1e-5)


def test_only_skipped_frames_leave_no_mean() -> None:
    assert np.isnan(frame_mean_average_precision([EMPTY], skip_empty=True)[0])


def test_the_surer_detection_takes_the_object_and_the_second_is_false() -> None:
    matches = match([[0.6], [0.9]], [0.9, 0.8])
    assert matches.outcomes.tolist() == [[TRUE_POSITIVE, FALSE_POSITIVE]]


def test_each_detection_takes_the_free_object_of_highest_iou() -> None:
    # The first takes object 0 (0.9); the second prefers it too but must take object 1.
    matches = match([[0.9, 0.6], [0.8, 0.7]], [0.9, 0.8])
    assert matches.outcomes.tolist() == [[TRUE_POSITIVE, TRUE_POSITIVE]]


def test_iou_equal_to_the_threshold_is_a_match() -> None:
    assert match([[0.5]], [1.0]).outcomes.tolist() == [[TRUE_POSITIVE]]
    assert match([[0.4999]], [1.0]).outcomes.tolist() == [[FALSE_POSITIVE]]


def test_thresholds_are_matched_independently() -> None:
    # At 0.3 the first detection takes the object, at 0.5 it fails and leaves it to the second.
    matches = match_greedily(
        np.array([[0.4], [0.6]]), np.array([0.9, 0.8]), np.ones(1, bool), np.array([0.3, 0.5]), 0.1
    )
    assert matches.outcomes.tolist() == [[1, 0], [0, 1]]


def test_any_number_of_detections_on_an_object_that_does_not_count_is_ignored() -> None:
    matches = match([[0.0, 0.2], [0.0, 0.9], [0.0, 0.05]], [0.9, 0.8, 0.7], [True, False])
    assert matches.outcomes.tolist() == [[IGNORED, IGNORED, FALSE_POSITIVE]]
    assert matches.num_truth == 1


def test_an_overlap_equal_to_the_ignored_one_excuses() -> None:
    assert match([[0.1]], [0.9], [False]).outcomes.tolist() == [[IGNORED]]


def test_precision_is_the_best_at_this_recall_or_beyond() -> None:
    # Precision 0, 1/2, 2/3: the envelope is 2/3 from recall 0 on.
    assert frame_average_precision(frame([0.9, 0.8, 0.7], [0, 1, 1], 2))[0] == pytest.approx(2 / 3)


def test_a_hit_on_a_counting_object_is_a_hit_even_beside_an_ignored_one() -> None:
    matches = match([[0.6, 0.3]], [0.9], [True, False])
    assert matches.outcomes.tolist() == [[TRUE_POSITIVE]]


def test_ignored_detections_enter_neither_average_precision() -> None:
    with_ignored = frame([0.95, 0.9, 0.8, 0.75, 0.7], [IGNORED, 1, 0, IGNORED, 1], 2)
    assert frame_average_precision(with_ignored)[0] == pytest.approx(5 / 6)
    assert pooled_average_precision([with_ignored])[0] == pytest.approx(5 / 6)


def test_a_frame_of_ignored_detections_only_is_empty() -> None:
    assert frame([0.9], [IGNORED], 0).is_empty.tolist() == [True]
    assert FALSE_ALARM.is_empty.tolist() == [False]


def test_pooled_ap_sees_scores_that_do_not_compare_between_frames() -> None:
    # Both frames are perfect alone (AP 1), but the false alarm of one outscores the other's hit.
    frames = [frame([0.9, 0.8], [1, 0], 1), frame([0.3], [1], 1)]
    assert frame_mean_average_precision(frames, skip_empty=False)[0] == 1.0
    assert pooled_average_precision(frames)[0] == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_pooled_ap_of_one_constant_score_is_precision_times_recall() -> None:
    frames = [frame([1, 1, 1], [1, 0, 0], 2), frame([1], [1], 2)]
    assert pooled_average_precision(frames)[0] == pytest.approx(2 / 4 * 2 / 4)
    assert pooled_average_precision(frames[::-1])[0] == pytest.approx(2 / 4 * 2 / 4)


def test_pooled_ap_without_truth_is_unknown_and_without_detections_zero() -> None:
    assert np.isnan(pooled_average_precision([FALSE_ALARM])[0])
    assert pooled_average_precision([MISSED])[0] == 0.0


def test_the_score_cut_drops_detections_from_the_counts() -> None:
    assert precision_recall_counts([FRAME_A, MISSED], 0.0) == (2, 1, 3)
    assert precision_recall_counts([FRAME_A, MISSED], 0.7) == (2, 1, 3)
    assert precision_recall_counts([FRAME_A, MISSED], 0.75) == (1, 1, 3)
