# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Averages over recall, worked out by hand from the equations."""

from __future__ import annotations

import numpy as np
import pytest
from unit.evaluation.kitti_boxes import boxes

from unsup_track_ros.evaluation.kitti_rules import Space, ruled_sequence
from unsup_track_ros.evaluation.recall_averages import (
    RecallAverages,
    average_over_recall,
    ranked,
)
from unsup_track_ros.structures.tracked_boxes import TrackedBoxes


def averages(truth: TrackedBoxes, answer: TrackedBoxes, num_recalls: int) -> RecallAverages:
    frames = ruled_sequence(truth, answer, "Car", Space.VOLUME)
    return average_over_recall([ranked(frames, answer)], 0.5, num_recalls)


FOUR_CARS = boxes(*((0, n, "Car", 10.0 * n) for n in range(4)))


def test_four_objects_three_found_and_one_false_alarm_in_between() -> None:
    """Tracks by score: hit, false alarm, hit, hit; the fourth object is never found. L = 4.

    r     threshold  FP  FN  MOTA  sMOTA
    0.25  0.9        0   3   1/4   1 - (3 - 3) / 1 = 1
    0.50  0.7        1   2   1/4   1 - (3 - 2) / 2 = 1/2
    0.75  0.6        1   1   1/2   1 - (2 - 1) / 3 = 2/3
    1.00  not reached        0     0
    """
    answer = boxes(
        (0, 10, "Car", 0.0),
        (0, 11, "Car", 55.0),
        (0, 12, "Car", 10.0),
        (0, 13, "Car", 20.0),
        scores={10: 0.9, 11: 0.8, 12: 0.7, 13: 0.6},
    )
    found = averages(FOUR_CARS, answer, 4)
    assert found.amota == pytest.approx((1 / 4 + 1 / 4 + 1 / 2) / 4)
    assert found.samota == pytest.approx((1 + 1 / 2 + 2 / 3) / 4)
    assert found.amotp == pytest.approx(3 / 4)
    assert found.best.mota == pytest.approx(1 / 2)
    assert found.best_threshold == pytest.approx(0.6)
    assert (found.best.num_false_positives, found.best.num_misses) == (1, 1)


def test_a_switch_costs_as_much_as_a_miss() -> None:
    """Two objects over two frames, one of them handed from track 20 to track 21. L = 2.

    r    threshold  FP  FN  IDS  MOTA  sMOTA
    0.5  0.9        0   2   0    1/2   1
    1.0  0.5        0   0   1    3/4   3/4
    """
    truth = boxes(*((f, n, "Car", 10.0 * n) for f in (0, 1) for n in (0, 1)))
    answer = boxes(
        (0, 10, "Car", 0.0),
        (0, 20, "Car", 10.0),
        (1, 10, "Car", 0.0),
        (1, 21, "Car", 10.0),
        scores={10: 0.9, 20: 0.5, 21: 0.5},
    )
    found = averages(truth, answer, 2)
    assert found.best.num_switches == 1
    assert found.amota == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert found.samota == pytest.approx((1 + 3 / 4) / 2)


def test_a_track_counts_by_the_mean_of_its_scores() -> None:
    answer = boxes((0, 5, "Car", 0.0), (1, 5, "Car", 0.0), (1, 7, "Car", 3.0), scores={7: 0.5})
    answer.scores[:2] = [0.2, 0.6]
    sequence = ranked([], answer)
    assert sequence.track_ids.tolist() == [5, 7]
    np.testing.assert_allclose(sequence.scores_of(np.array([7, 5, 7])), [0.5, 0.4, 0.5])


def test_a_perfect_answer_scores_one_and_none_scores_zero() -> None:
    perfect = averages(FOUR_CARS, FOUR_CARS, 40)
    assert perfect.samota == pytest.approx(1.0)
    assert perfect.amotp == pytest.approx(1.0)
    nothing = averages(FOUR_CARS, boxes(), 40)
    assert (nothing.samota, nothing.amota, nothing.amotp) == (0.0, 0.0, 0.0)
    assert nothing.best.num_misses == 4


def test_identical_scores_do_not_hide_false_alarms() -> None:
    """All tracks share one score: recall jumps to 1 at once, with both false alarms.

    MOTA is 1 - 2/4 at every recall; sMOTA at r = 1/4 would be 1 - (2 - 3) / 1 = 2 and is cut to 1.
    """
    alarms = ((0, 20, "Car", 55.0), (0, 21, "Car", 65.0))
    answer = boxes(*((0, n, "Car", 10.0 * n) for n in range(4)), *alarms)
    found = averages(FOUR_CARS, answer, 4)
    assert found.amota == pytest.approx(1 / 2)
    assert found.samota == pytest.approx((1 + 1 + (1 - (2 - 1) / 3) + (1 - 2 / 4)) / 4)


def test_more_false_alarms_than_hits_is_worse_than_nothing_and_still_a_cut_off() -> None:
    answer = boxes((0, 10, "Car", 0.0), (0, 11, "Car", 55.0), (0, 12, "Car", 65.0))
    found = averages(FOUR_CARS, answer, 4)
    # One hit, two false alarms, three misses: 1 - 5/4. Recall 1/4 is all that is reached.
    assert found.best.mota == pytest.approx(-1 / 4)
    assert found.amota == pytest.approx(-1 / 4 / 4)
    assert found.samota == 0.0
