# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Variation of the images of a clip: light and colour, and mirror images of whole clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import UInt8
from unsup_track_ros.structures.voxel_scene import OccupancyFrame


class ImageVariationConfig(Config):
    """How much images are varied."""

    brightness: float = parameter(0.2, "Largest relative change of brightness.", ge=0, lt=1)
    contrast: float = parameter(0.2, "Largest relative change of contrast.", ge=0, lt=1)
    colour: float = parameter(0.1, "Largest relative change of each colour.", ge=0, lt=1)
    flip_share: float = parameter(
        0.5, "Clips whose images are shown mirrored; their intrinsics say so.", ge=0, le=1
    )


def varied_images(
    frames: Sequence[OccupancyFrame], config: ImageVariationConfig, rng: np.random.Generator
) -> list[OccupancyFrame]:
    """Return a clip with other images of the same scene; all frames and cameras vary alike.

    The paper's zoom and rotation are left out: at a tenth of its resolution they cost more than
    they teach. A mirrored image is another camera's: its focal length along x is negative.
    """
    gain = 1.0 + rng.uniform(-1, 1) * config.brightness
    steepness = 1.0 + rng.uniform(-1, 1) * config.contrast
    tint = 1.0 + rng.uniform(-1, 1, 3) * config.colour
    is_flipped = rng.random() < config.flip_share
    return [_varied(frame, (gain, steepness, tint), is_flipped=is_flipped) for frame in frames]


def _varied(
    frame: OccupancyFrame, light: tuple[float, float, np.ndarray], *, is_flipped: bool
) -> OccupancyFrame:
    gain, steepness, tint = light
    images = (frame.images.astype(np.float32) - 128.0) * steepness + 128.0
    images = np.clip(images * (gain * tint).astype(np.float32), 0, 255)
    bytes_rgb: UInt8[np.ndarray, "V H W 3"] = np.rint(images).astype(np.uint8)
    if not is_flipped:
        return replace(frame, images=bytes_rgb)
    flip = np.eye(3)
    flip[0, 0], flip[0, 2] = -1.0, bytes_rgb.shape[2] - 1
    return replace(
        frame,
        images=np.ascontiguousarray(bytes_rgb[:, :, ::-1]),
        pix_T_cam=flip @ frame.pix_T_cam,
        depth_m=None if frame.depth_m is None else np.ascontiguousarray(frame.depth_m[:, :, ::-1]),
    )
