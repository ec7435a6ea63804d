# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Box overlap against shapely, a library for polygons."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import MultiPoint, Polygon

from unsup_track_ros.geometry import box_iou


def random_boxes(generator: np.random.Generator, num: int) -> np.ndarray:
    boxes = np.zeros((num, 7))
    boxes[:, :3] = generator.uniform(-4, 4, (num, 3))
    boxes[:, 3:6] = generator.uniform(0.05, 6, (num, 3))
    boxes[:, 6] = generator.uniform(-7, 7, num)
    boxes[::4, 6] = np.round(boxes[::4, 6] / (np.pi / 2)) * (np.pi / 2)  # parallel edges
    return boxes


def outlines(boxes: np.ndarray) -> list[Polygon]:
    """Turn the corners of an axis-aligned rectangle one box at a time."""
    shapes = []
    for x, y, _, length, width, _, yaw in boxes:
        rotation = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        local = (
            np.array([[length, width], [-length, width], [-length, -width], [length, -width]]) / 2
        )
        shapes.append(Polygon(local @ rotation.T + [x, y]))
    return shapes


@pytest.mark.parametrize("seed", [0, 1])
def test_overlaps_equal_those_of_a_polygon_library(seed: int) -> None:
    generator = np.random.default_rng(seed)
    boxes0, boxes1 = random_boxes(generator, 24), random_boxes(generator, 32)
    boxes1[:8] = boxes0[:8]  # coincident edges
    boxes1[8:12, :6] = boxes0[8:12, :6]
    shared = np.array(
        [[a.intersection(b).area for b in outlines(boxes1)] for a in outlines(boxes0)]
    )
    union = np.array([[a.union(b).area for b in outlines(boxes1)] for a in outlines(boxes0)])
    np.testing.assert_allclose(box_iou.bev_intersection(boxes0, boxes1), shared, atol=1e-9)
    np.testing.assert_allclose(box_iou.bev_iou(boxes0, boxes1), shared / union, atol=1e-9)


def test_the_enclosing_rectangle_is_the_smallest_one() -> None:
    generator = np.random.default_rng(2)
    boxes0, boxes1 = random_boxes(generator, 64), random_boxes(generator, 64)
    area, _ = box_iou.enclosing_rectangle_pairs(boxes0, boxes1)
    corners = np.concatenate([box_iou.bev_corners(boxes0), box_iou.bev_corners(boxes1)], 1)
    expected = [MultiPoint(points).minimum_rotated_rectangle.area for points in corners]
    np.testing.assert_allclose(area, expected, rtol=1e-9)
