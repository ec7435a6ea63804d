# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a spinning LiDAR sees through: the nearest range per direction."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from unsup_track_ros.shapes import Bool, Float, Float32

_MIN_ELEVATION_RAD = -0.8
_MAX_ELEVATION_RAD = 0.8
_ROW_RAD = 0.007  # vertical spacing of a 64-beam sensor (0.4 degrees)
_COLUMNS = 1440  # 0.25 degrees
_ROWS = round((_MAX_ELEVATION_RAD - _MIN_ELEVATION_RAD) / _ROW_RAD)


class RangeImage:
    """Nearest range of one scan per direction, pooled over neighbouring directions."""

    def __init__(self, points_velo: Float[np.ndarray, "P 3"]) -> None:
        pixel, range_m = _directions(points_velo)
        nearest = torch.full((_ROWS * _COLUMNS,), torch.inf).scatter_reduce_(
            0, torch.from_numpy(pixel), torch.from_numpy(range_m), "amin"
        )
        image = nearest.numpy().reshape(_ROWS, _COLUMNS)
        around = np.concatenate([image[:, -1:], image, image[:, :1]], axis=1)
        self._nearest_m = cv2.erode(around, np.ones((3, 3), np.uint8))[:, 1:-1].reshape(-1)

    def sees_through(
        self, points_velo: Float[np.ndarray, "P 3"], margin_m: float
    ) -> Bool[np.ndarray, " P"]:
        """Tell which places are free: every return in their direction and beside it lies beyond.

        A direction without any return (sky, drop-out) proves nothing and is not free.
        """
        pixel, range_m = _directions(points_velo)
        nearest_m = self._nearest_m[pixel]
        return np.asarray(np.isfinite(nearest_m) & (nearest_m > range_m + margin_m))

    def is_blocked(
        self, points_velo: Float[np.ndarray, "P 3"], margin_m: float | Float[np.ndarray, " P"]
    ) -> Bool[np.ndarray, " P"]:
        """Tell which places are hidden: something stands that far before them."""
        pixel, range_m = _directions(points_velo)
        return np.asarray(self._nearest_m[pixel] < range_m - margin_m)


def _directions(
    points_velo: Float[np.ndarray, "P 3"],
) -> tuple[np.ndarray, Float32[np.ndarray, " P"]]:
    """Return the flat pixel and the range of each point; directions beyond the rows are clipped."""
    # One row per coordinate: torch is ten times slower on strided columns.
    x, y, z = torch.from_numpy(np.ascontiguousarray(points_velo.T, np.float32))
    range_m = torch.sqrt(x * x + y * y + z * z)
    azimuth = torch.atan2(y, x) + torch.pi
    elevation = torch.asin(z / range_m.clamp(min=1e-6))
    column = (azimuth * (_COLUMNS / (2 * torch.pi))).int() % _COLUMNS
    row = ((elevation - _MIN_ELEVATION_RAD) / _ROW_RAD).int().clamp(0, _ROWS - 1)
    return (row * _COLUMNS + column).long().numpy(), range_m.numpy()
