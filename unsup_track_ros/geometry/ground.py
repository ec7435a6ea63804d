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

from unsup_track_ros.compiled import compiled_for, compiled_inner, read_only
from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Float, Float32, Float64

CELL_M = 1.0  # a 64-beam scanner hits the road at least once per metre up to about 25 m
NEIGHBOURHOOD_CELLS = 5  # wider than a lane's width of cars seen from above
RANGE_M = 80.0  # beyond it the outermost cells answer
_NUM_CELLS = int(2 * RANGE_M / CELL_M)  # along each side


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
    lowest_m = np.full((_NUM_CELLS, _NUM_CELLS), np.inf, np.float32)
    _lower(lowest_m, np.ascontiguousarray(points_level, np.float32))
    square = np.ones((NEIGHBOURHOOD_CELLS, NEIGHBOURHOOD_CELLS), np.uint8)
    return np.asarray(cv2.erode(_without_pits(lowest_m), square), np.float32)


def ground_height(
    lowest_m: Float32[np.ndarray, "Y X"], points_level: Float[np.ndarray, "Q 3"]
) -> Float32[np.ndarray, " Q"]:
    """Read the height of `lowest_heights` under points; +inf where nothing was hit around them."""
    height_m = np.empty(len(points_level), np.float32)
    points_level = np.ascontiguousarray(points_level, np.float32)
    _read(np.ascontiguousarray(lowest_m), points_level, height_m)
    return height_m


def height_above_ground(points_level: Float[np.ndarray, "P 3"]) -> Float32[np.ndarray, " P"]:
    """Return each point's height over the lowest return around it, in the level frame given."""
    return _ground_and_heights(points_level)[1]


def _ground_and_heights(
    points_level: Float[np.ndarray, "P 3"],
) -> tuple[Float32[np.ndarray, "Y X"], Float32[np.ndarray, " P"]]:
    lowest_m = lowest_heights(points_level)
    below_m = ground_height(lowest_m, points_level)
    return lowest_m, points_level[:, 2].astype(np.float32) - below_m


def _without_pits(lowest_m: Float32[np.ndarray, "Y X"]) -> Float32[np.ndarray, "Y X"]:
    """Raise cells below everything around them to the lowest rim; empty cells stay +inf."""
    square = np.ones((3, 3), np.uint8)
    empty = np.isinf(lowest_m)
    rim = cv2.dilate(np.where(empty, -np.float32(np.inf), lowest_m), square)
    rim[np.isinf(rim)] = np.inf
    return np.where(empty, lowest_m, np.maximum(cv2.erode(rim, square), lowest_m))


@compiled_inner
def _cell_along(place_m: float) -> int:
    """Return the row or column of a coordinate; the outermost one of what is beyond, or of nan."""
    cell = (place_m + np.float32(RANGE_M)) * np.float32(1 / CELL_M)
    return int(min(cell, np.float32(_NUM_CELLS - 1))) if cell > 0 else 0


@compiled_for(f"void(float32[:, ::1], {read_only('float32', 2)})")
def _lower(lowest_m: Float32[np.ndarray, "Y X"], points_level: Float32[np.ndarray, "P 3"]) -> None:
    """Lower the cells to the lowest points in them, in place."""
    for point in range(len(points_level)):
        row, column = _cell_along(points_level[point, 1]), _cell_along(points_level[point, 0])
        lowest_m[row, column] = min(lowest_m[row, column], points_level[point, 2])


@compiled_for(f"void({read_only('float32', 2)}, {read_only('float32', 2)}, float32[::1])")
def _read(
    lowest_m: Float32[np.ndarray, "Y X"],
    points_level: Float32[np.ndarray, "Q 3"],
    height_m: Float32[np.ndarray, " Q"],
) -> None:
    """Write the height of the cell under each point."""
    for point in range(len(points_level)):
        row, column = _cell_along(points_level[point, 1]), _cell_along(points_level[point, 0])
        height_m[point] = lowest_m[row, column]
