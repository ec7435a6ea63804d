# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scattered videos: sprites that move straight ahead, pass through one another and bounce.

Made with torch, many at once, on whichever device. The digits are those of the paper (SPECS 4.1):
48 x 48 px, 14 px digits, 2 px per frame; the shapes 96 x 96 px, 5 px per frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.scattered.sprites import (
    DIGIT_PX,
    NUM_SHAPES,
    SHAPE_COLORS,
    SHAPE_PATCH_PX,
    SHAPE_PX,
    digit_bank,
    shape_sprites,
    tight_edges_px,
)
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.shapes import Bool, Float, UInt8

# What is fainter is not seen: the truth's boxes end there, as do the components of the baseline.
MIN_VISIBLE: Final = 0.1
_PLACES_TRIED: Final = 64
_SPLITS: Final = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}


class ScatteredConfig(Config):
    """Scattered videos."""

    kind: Literal["digits", "shapes"] = parameter("digits", "What moves.")
    mnist_folder: str = parameter(
        "", "Folder with MNIST's test images; empty: the digits of scikit-learn."
    )
    side_px: int = parameter(48, "Side of a frame (paper: digits 48, shapes 96).", unit="px", ge=24)
    num_frames: int = parameter(8, "Length of a video.", ge=1)
    min_objects: int = parameter(1, "Fewest objects of a video.", ge=0)
    max_objects: int = parameter(6, "Most objects of a video.", ge=1)
    speed_px: float = parameter(
        2.0, "Speed per frame (paper: digits 2, shapes 5).", unit="px", ge=0
    )
    max_overlap_px2: float = parameter(
        98.0, "Largest overlap of a sprite with earlier ones in the first frame.", unit="px^2", ge=0
    )
    shape_size_std: float = parameter(0.1, "Relative spread of the sizes of shapes.", ge=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScatteredVideos:
    """N videos of T frames with up to M objects each.

    Attributes:
        frames: 0 to 255, on black.
        boxes_px: Top, left, bottom, right around what is visible; pixel (0, 0) spans 0 to 1.
        is_object: Which of the M are there; the index is the identity.
    """

    frames: UInt8[Tensor, "N T C H W"]
    boxes_px: Float[Tensor, "N T M 4"]
    is_object: Bool[Tensor, "N M"]


def scattered_videos(
    config: ScatteredConfig,
    num_videos: int,
    generator: torch.Generator,
    split: Literal["train", "validation", "test"] = "train",
) -> ScatteredVideos:
    """Make videos on the generator's device; digits of a split appear in no other split."""
    if config.min_objects > config.max_objects:
        raise ConfigError(
            f"Videos with at least {config.min_objects} and at most {config.max_objects} objects "
            "cannot be made. Let `min_objects` be at most `max_objects`."
        )
    shape = (num_videos, config.max_objects)
    device = generator.device
    number = torch.randint(
        config.min_objects, config.max_objects + 1, (num_videos, 1), generator=generator,
        device=device,
    )  # fmt: skip
    is_object = torch.arange(config.max_objects, device=device) < number
    opacity, color = _sprites(config, shape, generator, split)
    first_px = _first_places(config, is_object, opacity.shape[-1], generator)
    angle = torch.rand(shape, generator=generator, device=device) * (2 * math.pi)
    velocity = config.speed_px * torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1)
    time = torch.arange(config.num_frames, device=device)[:, None, None]
    limit = config.side_px - opacity.shape[-1]
    path = _bounced(first_px[:, None] + velocity[:, None] * time, limit)
    corner = path.round().to(torch.int64)
    edges = tight_edges_px(opacity.flatten(0, 1), MIN_VISIBLE).reshape(*shape, 4)
    return ScatteredVideos(
        frames=_painted(config, corner, is_object, opacity, color),
        boxes_px=edges[:, None] + corner.repeat(1, 1, 1, 2),
        is_object=is_object,
    )


