# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points in boxes: cases by hand."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.box_contents import box_of_points, points_in_boxes

CAR = (0.0, 0.0, 0.0, 4.5, 1.8, 1.5, 0.0)


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, 7)


def test_points_on_faces_are_inside_and_the_margin_grows_every_side() -> None:
    points = np.array(
        [[2.25, 0, 0], [2.3, 0, 0], [0, 0.9, 0.75], [0, 0, 0.8], [100, 0, 0]], np.float32
    )
    inside = points_in_boxes(points, boxes(CAR))[:, 0]
    np.testing.assert_array_equal(inside[[0, 1, 3, 4]], [True, False, False, False])
    np.testing.assert_array_equal(
        points_in_boxes(points, boxes(CAR), margin_m=0.1)[:, 0], [True, True, True, True, False]
    )


def test_a_point_in_two_boxes_belongs_to_the_first_and_one_in_none_to_minus_one() -> None:
    both = boxes(CAR, (1, 0, 0, 4.5, 1.8, 1.5, 0))
    points = np.array([[0.5, 0, 0], [3.0, 0, 0], [-9, 0, 0]])
    np.testing.assert_array_equal(box_of_points(points, both), [0, 1, -1])
    np.testing.assert_array_equal(points_in_boxes(points, both), [[1, 1], [0, 1], [0, 0]])
    assert box_of_points(points, np.zeros((0, 7))).tolist() == [-1, -1, -1]
    assert points_in_boxes(np.zeros((0, 3)), both).shape == (0, 2)


def test_what_is_not_finite_lies_in_nothing_and_holds_nothing() -> None:
    both = boxes((np.nan, 0, 0, 1, 1, 1, 0), (0, 0, np.inf, 1, 1, 1, 0), CAR)
    points = np.array([[0, 0, 0], [np.nan, 0, 0], [0, np.inf, 0], [0, 0, np.nan]], np.float32)
    assert box_of_points(points, both).tolist() == [2, -1, -1, -1]
    assert points_in_boxes(points, both).sum() == 1


def test_points_and_boxes_may_lie_in_memory_in_any_order() -> None:
    columns = np.array([[0.5, -9.0], [0.0, 0.0], [0.0, 0.0]], np.float32)
    columns.setflags(write=False)
    for kept in (boxes(CAR), np.asfortranarray(boxes(CAR, CAR)), boxes(CAR, CAR)[::-1]):
        assert box_of_points(columns.T, kept).tolist() == [0, -1]
