# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Axes that all bird's-eye panels share: pixels of places in base, rings, vehicle, scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from unsup_track_ros.shapes import Float, Float64
from unsup_track_ros.visualization import colors, drawing
from unsup_track_ros.visualization.drawing import Image

RING_STEP_M: Final = 20
_SCALE_BAR_M: Final = 10.0
# Outline of the vehicle marker about the origin of base: a chevron, as its true size is not known.
_EGO_OUTLINE_BASE: Final = np.array([[2.2, 0.0], [-1.8, 1.1], [-1.0, 0.0], [-1.8, -1.1]])


@dataclass(frozen=True, slots=True, kw_only=True)
class BirdsEyeAxes:
    """A picture fixed to the vehicle: forward is to the right, left is up.

    Attributes:
        width_px: Columns of the picture.
        height_px: Rows; the vehicle is half-way down.
        ahead_m: Ground shown ahead of the vehicle.
        behind_m: Ground shown behind it.
    """

    width_px: int
    height_px: int
    ahead_m: float
    behind_m: float

    @property
    def pixels_per_m(self) -> float:
        """Scale, the same along both axes."""
        return self.width_px / (self.ahead_m + self.behind_m)

    @property
    def base_T_pix(self) -> Float64[np.ndarray, "3 3"]:
        """Homogeneous map from (column, row) to x, y in base."""
        return np.array(
            [
                [1 / self.pixels_per_m, 0.0, -self.behind_m],
                [0.0, -1 / self.pixels_per_m, self.height_px / 2 / self.pixels_per_m],
                [0.0, 0.0, 1.0],
            ]
        )

    def to_pix(self, points_base: Float[np.ndarray, "P C"]) -> Float[np.ndarray, "P 2"]:
        """Return the pixels of points in base (only x and y are looked at)."""
        scale = np.array([self.pixels_per_m, -self.pixels_per_m], points_base.dtype)
        origin_pix = (self.behind_m * self.pixels_per_m, self.height_px / 2)
        return np.asarray(points_base[:, :2] * scale + np.array(origin_pix, points_base.dtype))

    def shows(self, outline_pix: Float[np.ndarray, "C 2"]) -> bool:
        """Return whether a whole outline lies in the picture."""
        size = (self.width_px, self.height_px)
        return bool((outline_pix.max(0) >= 0).all() and (outline_pix.min(0) < size).all())

    def draw_rings(self, image: Image) -> None:
        """Draw a circle with its range every few metres."""
        centre = self.to_pix(np.zeros((1, 2)))[0]
        middle = (round(centre[0]), round(centre[1]))
        for range_m in range(RING_STEP_M, int(self.ahead_m) + 1, RING_STEP_M):
            radius_px = round(range_m * self.pixels_per_m)
            cv2.circle(image, middle, radius_px, colors.GRID_LINE, 1, cv2.LINE_AA)
            place = (centre[0] + radius_px + 4, centre[1] - 4)
            drawing.write(image, f"{range_m} m", place, height_px=9, color=colors.TEXT_DIM)

    def draw_ego(self, image: Image) -> None:
        """Draw the vehicle."""
        outline = self.to_pix(_EGO_OUTLINE_BASE)
        drawing.filled(image, outline, colors.EGO, 0.9)
        drawing.polyline(image, outline, colors.EGO, 1, closed=True)

    def draw_scale(self, image: Image) -> None:
        """Draw a bar of known length in the lower left corner."""
        left, bottom = 16.0, image.shape[0] - 16.0
        right = left + _SCALE_BAR_M * self.pixels_per_m
        bar = np.array([[left, bottom - 6], [left, bottom], [right, bottom], [right, bottom - 6]])
        drawing.polyline(image, bar, colors.TEXT, 1)
        drawing.write(
            image, f"{_SCALE_BAR_M:.0f} m", ((left + right) / 2 - 12, bottom - 5), height_px=9
        )
