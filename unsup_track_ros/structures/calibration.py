# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Camera model of an image that is already rectified (pinhole)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PinholeCamera:
    """Pinhole intrinsics; pixel centres lie at integer coordinates.

    Attributes:
        width_px: Image columns.
        height_px: Image rows.
        pix_T_cam: (3, 3) intrinsic matrix from camera rays (x right, y down, z forward) to pixels.
    """

    width_px: int
    height_px: int
    pix_T_cam: Float64[np.ndarray, "3 3"]

    def __post_init__(self) -> None:
        if self.width_px <= 0 or self.height_px <= 0:
            raise DataError(
                "The camera image must have a positive size, got "
                f"{self.width_px} x {self.height_px} px."
            )
        if not (self.pix_T_cam[0, 0] > 0 and self.pix_T_cam[1, 1] > 0):
            raise DataError(
                "The camera is not calibrated: its focal lengths must be positive, got "
                f"fx={self.pix_T_cam[0, 0]}, fy={self.pix_T_cam[1, 1]}. Calibrate it or fix its "
                "CameraInfo."
            )

    def resized(self, width_px: int, height_px: int) -> PinholeCamera:
        """Return the camera of the same view at another size (pixel-centre convention)."""
        scale_x = width_px / self.width_px
        scale_y = height_px / self.height_px
        scaled = self.pix_T_cam.copy()
        scaled[0, :] *= scale_x
        scaled[1, :] *= scale_y
        scaled[0, 2] = (self.pix_T_cam[0, 2] + 0.5) * scale_x - 0.5
        scaled[1, 2] = (self.pix_T_cam[1, 2] + 0.5) * scale_y - 0.5
        return PinholeCamera(width_px=width_px, height_px=height_px, pix_T_cam=scaled)
