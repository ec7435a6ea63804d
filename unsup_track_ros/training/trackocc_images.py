# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Variation of clips: light and colour, mirror images of the same world, and mirrored worlds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import DataError
from unsup_track_ros.networks.trackocc.frames import CameraFrames
from unsup_track_ros.shapes import Bool, Float, Int64
from unsup_track_ros.structures.voxel_scene import OccupancyFrame

_SAME_M = 1e-6


class ImageVariationConfig(Config):
    """How much images are varied."""

    brightness: float = parameter(0.2, "Largest relative change of brightness.", ge=0, lt=1)
    contrast: float = parameter(0.2, "Largest relative change of contrast.", ge=0, lt=1)
    colour: float = parameter(0.1, "Largest relative change of each colour.", ge=0, lt=1)
    flip_share: float = parameter(
        0.5, "Clips whose images are shown mirrored; their intrinsics say so.", ge=0, le=1
    )
    mirror_share: float = parameter(
        0.5, "Clips of the mirrored world: left is right, in labels and motion too.", ge=0, le=1
    )


def mirrored_worlds(frames: Sequence[OccupancyFrame]) -> list[OccupancyFrame]:
    """Return the clip that the same cameras would have seen in the world behind a mirror.

    Raises:
        DataError: The grid of the labels is not the same to the left and to the right.
    """
    return [_mirrored_world(frame) for frame in frames]


def _mirrored_world(frame: OccupancyFrame) -> OccupancyFrame:
    mirror_y, mirror_x = np.diag([1.0, -1.0, 1.0, 1.0]), np.diag([-1.0, 1.0, 1.0, 1.0])
    pix_T_cam = frame.pix_T_cam.copy()
    pix_T_cam[:, 0, 2] = frame.images.shape[2] - 1 - pix_T_cam[:, 0, 2]
    odom_T_base = mirror_y @ frame.odom_T_base @ mirror_y
    labels = frame.labels
    if labels is not None:
        low, high = labels.grid.minimum_m[1], labels.grid.maximum_m[1]
        if abs(low + high) > _SAME_M:
            raise DataError(
                f"A grid from y {low} to {high} m has no mirror image. Set training.images."
                "mirror_share to 0, or make clips on a grid that reaches as far to both sides."
            )
        labels = replace(
            labels,
            semantics=labels.semantics[:, ::-1].copy(),
            instances=labels.instances[:, ::-1].copy(),
            visible=labels.visible[:, ::-1].copy(),
            seen_by_lidar=None,
            odom_T_base=odom_T_base,
        )
    return replace(
        frame,
        images=frame.images[:, :, ::-1].copy(),
        pix_T_cam=pix_T_cam,
        # The camera's x axis turns round with the world: a left-handed camera there is none.
        base_T_cam=mirror_y @ frame.base_T_cam @ mirror_x,
        depth_m=None if frame.depth_m is None else frame.depth_m[:, :, ::-1].copy(),
        odom_T_base=odom_T_base,
        labels=labels,
    )


def varied_images(
    frames: CameraFrames,
    depth_m: Float[Tensor, "B V h w"] | None,
    clip: Int64[Tensor, " B"],
    config: ImageVariationConfig,
    rngs: Sequence[np.random.Generator],
) -> tuple[CameraFrames, Float[Tensor, "B V h w"] | None]:
    """Return clips with other images of the same scenes; all frames and cameras of one vary alike.

    The paper's zoom and rotation are left out: at a tenth of its resolution they cost more than
    they teach. A mirrored image is another camera's: its focal length along x is negative.

    Args:
        frames: Of all clips.
        depth_m: Their depths.
        clip: The clip of each frame.
        config: How much.
        rngs: Chance of each clip.
    """
    light, is_flipped = zip(*(_drawn(config, rng) for rng in rngs), strict=True)
    of_clip = torch.from_numpy(np.stack(light).astype(np.float32)).to(clip.device)[clip]
    steepness, gain = of_clip[:, None, :1, None, None], of_clip[:, None, 1:, None, None]
    images = ((frames.images.float() - 128.0) * steepness + 128.0) * gain
    flipped = torch.tensor(is_flipped, device=clip.device)[clip]  # B
    varied = replace(
        frames,
        images=_mirrored(images.clamp(0, 255).round().to(torch.uint8), flipped),
        pix_T_cam=_mirrored_intrinsics(frames, flipped),
    )
    return varied, None if depth_m is None else _mirrored(depth_m, flipped)


def _drawn(config: ImageVariationConfig, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Return steepness and gain of each colour, and whether the images are mirrored."""
    gain = 1.0 + rng.uniform(-1, 1) * config.brightness
    steepness = 1.0 + rng.uniform(-1, 1) * config.contrast
    tint = 1.0 + rng.uniform(-1, 1, 3) * config.colour
    return np.append(steepness, gain * tint), bool(rng.random() < config.flip_share)


def _mirrored(images: Tensor, flipped: Bool[Tensor, " B"]) -> Tensor:
    """Return images (B, ..., W), some of them mirrored."""
    which = flipped.reshape(-1, *[1] * (images.dim() - 1))
    return torch.where(which, images.flip(-1), images)


def _mirrored_intrinsics(
    frames: CameraFrames, flipped: Bool[Tensor, " B"]
) -> Float[Tensor, "B V 3 3"]:
    flip = torch.eye(3, device=flipped.device)
    flip[0, 0], flip[0, 2] = -1.0, frames.size_px[1] - 1.0
    return torch.where(flipped[:, None, None, None], flip @ frames.pix_T_cam, frames.pix_T_cam)
