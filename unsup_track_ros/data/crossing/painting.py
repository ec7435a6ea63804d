# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of crossing scenes: paint, windows, wheels, sky and road, far things first.

Every vehicle has a paint of its own, in one or two colours; which one it is can be seen on it, and
on nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from unsup_track_ros.data.crossing.traffic import CrossingScene, PinholeView
from unsup_track_ros.shapes import Bool, Float

POLE_KIND: Final = 3
_NUM_PATTERNS: Final = 5  # plain, belt, halves, checks, roof
_CABIN: Final = 0.42  # share of a car's height that is windows
_GLASS: Final = (0.12, 0.15, 0.2)
_TYRE: Final = 0.07
_FARTHEST_GROUND_M: Final = 200.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paint:
    """What the objects of N videos look like.

    Attributes:
        colors: Two colours, 0 to 1.
        pattern: Where the second one goes.
        gloss: Shading from top to bottom.
    """

    colors: Float[Tensor, "N O 2 3"]
    pattern: Float[Tensor, "N O"]
    gloss: Float[Tensor, "N O"]


def random_paint(num_videos: int, num_objects: int, generator: torch.Generator) -> Paint:
    """Draw paints: any hue, from grey to full, from dark to bright."""
    shape, device = (num_videos, num_objects), generator.device
    drawn = torch.rand(*shape, 2, 3, generator=generator, device=device)
    hue = drawn[..., :1] * 2 * math.pi + torch.tensor([0.0, 2.1, 4.2], device=device)
    saturation, value = drawn[..., 1:2], 0.2 + 0.75 * drawn[..., 2:]
    colors = value * (1.0 - saturation * (0.5 - 0.5 * torch.cos(hue)))
    pattern = torch.randint(_NUM_PATTERNS, shape, generator=generator, device=device)
    gloss = 0.3 * torch.rand(shape, generator=generator, device=device)
    return Paint(colors=colors, pattern=pattern.float(), gloss=gloss)


def painted(
    scene: CrossingScene, paint: Paint, view: PinholeView
) -> tuple[Float[Tensor, "N T 3 H W"], Float[Tensor, "N T O"]]:
    """Paint the scene, far objects first.

    Returns:
        Pictures, 0 to 1, and how much of each object is seen: the share of its silhouette's
        pixels within the image that nothing nearer hides; 0 where it has none.
    """
    canvas = _background(scene, view)
    num_videos, num_frames, num_objects = scene.depth_m.shape
    device = canvas.device
    owner = torch.full(canvas[:, :, 0].shape, -1, device=device)
    silhouette_px = torch.zeros(num_videos, num_frames, num_objects, device=device)
    order = scene.depth_m.argsort(dim=2, descending=True, stable=True)
    rows = torch.arange(view.height_px, device=device)[:, None] + 0.5
    columns = torch.arange(view.width_px, device=device) + 0.5
    for rank in range(num_objects):  # painting is sequential: the near ones cover the far ones
        index = order[:, :, rank]
        chosen = _Chosen(scene, paint, index)
        left, top, right, bottom = (edge[..., None, None] for edge in chosen.box.unbind(-1))
        u, v = (columns - left) / (right - left), (rows - top) / (bottom - top)
        shape, color = _drawn(u, v, chosen)
        shape &= chosen.is_seen
        canvas = torch.where(shape[:, :, None], color, canvas)
        owner = torch.where(shape, index[..., None, None], owner)
        silhouette_px.scatter_(2, index[..., None], shape.sum((2, 3)).float()[..., None])
    flat = (owner.flatten(2) + 1).long()
    counts = torch.zeros(num_videos, num_frames, num_objects + 1, device=device)
    counts.scatter_add_(2, flat, torch.ones((), device=device).expand(flat.shape))
    return canvas, counts[:, :, 1:] / silhouette_px.clamp_min(1.0)


class _Chosen:
    """One object per frame, its properties with room for pixels."""

    def __init__(self, scene: CrossingScene, paint: Paint, index: Tensor) -> None:
        video = torch.arange(len(index), device=index.device)[:, None]
        frame = torch.arange(index.shape[1], device=index.device)
        self.box = scene.boxes_px[video, frame, index]
        self.is_seen = scene.is_seen[video, frame, index][..., None, None]
        self.side = scene.side_share[video, frame, index][..., None, None]
        self.heads_right = scene.heads_right[video, frame, index][..., None, None]
        self.kind = scene.kind[video, index][..., None, None]
        self.colors = paint.colors[video, index][..., None, None]  # N T 2 3 1 1
        self.pattern = paint.pattern[video, index][..., None, None]
        self.gloss = paint.gloss[video, index][..., None, None]


