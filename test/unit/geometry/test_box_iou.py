# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Overlap of boxes: hand-computed cases and the golden values."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry import box_iou


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, 7)


CAR = (0.0, 0.0, 0.0, 4.5, 1.8, 1.5, 0.0)


def test_corners_run_counter_clockwise_from_front_right_and_bottom_before_top() -> None:
    flat = box_iou.bev_corners(boxes((1, 2, 3, 4, 2, 6, np.pi / 2)))
    np.testing.assert_allclose(flat[0], [[2, 4], [0, 4], [0, 0], [2, 0]], atol=1e-12)
    solid = box_iou.corners(boxes((1, 2, 3, 4, 2, 6, np.pi / 2)))
    np.testing.assert_allclose(solid[0, :, :2], np.concatenate([flat[0], flat[0]]))
    np.testing.assert_allclose(solid[0, :, 2], [0, 0, 0, 0, 6, 6, 6, 6])


def test_a_box_and_itself_turned_by_a_quarter_share_a_third() -> None:
    upright, turned = boxes((5, 5, 0, 4, 2, 1, 1.0)), boxes((5, 5, 0, 4, 2, 1, 1.0 + np.pi / 2))
    np.testing.assert_allclose(box_iou.bev_iou(upright, turned), [[1 / 3]], atol=1e-12)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 0, 4.5, 1.8, 1.5, np.radians(5.625)), 0.875),
        ((0, 0, 0, 4.5, 1.8, 1.5, np.radians(11.25)), 0.776),
        ((0.25, 0.25, 0, 4.5, 1.8, 1.5, 0), 0.685),
        ((0, 0, 0, 4.375, 1.675, 1.5, 0), 0.905),
    ],
)
def test_errors_of_a_car_cost_the_published_overlap(
    other: tuple[float, ...], expected: float
) -> None:
    assert box_iou.bev_iou(boxes(CAR), boxes(other))[0, 0] == pytest.approx(expected, abs=5e-4)


def test_height_overlap_counts_in_three_dimensions_only() -> None:
    raised = boxes((0, 0, 0.75, 4.5, 1.8, 1.5, 0))
    assert box_iou.bev_iou(boxes(CAR), raised)[0, 0] == pytest.approx(1.0)
    assert box_iou.iou_3d(boxes(CAR), raised)[0, 0] == pytest.approx(1 / 3)
    above = boxes((0, 0, 1.6, 4.5, 1.8, 1.5, 0))
    assert box_iou.iou_3d(boxes(CAR), above)[0, 0] == 0.0


def test_boxes_that_only_touch_or_have_no_extent_share_nothing() -> None:
    touching = boxes(
        (4.5, 0, 0, 4.5, 1.8, 1.5, 0), (0, 0, 0, 0, 0, 0, 0.4), (0, 0, 0, 4.5, 0, 1, 0)
    )
    np.testing.assert_allclose(box_iou.bev_iou(boxes(CAR), touching), 0.0, atol=1e-12)
    np.testing.assert_array_equal(box_iou.bev_iou(touching[1:], touching[1:]), np.zeros((2, 2)))


def test_no_boxes_give_empty_matrices() -> None:
    none = np.zeros((0, 7))
    for function in (box_iou.bev_iou, box_iou.iou_3d, box_iou.bev_giou, box_iou.ro_gdiou):
        assert function(none, boxes(CAR, CAR)).shape == (0, 2)
        assert function(boxes(CAR), none).shape == (1, 0)
    assert box_iou.corners(none).shape == (0, 8, 3)
    assert box_iou.nms(none, np.zeros(0), 0.5).shape == (0,)


def test_generalised_overlaps_of_separate_squares_follow_the_formula() -> None:
    # Unit squares 3 m apart: C = 4 x 1, U = 2, d = 3, diag^2 = 17.
    left, right = boxes((0, 0, 0, 1, 1, 1, 0)), boxes((3, 0, 0, 1, 1, 1, 0))
    assert box_iou.bev_giou(left, right)[0, 0] == pytest.approx(-0.5)
    assert box_iou.ro_gdiou(left, right)[0, 0] == pytest.approx(-0.5 - 9 / 17)
    assert box_iou.ro_gdiou(left, left)[0, 0] == pytest.approx(1.0)


def test_pixel_rectangles_overlap_by_their_area_and_nan_overlaps_nothing() -> None:
    first = np.array([[0.0, 0.0, 4.0, 2.0], [np.nan] * 4])
    second = np.array([[2.0, 0.0, 6.0, 2.0], [10.0, 10.0, 11.0, 11.0]])
    np.testing.assert_allclose(box_iou.rectangle_iou(first, second), np.array([[1 / 3, 0], [0, 0]]))


def test_boxes_may_lie_in_memory_in_any_order() -> None:
    both = boxes(CAR, (1, 0.5, 0, 4.5, 1.8, 1.5, 0.7))
    expected = box_iou.bev_iou(both, both)
    for kept in (np.asfortranarray(both), np.repeat(both, 2, axis=0)[::2], both.astype(np.float32)):
        np.testing.assert_allclose(box_iou.bev_iou(kept, kept), expected, rtol=1e-6)


def test_suppression_keeps_the_best_of_each_pile_best_first() -> None:
    piles = boxes(CAR, (0.1, 0, 0, 4.5, 1.8, 1.5, 0), (9, 0, 0, 4.5, 1.8, 1.5, 0))
    np.testing.assert_array_equal(box_iou.nms(piles, np.array([0.5, 0.9, 0.7]), 0.5), [1, 2])
    np.testing.assert_array_equal(box_iou.nms(piles, np.array([0.5, 0.5, 0.5]), 0.5), [0, 2])
