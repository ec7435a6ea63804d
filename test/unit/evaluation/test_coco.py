# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""COCO's average precision, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.evaluation.coco import ImageBoxes, coco_scores

BOX = [0.0, 0.0, 10.0, 10.0]


def image(truth: list[list[float]], boxes: list[list[float]], scores: list[float]) -> ImageBoxes:
    """One image."""
    return ImageBoxes(
        truth_boxes_px=np.array(truth, np.float64).reshape(-1, 4),
        boxes_px=np.array(boxes, np.float64).reshape(-1, 4),
        scores=np.array(scores, np.float64),
    )


def test_perfect_boxes_score_one() -> None:
    scores = coco_scores([image([BOX], [BOX], [0.3]), image([], [], [])])
    assert (scores.ap, scores.ap50, scores.recall) == pytest.approx((1.0, 1.0, 1.0))


def test_a_box_of_iou_three_quarters_counts_at_six_of_ten_thresholds() -> None:
    scores = coco_scores([image([BOX], [[0.0, 0.0, 10.0, 7.6]], [0.9])])
    assert (scores.ap, scores.ap75) == pytest.approx((0.6, 1.0))


def test_a_surer_mistake_halves_the_precision() -> None:
    scores = coco_scores([image([BOX], [[50.0, 50.0, 60.0, 60.0], BOX], [0.9, 0.8])])
    assert scores.ap == pytest.approx(0.5)


def test_nothing_found_is_zero_and_nothing_to_find_is_no_score() -> None:
    assert coco_scores([image([BOX], [], [])]).ap == 0.0
    assert np.isnan(coco_scores([image([], [BOX], [0.5])]).ap)