def _sprites(
    config: ScatteredConfig, shape: tuple[int, int], generator: torch.Generator, split: str
) -> tuple[Float[Tensor, "N M P P"], Float[Tensor, "N M C"]]:
    """Choose what each object looks like: opacity and colour."""
    device = generator.device
    if config.kind == "shapes":
        kind = torch.randint(NUM_SHAPES, shape, generator=generator, device=device).flatten()
        scale = 1.0 + config.shape_size_std * torch.randn(shape, generator=generator, device=device)
        side = SHAPE_PX * scale.clamp(0.5, SHAPE_PATCH_PX / SHAPE_PX).flatten()
        opacity = shape_sprites(kind.float(), side)
        opacity = opacity.reshape(*shape, SHAPE_PATCH_PX, SHAPE_PATCH_PX)
        palette = torch.tensor(SHAPE_COLORS, device=device)
        chosen = torch.randint(len(palette), shape, generator=generator, device=device)
        return opacity, palette[chosen]
    bank = digit_bank(Path(config.mnist_folder) if config.mnist_folder else None)
    low, high = (int(len(bank) * share) for share in _SPLITS[split])
    digits = torch.from_numpy(bank[low:high]).to(device)
    chosen = torch.randint(len(digits), shape, generator=generator, device=device)
    return digits[chosen].float() / 255.0, torch.ones(*shape, 1, device=device)


def _first_places(
    config: ScatteredConfig, is_object: Tensor, patch_px: int, generator: torch.Generator
) -> Float[Tensor, "N M 2"]:
    """Put one object after the other where it overlaps the earlier ones little enough.

    Of a number of places tried for each, the first good one is taken, else the best. Objects are
    placed in turn, as each depends on those before; all videos are placed at once.
    """
    num_videos, num_objects = is_object.shape
    limit = config.side_px - patch_px
    side = DIGIT_PX if config.kind == "digits" else SHAPE_PX
    places = torch.zeros(num_videos, num_objects, 2, device=is_object.device)
    for index in range(num_objects):
        tried = limit * torch.rand(
            num_videos, _PLACES_TRIED, 2, generator=generator, device=is_object.device
        )
        gap = (tried[:, :, None] - places[:, None, :index]).abs()
        overlap = (side - gap).clamp_min(0).prod(-1) * is_object[:, None, :index]
        excess = (overlap.sum(-1) - config.max_overlap_px2).clamp_min(0)
        best = excess.argmin(dim=1)  # the first of equals
        places[:, index] = tried[torch.arange(num_videos, device=tried.device), best]
    return places


def _bounced(path_px: Tensor, limit_px: int) -> Tensor:
    """Fold a straight path into 0..limit: what runs out comes back in."""
    folded = torch.remainder(path_px, 2 * limit_px)
    return torch.where(folded > limit_px, 2 * limit_px - folded, folded)


def _painted(
    config: ScatteredConfig, corner: Tensor, is_object: Tensor, opacity: Tensor, color: Tensor
) -> UInt8[Tensor, "N T C H W"]:
    """Paint the sprites, later objects over earlier ones."""
    num_videos, num_frames, num_objects, _ = corner.shape
    channels, side, patch = color.shape[-1], config.side_px, opacity.shape[-1]
    canvas = torch.zeros(num_videos, num_frames, channels, side * side, device=corner.device)
    step = torch.arange(patch, device=corner.device)
    for index in range(num_objects):
        row = corner[:, :, index, 0, None] + step
        column = corner[:, :, index, 1, None] + step
        pixel = (row[..., :, None] * side + column[..., None, :]).flatten(2)[:, :, None]
        pixel = pixel.expand(-1, -1, channels, -1)
        cover = opacity[:, index] * is_object[:, index, None, None]
        cover = cover.flatten(1)[:, None, None]
        below = canvas.gather(3, pixel)
        canvas.scatter_(3, pixel, below + cover * (color[:, index, None, :, None] - below))
    image = (canvas * 255).round().to(torch.uint8)
    return image.reshape(num_videos, num_frames, channels, side, side)
