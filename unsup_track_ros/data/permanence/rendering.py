# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ray casting of simple solids on a table, many frames at once, on whichever device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from unsup_track_ros.data.permanence.script import KINDS
from unsup_track_ros.shapes import Bool, Float, UInt8

_FAR: Final = 1e4
_LIGHT: Final = (0.35, -0.45, 0.82)
_AMBIENT: Final = 0.35
_SKY: Final = (0.55, 0.6, 0.68)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """F frames of M things each; things at the same index have the same shape in all frames.

    Attributes:
        camera_m: Where the camera is; it looks at the middle of the table.
        places_m: Middle of each underside.
        radius_m: Radius, for a cube half its side.
        height_m: Height.
        yaw_rad: Turn about the vertical, of cubes.
        colors: 0 to 1.
    """

    camera_m: Float[Tensor, "F 3"]
    places_m: Float[Tensor, "F M 3"]
    radius_m: Float[Tensor, "F M"]
    height_m: Float[Tensor, "F M"]
    yaw_rad: Float[Tensor, "F M"]
    colors: Float[Tensor, "F M 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendered:
    """What is seen.

    Attributes:
        frames: 0 to 255.
        visible: Which pixels show a thing.
        alone: Which pixels would show it if nothing else were there.
    """

    frames: UInt8[Tensor, "F 3 H W"]
    visible: Bool[Tensor, "F M H W"]
    alone: Bool[Tensor, "F M H W"]


def render_scene(scene: Scene, height_px: int, width_px: int, focal_px: float) -> Rendered:
    """Render all frames of a scene."""
    origin = scene.camera_m[:, None]
    ray = _rays(scene.camera_m, height_px, width_px, focal_px)
    ranges, normals = [], []
    for index, kind in enumerate(KINDS):
        centre = scene.places_m[:, index, None]
        radius, height = scene.radius_m[:, index, None], scene.height_m[:, index, None]
        from_m = origin - centre
        if kind == "sphere":
            hit, normal = _sphere(from_m, ray, radius)
        elif kind == "cube":
            hit, normal = _cube(from_m, ray, radius, height, scene.yaw_rad[:, index, None])
        else:
            hit, normal = _round(from_m, ray, radius, height, is_cone=kind == "cone")
        ranges.append(hit)
        normals.append(normal)
    reached = torch.stack(ranges, dim=1)
    table, ground_color = _table(origin, ray)
    nearest, owner = reached.min(dim=1)
    shown = nearest < table
    normal = torch.stack(normals, dim=1)
    at_owner = owner[:, None, :, None].expand(-1, 1, -1, 3)
    normal = torch.gather(normal, 1, at_owner)[:, 0]
    light = ray.new_tensor(_LIGHT)
    shade = _AMBIENT + (1 - _AMBIENT) * (normal * light).sum(-1, keepdim=True).clamp(min=0.0)
    color = torch.gather(scene.colors, 1, owner[..., None].expand(-1, -1, 3)) * shade
    picture = torch.where(shown[..., None], color, ground_color).clamp(0, 1)
    shape = (len(ray), -1, height_px, width_px)
    alone = reached < table[:, None]
    rows = torch.arange(len(KINDS), device=ray.device)[:, None]
    visible = alone & (owner[:, None] == rows)
    return Rendered(
        frames=(picture * 255.0).round().to(torch.uint8).transpose(1, 2).reshape(shape),
        visible=visible.reshape(shape),
        alone=alone.reshape(shape),
    )


def _rays(
    camera_m: Tensor, height_px: int, width_px: int, focal_px: float
) -> Float[Tensor, "F P 3"]:
    """Return unit rays through pixels, row by row, of cameras that look at the table's middle."""
    forward = -camera_m / camera_m.norm(dim=1, keepdim=True)
    up = camera_m.new_tensor([0.0, 0.0, 1.0]).expand_as(forward)
    right = torch.linalg.cross(forward, up)
    right = right / right.norm(dim=1, keepdim=True)
    down = torch.linalg.cross(forward, right)
    row = torch.arange(height_px, device=camera_m.device) + 0.5 - height_px / 2
    column = torch.arange(width_px, device=camera_m.device) + 0.5 - width_px / 2
    y, x = (grid.reshape(-1, 1) / focal_px for grid in torch.meshgrid(row, column, indexing="ij"))
    ray = forward[:, None] + x * right[:, None] + y * down[:, None]
    unit: Tensor = ray / ray.norm(dim=2, keepdim=True)
    return unit


def _table(origin: Tensor, ray: Tensor) -> tuple[Tensor, Tensor]:
    """Return the range to the endless table and its colour: a weak pattern that stands still."""
    falls = ray[..., 2] < -1e-4
    reach = torch.where(falls, -origin[..., 2] / ray[..., 2].clamp(max=-1e-4), ray.new_tensor(_FAR))
    at = origin + ray * reach[..., None]
    x, y = at[..., 0], at[..., 1]
    checks = torch.where((torch.floor(x) + torch.floor(y)) % 2 == 0, 0.06, 0.0)
    waves = 0.04 * torch.sin(2.1 * x + 0.7) * torch.sin(1.7 * y - 0.3)
    grey = (0.52 + checks + waves)[..., None].expand_as(ray)
    fade = (torch.hypot(x, y) / 12.0).clamp(max=1.0)[..., None]
    sky = ray.new_tensor(_SKY)
    return reach, torch.where(falls[..., None], grey * (1 - fade) + sky * fade, sky)


def _sphere(origin: Tensor, ray: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    middle = origin - torch.stack([radius * 0, radius * 0, radius], dim=-1)
    along = (middle * ray).sum(-1)
    root = along**2 - (middle**2).sum(-1) + radius**2
    hit = -along - root.clamp(min=0).sqrt()
    reach = torch.where((root > 0) & (hit > 0), hit, hit.new_tensor(_FAR))
    return reach, (middle + ray * reach[..., None]) / radius[..., None]


def _round(
    origin: Tensor, ray: Tensor, radius: Tensor, height: Tensor, *, is_cone: bool
) -> tuple[Tensor, Tensor]:
    """Intersect cones and cylinders that stand upright: the mantle, and a cylinder's top."""
    slope = radius / height if is_cone else radius * 0
    width = radius - slope * origin[..., 2]  # radius at the height of the ray's origin
    fall = -slope * ray[..., 2]
    a = ray[..., 0] ** 2 + ray[..., 1] ** 2 - fall**2
    b = origin[..., 0] * ray[..., 0] + origin[..., 1] * ray[..., 1] - width * fall
    c = origin[..., 0] ** 2 + origin[..., 1] ** 2 - width**2
    root = (b**2 - a * c).clamp(min=0).sqrt()
    sides = torch.stack([(-b - root) / a, (-b + root) / a])
    z = origin[..., 2] + sides * ray[..., 2]
    good = (b**2 - a * c > 0) & (z >= 0) & (z <= height) & (sides > 0)
    mantle = torch.where(good, sides, sides.new_tensor(_FAR)).amin(0)
    at = origin + ray * mantle[..., None]
    flat = torch.hypot(at[..., 0], at[..., 1]).clamp(min=1e-6)
    normal = torch.stack([at[..., 0] / flat, at[..., 1] / flat, slope.expand_as(flat)], dim=-1)
    normal = normal / normal.norm(dim=-1, keepdim=True)
    if is_cone:
        return mantle, normal
    top = (height - origin[..., 2]) / ray[..., 2]
    at_top = origin + ray * top[..., None]
    good = (top > 0) & (torch.hypot(at_top[..., 0], at_top[..., 1]) <= radius) & (top < mantle)
    upward = normal.new_tensor([0.0, 0.0, 1.0])
    return torch.where(good, top, mantle), torch.where(good[..., None], upward, normal)


def _cube(
    origin: Tensor, ray: Tensor, radius: Tensor, height: Tensor, yaw: Tensor
) -> tuple[Tensor, Tensor]:
    cos, sin = torch.cos(yaw), torch.sin(yaw)

    def turned(v: Tensor, sign: float) -> Tensor:
        x, y, z = v.unbind(-1)
        return torch.stack([cos * x + sign * sin * y, cos * y - sign * sin * x, z], dim=-1)

    start, way = turned(origin, 1.0), turned(ray, 1.0)
    way = torch.where(way.abs() < 1e-9, torch.full_like(way, 1e-9), way)
    low = torch.stack([-radius, -radius, radius * 0], dim=-1)
    high = torch.stack([radius, radius, height], dim=-1)
    walls = torch.stack([(low - start) / way, (high - start) / way])
    enter, side = walls.amin(0).max(dim=-1)
    leave = walls.amax(0).amin(-1)
    reach = torch.where((enter < leave) & (enter > 0), enter, enter.new_tensor(_FAR))
    face = torch.nn.functional.one_hot(side, 3).to(way.dtype) * -torch.sign(way)
    return reach, turned(face, -1.0)


def orbit(
    azimuth_rad: Tensor, elevation_rad: Tensor, distance_m: float
) -> Float[Tensor, "*shape 3"]:
    """Return camera positions around the middle of the table."""
    flat = distance_m * torch.cos(elevation_rad)
    return torch.stack(
        [
            flat * torch.sin(azimuth_rad),
            -flat * torch.cos(azimuth_rad),
            distance_m * torch.sin(elevation_rad),
        ],
        dim=-1,
    )


def tight_boxes(mask: Bool[Tensor, "*batch H W"]) -> Float[Tensor, "*batch 4"]:
    """Return top, left, bottom, right around what is set; nan where nothing is."""
    rows, columns = mask.any(-1), mask.any(-2)

    def ends(line: Tensor) -> tuple[Tensor, Tensor]:
        place = torch.arange(line.shape[-1], device=line.device, dtype=torch.float32)
        first = torch.where(line, place, math.inf).amin(-1)
        last = torch.where(line, place, -math.inf).amax(-1)
        return first, last + 1.0

    top, bottom = ends(rows)
    left, right = ends(columns)
    box = torch.stack([top, left, bottom, right], dim=-1)
    return torch.where(torch.isfinite(box), box, torch.nan)
