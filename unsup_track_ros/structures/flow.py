# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Optical flow between a past image (0) and the current image (1)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Bool, Float32


class FlowStatus(enum.Enum):
    """Whether there is flow, and why not."""

    OK = "ok"
    NO_CAMERA = "no_camera"
    NO_PAST_IMAGE = "no_past_image"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpticalFlow:
    """Forward and backward flow at the working resolution, channels (x, y).

    Attributes:
        status: OK, or why the arrays are None.
        stamp0_ns: Stamp of the past image (0 when there is none).
        stamp1_ns: Stamp of the current image.
        flow01_px: (2, H, W) moves pixels of image 0 to image 1.
        flow10_px: (2, H, W) moves pixels of image 1 to image 0.
        reliable0: (H, W) pixels of image 0 that pass the one-to-one and cycle checks.
        reliable1: (H, W) the same for image 1.
    """

    status: FlowStatus
    stamp0_ns: int = 0
    stamp1_ns: int = 0
    flow01_px: Float32[np.ndarray, "2 H W"] | None = None
    flow10_px: Float32[np.ndarray, "2 H W"] | None = None
    reliable0: Bool[np.ndarray, "H W"] | None = None
    reliable1: Bool[np.ndarray, "H W"] | None = None
