# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which cells of a grid lie under boxes."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry import box_iou
from unsup_track_ros.shapes import Bool, Float64


def cells_in_boxes(
    boxes: Float64[np.ndarray, "N 7"],
    origin: Float64[np.ndarray, " 2"],
    resolution_m: float,
    shape: tuple[int, int],
) -> Bool[np.ndarray, "Y X"]:
    """Return the cells whose centre lies under a box; boxes and grid share their axes.

    Args:
        boxes: Centre, length, width, height, yaw.
        origin: x, y of the outer corner of cell [0, 0].
        resolution_m: Side of a cell.
        shape: Rows (y) and columns (x).
    """
    outline = (box_iou.bev_corners(boxes) - origin) / resolution_m
    limits = np.array([shape[1], shape[0]])
    first = np.clip(np.floor(outline.min(1)).astype(np.int64), 0, limits)
    end = np.clip(np.ceil(outline.max(1)).astype(np.int64), 0, limits)
    box_of_row, row = box_iou.expand_ranges(first[:, 1], end[:, 1] - first[:, 1])
    strip, column = box_iou.expand_ranges(
        first[box_of_row, 0], (end[:, 0] - first[:, 0])[box_of_row]
    )
    row, box = row[strip], box_of_row[strip]
    x = origin[0] + (column + 0.5) * resolution_m - boxes[box, 0]
    y = origin[1] + (row + 0.5) * resolution_m - boxes[box, 1]
    cosine, sine = np.cos(boxes[box, 6]), np.sin(boxes[box, 6])
    inside = np.abs(cosine * x + sine * y) <= 0.5 * boxes[box, 3]
    inside &= np.abs(cosine * y - sine * x) <= 0.5 * boxes[box, 4]
    cells = np.zeros(shape, bool)
    cells[row[inside], column[inside]] = True
    return cells
