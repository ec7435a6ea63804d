# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points in boxes by buckets against the test of every pair."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry.box_contents import box_of_points, points_in_boxes


def holds(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    inside = np.zeros((len(points), len(boxes)), bool)
    for column, (x, y, z, length, width, height, yaw) in enumerate(boxes):
        offset = points - np.array([x, y, z])
        along = offset[:, 0] * np.cos(yaw) + offset[:, 1] * np.sin(yaw)
        across = offset[:, 1] * np.cos(yaw) - offset[:, 0] * np.sin(yaw)
        inside[:, column] = (
            (abs(along) <= length / 2)
            & (abs(across) <= width / 2)
            & (abs(offset[:, 2]) <= height / 2)
        )
    return inside


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize(("num", "place_m"), [(1, 0.0), (20, 0.0), (300, 0.0), (20, 4e5)])
def test_points_in_boxes_equal_the_test_of_every_pair(
    precision: type, num: int, place_m: float
) -> None:
    generator = np.random.default_rng(num)
    place = np.array([place_m, -place_m, 0])
    boxes = np.zeros((num, 7))
    boxes[:, :3] = generator.uniform(-4, 4, (num, 3)) + place
    boxes[:, 3:6] = generator.uniform(0.05, 6, (num, 3))
    boxes[:, 6] = generator.uniform(-7, 7, num)
    boxes[::4, 6] = np.round(boxes[::4, 6] / (np.pi / 2)) * (np.pi / 2)
    points = generator.uniform(-8, 8, (5000, 3)) + place
    points[:num, :2] = boxes[:, :2]
    points[:num, 2] = boxes[:, 2] + boxes[:, 5] / 2  # on a face, as far as rounding lets it be
    points = points.astype(precision)
    expected = holds(points, boxes)
    np.testing.assert_array_equal(points_in_boxes(points, boxes), expected)
    first = np.where(expected.any(1), expected.argmax(1), -1)
    np.testing.assert_array_equal(box_of_points(points, boxes), first)
    assert expected.any(0).sum() > num // 2
