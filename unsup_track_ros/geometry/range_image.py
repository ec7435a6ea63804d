# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a spinning LiDAR sees through: the nearest range per direction."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch

from unsup_track_ros.compiled import compiled_for, compiled_inner, read_only
from unsup_track_ros.shapes import Bool, Float, Float32

_MIN_ELEVATION_RAD = -0.8
_MAX_ELEVATION_RAD = 0.8
_ROW_RAD = 0.007  # vertical spacing of a 64-beam sensor (0.4 degrees)
_COLUMNS = 1440  # 0.25 degrees
_ROWS = round((_MAX_ELEVATION_RAD - _MIN_ELEVATION_RAD) / _ROW_RAD)

# As compiled loops need them: in the precision of the points.
_LOWEST_RAD = np.float32(_MIN_ELEVATION_RAD)
_ROW_HEIGHT_RAD = np.float32(_ROW_RAD)
_HALF_TURN_RAD = np.float32(math.pi)
_COLUMNS_PER_RAD = np.float32(_COLUMNS / (2 * math.pi))
_LEAST_RANGE_M = np.float32(1e-6)


class RangeImage:
    """Nearest range of one scan per direction, pooled over neighbouring directions."""

    def __init__(self, points_velo: Float[np.ndarray, "P 3"]) -> None:
        azimuth, elevation, range_m = _directions(points_velo)
        # A column more at either end, so that pooling goes round.
        nearest_m = np.full((_ROWS, _COLUMNS + 2), np.inf, np.float32)
        _keep_nearest(azimuth, elevation, range_m, nearest_m)
        nearest_m[:, 0], nearest_m[:, -1] = nearest_m[:, -2], nearest_m[:, 1]
        # Beyond the highest and the lowest row nothing stops a ray: the border is far away.
        self._nearest_m = cv2.erode(nearest_m, np.ones((3, 3), np.uint8))

    def sees_through(
        self, points_velo: Float[np.ndarray, "P 3"], margin_m: float
    ) -> Bool[np.ndarray, " P"]:
        """Tell which places are free: every return in their direction and beside it lies beyond.

        A direction without any return (sky, drop-out) proves nothing and is not free.
        """
        nearest_m, range_m = self._along(points_velo)
        return np.asarray(np.isfinite(nearest_m) & (nearest_m > range_m + margin_m))

    def is_blocked(
        self, points_velo: Float[np.ndarray, "P 3"], margin_m: float | Float[np.ndarray, " P"]
    ) -> Bool[np.ndarray, " P"]:
        """Tell which places are hidden: something stands that far before them."""
        nearest_m, range_m = self._along(points_velo)
        return np.asarray(nearest_m < range_m - margin_m)

    def _along(
        self, points_velo: Float[np.ndarray, "P 3"]
    ) -> tuple[Float32[np.ndarray, " P"], Float32[np.ndarray, " P"]]:
        """Return the nearest range in the direction of each point, and its own range."""
        azimuth, elevation, range_m = _directions(points_velo)
        nearest_m = np.empty_like(range_m)
        _look_up(azimuth, elevation, self._nearest_m, nearest_m)
        return nearest_m, range_m


def _directions(
    points_velo: Float[np.ndarray, "P 3"],
) -> tuple[Float32[np.ndarray, " P"], Float32[np.ndarray, " P"], Float32[np.ndarray, " P"]]:
    """Return the azimuth, the elevation and the range of each point."""
    points = np.require(points_velo, np.float32, ["C", "A"])
    x, y, sine, range_m = split = np.empty((4, len(points)), np.float32)
    _split(points, split)
    # torch works out eight angles at once, a compiled loop one by one.
    azimuth_rad = torch.atan2(torch.from_numpy(y), torch.from_numpy(x)).numpy()
    return azimuth_rad, torch.asin(torch.from_numpy(sine)).numpy(), range_m


@compiled_for(f"void({read_only('float32', 2)}, float32[:, ::1])")
def _split(points: np.ndarray, split: np.ndarray) -> None:
    """Write x, y, the sine of the elevation and the range of each point to a row each."""
    for k in range(len(points)):
        x, y, z = points[k, 0], points[k, 1], points[k, 2]
        range_m = np.sqrt(x * x + y * y + z * z)
        split[0, k] = x
        split[1, k] = y
        split[2, k] = z / max(range_m, _LEAST_RANGE_M)
        split[3, k] = range_m


@compiled_inner
def _pixel(azimuth_rad: np.float32, elevation_rad: np.float32) -> tuple[int, int]:
    """Return row and column; directions beyond the rows, and unknown ones, are clipped."""
    turn = (azimuth_rad + _HALF_TURN_RAD) * _COLUMNS_PER_RAD
    if turn >= _COLUMNS:
        turn -= np.float32(_COLUMNS)
    column = int(turn) if turn >= 0 else 0
    height = (elevation_rad - _LOWEST_RAD) / _ROW_HEIGHT_RAD
    row = int(min(height, np.float32(_ROWS - 1))) if height >= 0 else 0
    return row, column + 1


@compiled_for("void(float32[::1], float32[::1], float32[::1], float32[:, ::1])")
def _keep_nearest(
    azimuth_rad: np.ndarray, elevation_rad: np.ndarray, range_m: np.ndarray, nearest_m: np.ndarray
) -> None:
    for k in range(len(range_m)):
        row, column = _pixel(azimuth_rad[k], elevation_rad[k])
        if range_m[k] < nearest_m[row, column]:
            nearest_m[row, column] = range_m[k]


@compiled_for("void(float32[::1], float32[::1], float32[:, ::1], float32[::1])")
def _look_up(
    azimuth_rad: np.ndarray, elevation_rad: np.ndarray, image: np.ndarray, found: np.ndarray
) -> None:
    for k in range(len(found)):
        row, column = _pixel(azimuth_rad[k], elevation_rad[k])
        found[k] = image[row, column]
