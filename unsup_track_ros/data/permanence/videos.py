# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Videos of the table-top world, with what is where and why it is not seen.

In the manner of LA-CATER (SPECS 3.6): a golden ball among cones, cylinders and cubes; it goes
behind others, is covered by cones, also by one cone in another, and is carried along in them.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.permanence.rendering import Scene, orbit, render_scene, tight_boxes
from unsup_track_ros.data.permanence.script import KINDS, TARGET, Habits, Script, write_script
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.shapes import Bool, Float, Int64, UInt8

MAX_HIDDEN: Final = 0.05  # visible share up to which a thing is not seen (SPECS 3.2)
MIN_VISIBLE: Final = 0.15  # from which it counts as seen; between them it counts as nothing
_DISTANCE_M: Final = 8.5
_FOCAL_PER_WIDTH: Final = 1.25
_GOLD: Final = (0.95, 0.75, 0.15)
_PALETTE: Final = (
    (0.75, 0.15, 0.15), (0.15, 0.45, 0.75), (0.2, 0.6, 0.25), (0.55, 0.25, 0.65),
    (0.25, 0.7, 0.7), (0.45, 0.3, 0.2), (0.85, 0.85, 0.85), (0.9, 0.5, 0.6),
)  # fmt: skip
_FRAMES_AT_ONCE: Final = 256


class State(enum.IntEnum):
    """How much of a thing is seen, and why not."""

    VISIBLE = 0
    OCCLUDED = 1
    CONTAINED = 2
    CARRIED = 3
    UNCLEAR = 4  # too little is seen to demand it, too much to call it hidden


