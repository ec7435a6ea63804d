# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Crossing videos: vehicles hide one another and come out again, before a camera that moves.

Made for what an appearance is for: boxes overlap, meet at one place of the image, and move far
between frames. Made with torch, many at once, on whichever device.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.crossing.painting import painted, random_paint
from unsup_track_ros.data.crossing.traffic import (
    CrossingTrafficConfig,
    PinholeView,
    crossing_scene,
)
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.shapes import Bool, Float, UInt8

_VIDEOS_AT_ONCE = 4  # bounds the memory of painting
_SMALLEST_PX = 6.0


class CrossingConfig(Config):
    """Crossing videos."""

    width_px: int = parameter(256, "Width of a frame.", unit="px", ge=64)
    height_px: int = parameter(160, "Height of a frame.", unit="px", ge=64)
    num_frames: int = parameter(40, "Length of a video.", ge=1)
    focal_share: float = parameter(0.85, "Focal length over width of the image.", gt=0)
    horizon_share: float = parameter(0.42, "Row of the horizon over height of the image.", gt=0)
    min_visible: float = parameter(
        0.25, "Share of a vehicle that must be seen for it to be in the truth.", gt=0, le=1
    )
    noise_std: float = parameter(0.02, "Noise of the pixels, which are 0 to 1.", ge=0)
    light_change: float = parameter(0.15, "Largest slow change of the light.", ge=0, lt=1)
    traffic: CrossingTrafficConfig = CrossingTrafficConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossingVideos:
    """N videos of T frames with up to M vehicles each; the index of a vehicle is its identity.

    Attributes:
        frames: 0 to 255.
        boxes_px: Left, top, right, bottom of the whole vehicle, hidden parts too, cut at the
            border of the image.
        visibility: Share of its silhouette within the image that nothing hides.
        is_truth: Visible enough to be asked for.
    """

    frames: UInt8[Tensor, "N T 3 H W"]
    boxes_px: Float[Tensor, "N T M 4"]
    visibility: Float[Tensor, "N T M"]
    is_truth: Bool[Tensor, "N T M"]


def crossing_videos(
    config: CrossingConfig, num_videos: int, generator: torch.Generator
) -> CrossingVideos:
    """Make videos on the generator's device.

    Raises:
        ConfigError: More vehicles are asked for at least than at most.
    """
    if config.traffic.min_vehicles > config.traffic.max_vehicles:
        raise ConfigError(
            f"Videos with at least {config.traffic.min_vehicles} and at most "
            f"{config.traffic.max_vehicles} vehicles cannot be made. Let `min_vehicles` be at "
            "most `max_vehicles`."
        )
    parts = [
        _made(config, min(_VIDEOS_AT_ONCE, num_videos - first), generator)
        for first in range(0, num_videos, _VIDEOS_AT_ONCE)
    ]
    return CrossingVideos(
        frames=torch.cat([part.frames for part in parts]),
        boxes_px=torch.cat([part.boxes_px for part in parts]),
        visibility=torch.cat([part.visibility for part in parts]),
        is_truth=torch.cat([part.is_truth for part in parts]),
    )


def _made(config: CrossingConfig, num_videos: int, generator: torch.Generator) -> CrossingVideos:
    view = PinholeView(
        width_px=config.width_px,
        height_px=config.height_px,
        focal_px=config.focal_share * config.width_px,
        horizon_px=config.horizon_share * config.height_px,
    )
    scene = crossing_scene(config.traffic, view, num_videos, config.num_frames, generator)
    paint = random_paint(num_videos, scene.kind.shape[1], generator)
    pictures, visibility = painted(scene, paint, view)
    light = _light(config, num_videos, generator)
    noise = torch.randn(pictures.shape, generator=generator, device=generator.device)
    pictures = pictures * light[..., None, None, None] + config.noise_std * noise
    num_vehicles = config.traffic.max_vehicles
    whole = scene.boxes_px[:, :, :num_vehicles]
    limit = torch.tensor([config.width_px, config.height_px] * 2, device=whole.device)
    boxes = torch.minimum(whole.clamp_min(0.0), limit)
    visibility = torch.where(scene.is_seen, visibility, 0.0)[:, :, :num_vehicles]
    sides = boxes[..., 2:] - boxes[..., :2]
    is_truth = (visibility >= config.min_visible) & (sides >= _SMALLEST_PX).all(dim=-1)
    return CrossingVideos(
        frames=(pictures.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8),
        boxes_px=boxes,
        visibility=visibility,
        is_truth=is_truth,
    )


def _light(
    config: CrossingConfig, num_videos: int, generator: torch.Generator
) -> Float[Tensor, "N T"]:
    """Let the light drift over the video from one random level to another."""
    levels = torch.rand(2, num_videos, 1, generator=generator, device=generator.device)
    levels = 1.0 + config.light_change * (2.0 * levels - 1.0)
    share = torch.linspace(0.0, 1.0, config.num_frames, device=generator.device)
    return torch.lerp(levels[0], levels[1], share)
