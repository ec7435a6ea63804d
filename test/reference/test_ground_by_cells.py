# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Local ground against its definition, cell by cell."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry import ground

NUM = 160


def cell_of(place: float) -> int:
    """Return row or column: cells of 1 m from -80 m on, the outermost ones without end."""
    return min(max(int(np.floor(np.float32(place) + np.float32(80))), 0), NUM - 1)


def lowest_by_cells(points: np.ndarray) -> np.ndarray:
    lowest = np.full((NUM, NUM), np.inf, np.float32)
    for x, y, z in points:
        row, column = cell_of(y), cell_of(x)
        lowest[row, column] = min(lowest[row, column], z)
    around = {
        (row, column): lowest[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        for row in range(NUM)
        for column in range(NUM)
    }
    # Of what was hit, the highest around each cell; then the lowest of that around each cell.
    rim = np.array(
        [max(around[r, c][np.isfinite(around[r, c])], default=np.inf) for r, c in around]
    ).reshape(NUM, NUM)
    filled = lowest.copy()
    for row, column in np.argwhere(np.isfinite(lowest)):
        lowest_rim = rim[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].min()
        filled[row, column] = max(lowest_rim, lowest[row, column])
    wide = [
        filled[max(r - 2, 0) : r + 3, max(c - 2, 0) : c + 3].min()
        for r in range(NUM)
        for c in range(NUM)
    ]
    return np.array(wide, np.float32).reshape(NUM, NUM)


@pytest.mark.parametrize("num", [0, 1, 3000])
def test_ground_is_the_lowest_return_around_without_pits(num: int) -> None:
    generator = np.random.default_rng(num)
    points = generator.normal(0, 30, (num, 3)).astype(np.float32)
    points[:, 2] = generator.normal(0, 1, num)
    points[: num // 10, :2] = np.round(points[: num // 10, :2])  # on the borders of cells
    lowest = lowest_by_cells(points)
    inner = np.s_[3:-3, 3:-3]  # around the outermost cells there are not all neighbours
    np.testing.assert_array_equal(ground.lowest_heights(points)[inner], lowest[inner])
    under = [lowest[cell_of(y), cell_of(x)] for x, y, _ in points]
    np.testing.assert_array_equal(ground.ground_height(lowest, points), np.array(under, np.float32))
    level = ground.level_scan(np.eye(4), points)
    height_m = points[:, 2] - np.array(under, np.float32)
    near = np.abs(points[:, :2]).max(axis=1, initial=0) < 75
    np.testing.assert_array_equal(level.height_m[near], height_m[near])


def test_what_is_not_a_number_is_read_somewhere() -> None:
    level = np.full((NUM, NUM), 0.5, np.float32)
    assert ground.ground_height(level, np.full((1, 3), np.nan, np.float32)).tolist() == [0.5]
