# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who drives where in crossing videos, and where the moving camera sees it.

Axes of the world: x to the right of the first camera, z ahead of it, on flat ground. Everything is
tensors over videos, frames and objects, on the generator's device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import Bool, Float

# Length, width, height of a car, a van and a lorry, and how common they are.
_SIZES_M: Final = ((4.4, 1.8, 1.5), (5.2, 2.0, 2.2), (7.5, 2.5, 3.1))
_SHARES: Final = (0.55, 0.25, 0.2)
_NEAREST_M: Final = 1.0  # what reaches nearer to the camera is not drawn
_ROADSIDE_LANES: Final = 3  # poles stand before, between and behind the lanes


class CrossingTrafficConfig(Config):
    """Vehicles at a junction, and the vehicle that carries the camera."""

    min_vehicles: int = parameter(8, "Fewest vehicles of a video.", ge=1)
    max_vehicles: int = parameter(14, "Most vehicles of a video.", ge=1)
    nearest_m: float = parameter(8.0, "Distance of the nearest lane.", unit="m", gt=2)
    lane_m: float = parameter(1.8, "Mean distance from one vehicle's lane to the next.", gt=0)
    max_speed_mps: float = parameter(16.0, "Fastest cross traffic.", unit="mps", gt=0)
    min_speed_mps: float = parameter(3.0, "Slowest cross traffic.", unit="mps", ge=0)
    oblique_share: float = parameter(
        0.15, "Share of vehicles at any angle, at a quarter of the speed.", ge=0, le=1
    )
    num_poles: int = parameter(8, "Poles and trunks that hide what is behind them.", ge=0)
    max_camera_speed_mps: float = parameter(5.0, "Fastest camera.", unit="mps", ge=0)
    max_yaw_rad: float = parameter(0.3, "Largest swing of the camera.", unit="rad", ge=0)
    rate_hz: float = parameter(10.0, "Frames per second.", unit="hz", gt=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossingScene:
    """What N videos of T frames show; the first M objects are vehicles, the rest poles.

    Attributes:
        boxes_px: Left, top, right, bottom of the whole object, also beyond the border.
        depth_m: Distance along the view; far objects are painted first.
        is_seen: In front of the camera and in the image at all.
        side_share: How much of the width is the vehicle's side rather than its front.
        kind: 0 car, 1 van, 2 lorry, 3 pole.
        heads_right: Whether the front is on the right.
        camera_xz_m: Place of the camera.
        camera_yaw_rad: To the right.
    """

    boxes_px: Float[Tensor, "N T O 4"]
    depth_m: Float[Tensor, "N T O"]
    is_seen: Bool[Tensor, "N T O"]
    side_share: Float[Tensor, "N T O"]
    kind: Float[Tensor, "N O"]
    heads_right: Bool[Tensor, "N T O"]
    camera_xz_m: Float[Tensor, "N T 2"]
    camera_yaw_rad: Float[Tensor, "N T"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PinholeView:
    """A level camera over flat ground, 1.6 m high.

    Attributes:
        width_px: Width of the image.
        height_px: Height of the image.
        focal_px: Focal length.
        horizon_px: Row of the horizon.
        camera_height_m: Above the ground.
    """

    width_px: int
    height_px: int
    focal_px: float
    horizon_px: float
    camera_height_m: float = 1.6


def crossing_scene(
    config: CrossingTrafficConfig,
    view: PinholeView,
    num_videos: int,
    num_frames: int,
    generator: torch.Generator,
) -> CrossingScene:
    """Let vehicles cross before the camera; every one is in view at some time of the video."""
    device = generator.device
    seconds = torch.arange(num_frames, device=device) / config.rate_hz
    camera_xz, camera_yaw = _camera_path(config, num_videos, seconds, generator)
    kind, size, place, heading = _vehicle_paths(config, view, num_videos, seconds, generator)
    if config.num_poles:
        poles = _poles(config, view, num_videos, num_frames, generator)
        kind, size, place, heading = (
            torch.cat(pair, dim=axis)
            for pair, axis in zip(zip((kind, size, place, heading), poles, strict=True),
                                  (1, 1, 2, 1), strict=True)
        )  # fmt: skip
    exists = torch.isfinite(place).all(dim=-1)
    place = place.nan_to_num(0.0)
    offset = _turned(place - camera_xz[:, :, None], -camera_yaw[:, :, None])
    angle = heading[:, None] - camera_yaw[:, :, None]  # 0: to the right of the image
    boxes, nearest = projected_boxes(offset, angle, size[:, None], view)
    inside = (boxes[..., 2] > 0) & (boxes[..., 0] < view.width_px)
    length = size[:, None, :, 0] * torch.cos(angle).abs()
    width = size[:, None, :, 1] * torch.sin(angle).abs()
    return CrossingScene(
        boxes_px=boxes,
        depth_m=offset[..., 1],
        is_seen=exists & inside & (nearest > _NEAREST_M),
        side_share=length / (length + width),
        kind=kind,
        heads_right=torch.cos(angle) > 0,
        camera_xz_m=camera_xz,
        camera_yaw_rad=camera_yaw,
    )


def _camera_path(
    config: CrossingTrafficConfig, num: int, seconds: Tensor, generator: torch.Generator
) -> tuple[Float[Tensor, "N T 2"], Float[Tensor, "N T"]]:
    """Drive ahead at a constant speed while looking left and right."""
    drawn = torch.rand(4, num, 1, generator=generator, device=generator.device)
    yaw = (
        config.max_yaw_rad
        * drawn[1]
        * torch.sin(2 * math.pi * (drawn[2] + seconds * (0.1 + 0.4 * drawn[3])))
    )
    ahead = config.max_camera_speed_mps * drawn[0] * seconds
    return torch.stack([torch.zeros_like(ahead), ahead], dim=-1), yaw


def _vehicle_paths(
    config: CrossingTrafficConfig,
    view: PinholeView,
    num: int,
    seconds: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw kind (N, M), size (N, M, 3), place (N, T, M, 2) and heading (N, M).

    Places are nan where a video has fewer vehicles.
    """
    device, shape = generator.device, (num, config.max_vehicles)
    drawn = torch.rand(9, *shape, generator=generator, device=device)
    bounds = torch.tensor(_SHARES, device=device).cumsum(0)[:-1]
    kind = (drawn[0][..., None] > bounds).sum(-1)
    size = torch.tensor(_SIZES_M, device=device)[kind] * (0.9 + 0.2 * drawn[1][..., None])
    lane = torch.rand(shape, generator=generator, device=device).argsort(dim=1)
    depth = config.nearest_m + config.lane_m * (lane + drawn[2] - 0.5)
    is_oblique = drawn[3] < config.oblique_share
    sign = torch.where(drawn[4] < 0.5, 0.0, math.pi)
    heading = torch.where(is_oblique, 2 * math.pi * drawn[5], sign + 0.3 * (drawn[5] - 0.5))
    spread = config.max_speed_mps - config.min_speed_mps
    speed = config.min_speed_mps + spread * drawn[6]
    speed = torch.where(is_oblique, 0.25 * speed, speed)
    velocity = speed[..., None] * torch.stack([torch.cos(heading), torch.sin(heading)], dim=-1)
    # Each is at a random place of its lane in view at a random time of the video.
    half_view = 0.5 * view.width_px / view.focal_px
    met = torch.stack([(2 * drawn[7] - 1) * half_view * depth, depth], dim=-1)
    since = seconds[:, None] - (drawn[8] * seconds[-1])[:, None]
    place = met[:, None] + velocity[:, None] * since[..., None]
    number = torch.randint(
        config.min_vehicles, config.max_vehicles + 1, (num, 1), generator=generator, device=device
    )
    exists = torch.arange(config.max_vehicles, device=device) < number
    return kind.float(), size, place.masked_fill(~exists[:, None, :, None], torch.nan), heading


def _poles(
    config: CrossingTrafficConfig,
    view: PinholeView,
    num: int,
    num_frames: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Put poles at the roadside: the same four as of the vehicles."""
    shape = (num, config.num_poles)
    drawn = torch.rand(4, *shape, generator=generator, device=generator.device)
    side = 0.25 + 0.7 * drawn[0]
    size = torch.stack([side, side, 3.0 + 5.0 * drawn[1]], dim=-1)
    depth_m = config.lane_m * config.max_vehicles / _ROADSIDE_LANES
    lane = torch.floor(_ROADSIDE_LANES * drawn[2])
    depth = 0.8 * config.nearest_m + lane * depth_m
    half_view = 0.5 * view.width_px / view.focal_px
    place = torch.stack([(2 * drawn[3] - 1) * half_view * depth, depth], dim=-1)
    kind = torch.full(shape, float(len(_SIZES_M)), device=generator.device)
    return kind, size, place[:, None].expand(-1, num_frames, -1, -1), torch.zeros_like(side)


def _turned(xz: Float[Tensor, "*S 2"], angle_rad: Tensor) -> Float[Tensor, "*S 2"]:
    """Turn by an angle from x to -z: what a camera that yaws to the right undoes."""
    cosine, sine = torch.cos(angle_rad), torch.sin(angle_rad)
    x = cosine * xz[..., 0] + sine * xz[..., 1]
    z = cosine * xz[..., 1] - sine * xz[..., 0]
    return torch.stack([x, z], dim=-1)


def projected_boxes(
    centre: Float[Tensor, "N T O 2"],
    angle_rad: Float[Tensor, "N T O"],
    size_m: Float[Tensor, "N 1 O 3"],
    view: PinholeView,
) -> tuple[Float[Tensor, "N T O 4"], Float[Tensor, "N T O"]]:
    """Project the corners of boxes on the ground; return rectangles and the nearest depth (m)."""
    signs = torch.tensor([[1, 1], [1, -1], [-1, -1], [-1, 1]], device=centre.device) * 0.5
    along = signs[:, 0] * size_m[..., None, 0]
    across = signs[:, 1] * size_m[..., None, 1]
    cosine, sine = torch.cos(angle_rad)[..., None], torch.sin(angle_rad)[..., None]
    x = centre[..., None, 0] + cosine * along - sine * across
    z = centre[..., None, 1] + sine * along + cosine * across
    safe_z = z.clamp_min(_NEAREST_M)
    u = 0.5 * view.width_px + view.focal_px * x / safe_z
    bottom = view.horizon_px + view.focal_px * view.camera_height_m / safe_z
    above = size_m[..., None, 2] - view.camera_height_m
    top = view.horizon_px - view.focal_px * above / safe_z
    boxes = torch.stack([u.amin(-1), top.amin(-1), u.amax(-1), bottom.amax(-1)], dim=-1)
    return boxes, z.amin(-1)
