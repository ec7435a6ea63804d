# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Local ground height from the lowest returns of a level lattice.

Good for telling road from what stands on it; it follows slopes but fits no model. Where all of a
neighbourhood lies on a roof, the roof is taken for ground. Single cells far below all their
neighbours (reflections in wet roads and windows) are filled first, by a grey-scale closing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Float, Float32, Float64, Int64

CELL_M = 1.0  # a 64-beam scanner hits the road at least once per metre up to about 25 m
NEIGHBOURHOOD_CELLS = 5  # wider than a lane's width of cars seen from above
RANGE_M = 80.0  # beyond it the outermost cells answer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelScan:
    """A scan in the level frame of its own moment.

    Attributes:
        points_base: (P, 3) the points.
        lowest_m: (Y, X) ground around them, see `lowest_heights`.
        height_m: (P,) their height over it.
    """

    points_base: Float32[np.ndarray, "P 3"]
    lowest_m: Float32[np.ndarray, "Y X"]
    height_m: Float32[np.ndarray, " P"]


def level_scan(
    base_T_velo: Float64[np.ndarray, "4 4"], points_velo: Float32[np.ndarray, "P 3"]
) -> LevelScan:
    """Level a scan and find its ground."""
    points_base = se3.transform(base_T_velo, points_velo)
    lowest_m, height_m = _ground_and_heights(points_base)
    return LevelScan(points_base=points_base, lowest_m=lowest_m, height_m=height_m)


def lowest_heights(points_level: Float[np.ndarray, "P 3"]) -> Float32[np.ndarray, "Y X"]:
    """Return the lowest z of each neighbourhood of cells, +inf where nothing was hit."""
    return _lowest_heights(points_level, _cell_of(points_level))


def _lowest_heights(
    points_level: Float[np.ndarray, "P 3"], cell: Int64[np.ndarray, " P"]
) -> Float32[np.ndarray, "Y X"]:
    num = _num_cells()
    height_m = torch.from_numpy(np.ascontiguousarray(points_level[:, 2], np.float32))
    lowest = torch.full((num * num,), torch.inf)
    lowest.scatter_reduce_(0, torch.from_numpy(cell), height_m, "amin")
    filled_m = _without_pits(lowest.numpy().reshape(num, num))
    square = np.ones((NEIGHBOURHOOD_CELLS, NEIGHBOURHOOD_CELLS), np.uint8)
    return np.asarray(cv2.erode(filled_m, square), np.float32)


def ground_height(
    lowest_m: Float32[np.ndarray, "Y X"], points_level: Float[np.ndarray, "Q 3"]
) -> Float32[np.ndarray, " Q"]:
    """Read the height of `lowest_heights` under points; +inf where nothing was hit around them."""
    return np.asarray(lowest_m.reshape(-1)[_cell_of(points_level)])


def height_above_ground(points_level: Float[np.ndarray, "P 3"]) -> Float32[np.ndarray, " P"]:
    """Return each point's height over the lowest return around it, in the level frame given."""
    return _ground_and_heights(points_level)[1]


def _ground_and_heights(
    points_level: Float[np.ndarray, "P 3"],
) -> tuple[Float32[np.ndarray, "Y X"], Float32[np.ndarray, " P"]]:
    cell = _cell_of(points_level)
    lowest_m = _lowest_heights(points_level, cell)
    return lowest_m, points_level[:, 2].astype(np.float32) - lowest_m.reshape(-1)[cell]


def _without_pits(lowest_m: Float32[np.ndarray, "Y X"]) -> Float32[np.ndarray, "Y X"]:
    """Raise cells below everything around them to the lowest rim; empty cells stay +inf."""
    square = np.ones((3, 3), np.uint8)
    empty = np.isinf(lowest_m)
    rim = cv2.dilate(np.where(empty, -np.float32(np.inf), lowest_m), square)
    rim[np.isinf(rim)] = np.inf
    return np.where(empty, lowest_m, np.maximum(cv2.erode(rim, square), lowest_m))


def _num_cells() -> int:
    return int(2 * RANGE_M / CELL_M)


def _cell_of(points_level: Float[np.ndarray, "P 3"]) -> Int64[np.ndarray, " P"]:
    """Return the flat row-major (y, x) cell; far points fall into the outermost cells."""
    num = _num_cells()
    place = torch.from_numpy(np.ascontiguousarray(points_level[:, :2], np.float32))
    index = ((place + RANGE_M) * (1 / CELL_M)).clamp_(0, num - 1).int()
    return (index[:, 1] * num + index[:, 0]).long().numpy()