class PermanenceConfig(Config):
    """Videos of the table-top world."""

    moving_camera: bool = parameter(False, "The camera goes around the table; else it stands.")
    height_px: int = parameter(80, "Height of a frame.", unit="px", ge=16)
    width_px: int = parameter(112, "Width of a frame.", unit="px", ge=16)
    num_frames: int = parameter(64, "Length of a video.", ge=1)
    slot_frames: int = parameter(16, "Length of an action.", ge=3)
    act_share: float = parameter(0.5, "Probability that a thing acts in a slot.", ge=0, le=1)
    carry_share: float = parameter(0.8, "The same of a cone around something.", ge=0, le=1)
    cover_share: float = parameter(0.6, "Probability that an acting cone covers.", ge=0, le=1)
    behind_share: float = parameter(0.65, "Probability of going behind another.", ge=0, le=1)
    noise: float = parameter(0.012, "Standard deviation of pixel noise, of 1.", ge=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermanenceVideos:
    """N videos of T frames with M things; the first thing is the target.

    Attributes:
        frames: 0 to 255.
        boxes_px: Top, left, bottom, right of the whole thing, as if nothing else were there; nan
            outside the image.
        states: `State` of each thing.
        camera_m: Where the camera is; it looks at the middle of the table.
        places_m: Middle of each underside.
    """

    frames: UInt8[Tensor, "N T 3 H W"]
    boxes_px: Float[Tensor, "N T M 4"]
    states: Int64[Tensor, "N T M"]
    camera_m: Float[Tensor, "N T 3"]
    places_m: Float[Tensor, "N T M 3"]

    @property
    def is_visible(self) -> Bool[Tensor, "N T M"]:
        """What is seen."""
        return self.states == State.VISIBLE

    def visible_boxes_px(self) -> Float[Tensor, "N T M 4"]:
        """Return the boxes of what is seen, nan for all else: what a training may know."""
        return torch.where(self.is_visible[..., None], self.boxes_px, torch.nan)


def permanence_videos(
    config: PermanenceConfig, num_videos: int, seed: int, device: torch.device | str = "cpu"
) -> PermanenceVideos:
    """Make videos; the same seed gives the same videos on the same device.

    Raises:
        ConfigError: No videos are asked for.
    """
    if num_videos < 1:
        raise ConfigError(f"At least one video must be made, not {num_videos}. Ask for more.")
    rng = np.random.default_rng(seed)
    camera_m = _camera_paths(config, num_videos, rng)
    habits = Habits(
        act_share=config.act_share,
        carry_share=config.carry_share,
        cover_share=config.cover_share,
        behind_share=config.behind_share,
    )
    scripts = [
        write_script(config.num_frames, config.slot_frames, habits, path, rng) for path in camera_m
    ]
    camera = torch.as_tensor(camera_m, dtype=torch.float32, device=device)
    return _filmed(config, scripts, camera, rng)


def focal_px(width_px: int) -> float:
    """Return the focal length of the cameras."""
    return _FOCAL_PER_WIDTH * width_px


def _camera_paths(
    config: PermanenceConfig, num_videos: int, rng: np.random.Generator
) -> Float[np.ndarray, "N T 3"]:
    """Return where the cameras are: at one place, or between places that they visit in turn."""
    num_stops = 2 + config.num_frames // 20 if config.moving_camera else 2
    turn = rng.uniform(-0.6, 0.6, (num_videos, num_stops)) * config.moving_camera
    turn[:, 0] = rng.uniform(-math.pi, math.pi, num_videos)
    azimuth = np.cumsum(turn, axis=1)
    rise = rng.uniform(0.28, 0.5, (num_videos, num_stops))
    elevation = rise if config.moving_camera else np.repeat(rise[:, :1], num_stops, axis=1)
    stops = np.linspace(0, config.num_frames - 1, num_stops)
    time = np.arange(config.num_frames)
    azimuth_rad, elevation_rad = (
        torch.as_tensor(np.stack([np.interp(time, stops, row) for row in values]))
        for values in (azimuth, elevation)
    )
    return np.asarray(orbit(azimuth_rad, elevation_rad, _DISTANCE_M).numpy())


def _filmed(
    config: PermanenceConfig, scripts: list[Script], camera_m: Tensor, rng: np.random.Generator
) -> PermanenceVideos:
    num, length, many = len(scripts), config.num_frames, len(KINDS)
    device = camera_m.device

    def whole(values: np.ndarray) -> Tensor:
        spread = np.broadcast_to(values[:, None], (num, length, *values.shape[1:]))
        return torch.as_tensor(
            np.ascontiguousarray(spread), dtype=torch.float32, device=device
        ).flatten(0, 1)

    colors = np.asarray(_PALETTE)[rng.integers(len(_PALETTE), size=(num, many))]
    colors = np.clip(colors + rng.normal(0, 0.03, colors.shape), 0, 1)
    colors[:, TARGET] = _GOLD
    places_m = torch.as_tensor(
        np.stack([s.places_m for s in scripts]), dtype=torch.float32, device=device
    )
    scene = Scene(
        camera_m=camera_m.flatten(0, 1),
        places_m=places_m.flatten(0, 1),
        radius_m=whole(np.stack([s.radius_m for s in scripts])),
        height_m=whole(np.stack([s.height_m for s in scripts])),
        yaw_rad=whole(rng.uniform(0, math.pi / 2, (num, many))),
        colors=whole(colors),
    )
    generator = torch.Generator(device).manual_seed(int(rng.integers(2**31)))
    parts = [
        _filmed_part(config, scene, start, generator)
        for start in range(0, num * length, _FRAMES_AT_ONCE)
    ]
    frames, boxes, share = (torch.cat(values) for values in zip(*parts, strict=True))
    container, moves = (
        torch.as_tensor(np.stack(values), device=device)
        for values in ([s.container for s in scripts], [s.moves for s in scripts])
    )
    return PermanenceVideos(
        frames=frames.reshape(num, length, *frames.shape[1:]),
        boxes_px=boxes.reshape(num, length, many, 4),
        states=_states(share.reshape(num, length, many), container, moves),
        camera_m=camera_m,
        places_m=places_m,
    )


def _filmed_part(
    config: PermanenceConfig, scene: Scene, start: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return frames, boxes and visible shares of a stretch of frames."""
    here = slice(start, start + _FRAMES_AT_ONCE)
    part = Scene(
        camera_m=scene.camera_m[here], places_m=scene.places_m[here],
        radius_m=scene.radius_m[here], height_m=scene.height_m[here],
        yaw_rad=scene.yaw_rad[here], colors=scene.colors[here],
    )  # fmt: skip
    seen = render_scene(part, config.height_px, config.width_px, focal_px(config.width_px))
    noise = torch.randn(seen.frames.shape, generator=generator, device=seen.frames.device)
    noisy = seen.frames + noise * (255.0 * config.noise)
    share = seen.visible.sum((2, 3)) / seen.alone.sum((2, 3)).clamp(min=1)
    return noisy.round().clamp(0, 255).to(torch.uint8), tight_boxes(seen.alone), share


def _states(share: Tensor, container: Tensor, moves: Tensor) -> Int64[Tensor, "N T M"]:
    """Tell what is seen from what is not, and why not."""
    inside = container >= 0
    states = torch.where(inside & moves, State.CARRIED, State.OCCLUDED)
    states = torch.where(inside & ~moves, State.CONTAINED, states)
    states = torch.where(share > MAX_HIDDEN, State.UNCLEAR, states)
    return torch.where(share >= MIN_VISIBLE, State.VISIBLE, states).to(torch.int64)
