# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cells under boxes."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.occupancy.footprint import cells_in_boxes


def test_the_cells_under_an_upright_and_a_turned_box_are_those_with_the_centre_inside() -> None:
    boxes = np.array([[2.0, 1.0, 0, 2.0, 1.0, 1, 0.0], [6.0, 3.0, 0, 2.0, 1.0, 1, np.pi / 2]])
    cells = cells_in_boxes(boxes, np.zeros(2), 1.0, (5, 8))
    assert np.argwhere(cells[:, :4]).tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert np.argwhere(cells[:, 4:]).tolist() == [[2, 1], [2, 2], [3, 1], [3, 2]]


def test_boxes_outside_the_grid_and_no_boxes_cover_nothing() -> None:
    outside = np.array([[50.0, 1.0, 0, 2.0, 1.0, 1, 0.3], [-9.0, -9.0, 0, 2.0, 1.0, 1, 0.3]])
    assert not cells_in_boxes(outside, np.zeros(2), 1.0, (5, 8)).any()
    assert not cells_in_boxes(np.zeros((0, 7)), np.zeros(2), 1.0, (5, 8)).any()