def _drawn(
    u: Float[Tensor, "N T 1 W"], v: Float[Tensor, "N T H 1"], chosen: _Chosen
) -> tuple[Bool[Tensor, "N T H W"], Float[Tensor, "N T 3 H W"]]:
    """Return where an object is in its rectangle (0..1, 0..1), and its colours."""
    ahead = torch.where(chosen.heads_right, u, 1.0 - u)  # 1 at the front
    inside = (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
    is_car = chosen.kind == 0
    # Seen from the side a car's cabin is narrower than its body, and leans back.
    rear, front = 0.06 + 0.1 * chosen.side, 0.06 + 0.22 * chosen.side
    lean = 0.08 * (1.0 - v / _CABIN)
    in_cabin = (ahead > rear + lean) & (ahead < 1 - front - lean)
    shape = inside & (~is_car | (v > _CABIN) | in_cabin)
    second = _second_color(ahead, v, chosen.pattern)[:, :, None]
    base = torch.where(second, chosen.colors[:, :, 1], chosen.colors[:, :, 0])
    color = base * (1.0 - chosen.gloss * v)[:, :, None]
    glass = (v > 0.08) & (v < _CABIN - 0.04)
    in_front = (ahead > 0.82) & (ahead < 0.97)
    framed = (ahead > rear + lean + 0.04) & (ahead < 1 - front - lean - 0.04)
    glass = glass & torch.where(is_car, framed, in_front) & (chosen.kind < POLE_KIND)
    tint = torch.tensor(_GLASS, device=u.device)[:, None, None]
    color = torch.where(glass[:, :, None], tint, color)
    wheel = (v > 0.8) & ((u - 0.2).abs().minimum((u - 0.8).abs()) < 0.05 + 0.04 * chosen.side)
    wheel = wheel & (chosen.kind < POLE_KIND)
    return shape, torch.where(wheel[:, :, None], torch.full_like(color, _TYRE), color)


def _second_color(ahead: Tensor, v: Tensor, pattern: Tensor) -> Bool[Tensor, "N T H W"]:
    """Tell where the second colour goes."""
    belt = (v > 0.52) & (v < 0.7) & (ahead > -1)
    halves = (ahead < 0.5) & (v > -1)
    checks = (torch.floor(ahead * 5) + torch.floor(v * 4)) % 2 == 0
    roof = (v < _CABIN) & (ahead > -1)
    none = torch.zeros_like(checks)
    patterns = torch.stack([none, belt, halves, checks, roof])
    index = pattern.long().expand(checks.shape)[None]
    return patterns.gather(0, index)[0]


def _background(scene: CrossingScene, view: PinholeView) -> Float[Tensor, "N T 3 H W"]:
    """Paint sky, and a road with markings that pass by as the camera moves."""
    yaw, place = scene.camera_yaw_rad, scene.camera_xz_m
    device = yaw.device
    rows = torch.arange(view.height_px, device=device)[:, None] + 0.5
    columns = torch.arange(view.width_px, device=device) + 0.5
    below = (rows - view.horizon_px).clamp_min(1e-3)
    depth = (view.focal_px * view.camera_height_m / below).clamp(max=_FARTHEST_GROUND_M)
    side = depth * (columns - 0.5 * view.width_px) / view.focal_px
    cosine, sine = torch.cos(yaw)[..., None, None], torch.sin(yaw)[..., None, None]
    x = cosine * side + sine * depth + place[..., 0, None, None]
    z = cosine * depth - sine * side + place[..., 1, None, None]
    dash = (torch.remainder(x, 4.0) < 1.6) & (torch.remainder(z, 5.0) < 0.35)
    patch = 0.04 * torch.sin(2.1 * x) * torch.sin(1.3 * z)
    road = torch.where(dash, 0.75, 0.38 + patch)[:, :, None]
    sky = (0.55 + 0.35 * (1.0 - rows / view.horizon_px)).expand(view.height_px, view.width_px)
    tint = torch.tensor([0.9, 0.97, 1.05], device=device)[:, None, None]
    # Houses along the horizon, fixed to the world by their bearing.
    bearing = torch.atan2(columns - 0.5 * view.width_px, torch.full_like(columns, view.focal_px))
    house = torch.sin(37.0 * (bearing + yaw[..., None]))[:, :, None, :]
    is_house = (rows < view.horizon_px) & (rows > view.horizon_px - 10.0 - 8.0 * house)
    above = torch.where(is_house[:, :, None], (0.45 + 0.12 * house)[:, :, None], sky * tint)
    return torch.where(rows < view.horizon_px, above, road)
