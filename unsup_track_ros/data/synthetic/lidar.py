# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The LiDAR of the synthetic world: beams, range noise and drop-out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.synthetic.raycast import GROUND, NOTHING, Hits, Rays, bundled
from unsup_track_ros.data.synthetic.solids import Material, Solids
from unsup_track_ros.shapes import Bool, Float32, Float64, Int64

# Rays are grouped in tiles of this many beams and azimuth steps.
_TILE = (8, 16)
# Reflectance of the materials in the order of `Material`, and of the ground; in [0, 1].
_REFLECTANCE = np.array([0.35, 0.30, 0.25, 0.40, 0.45, 0.50, 0.12, 0.06, 0.30, 0.35])
_GROUND_REFLECTANCE = 0.22
_REFLECTANCE_SPREAD = 0.15
# A scan that rolls is made of sectors that are captured at once.
_SECTOR_STEPS = 4 * _TILE[1]


class LidarConfig(Config):
    """The LiDAR; the defaults are those of a Velodyne HDL-64E on KITTI's car."""

    beams: int = parameter(64, "Number of lasers.", ge=1)
    azimuth_steps: int = parameter(1800, "Firings per turn.", ge=16)
    highest_rad: float = parameter(0.0349, "Elevation of the highest laser.", unit="rad")
    lowest_rad: float = parameter(-0.4328, "Elevation of the lowest laser.", unit="rad")
    range_m: float = parameter(100.0, "Longest range.", unit="m", gt=1.0)
    noise_m: float = parameter(0.02, "Standard deviation of a range.", unit="m", ge=0.0)
    dropout: float = parameter(0.04, "Share of returns that get lost close by.", ge=0.0, le=1.0)
    far_dropout: float = parameter(
        0.25, "Share of returns that get lost at the longest range, besides.", ge=0.0, le=1.0
    )
    height_m: float = parameter(1.73, "Mounting height above the ground.", unit="m", gt=0.0)
    rate_hz: float = parameter(10.0, "Turns per second.", unit="Hz", gt=0.0)
    rolling: bool = parameter(
        False, "Whether the scan takes its whole turn (per-point times) or is a snapshot."
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LidarRig:
    """Rays of one scan in the LiDAR's frame.

    Attributes:
        rays_velo: One ray per firing and beam, in tiles.
        ring: (R,) laser of each ray, 0 the highest.
        sector: (B,) sector of each bundle.
        sector_times_s: (S,) capture time of each sector relative to the scan's stamp.
    """

    rays_velo: Rays
    ring: Int64[np.ndarray, " R"]
    sector: Int64[np.ndarray, " B"]
    sector_times_s: Float64[np.ndarray, " S"]


def build_lidar(config: LidarConfig) -> LidarRig:
    """Set up the rays: clockwise from behind, so that the scan looks ahead at its stamp."""
    elevation = np.linspace(config.highest_rad, config.lowest_rad, config.beams)[:, None]
    azimuth = (
        np.pi - 2 * np.pi * (np.arange(config.azimuth_steps) + 0.5)[None] / config.azimuth_steps
    )
    grid = np.stack(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation) * np.ones_like(azimuth),
        ],
        -1,
    )
    rays, order = bundled(grid, _TILE)
    step = order % config.azimuth_steps
    sector = step[rays.starts[:-1]] // _SECTOR_STEPS
    middle = (np.arange(sector.max() + 1) + 0.5) * _SECTOR_STEPS / config.azimuth_steps
    times = (np.minimum(middle, 1.0) - 0.5) / config.rate_hz
    return LidarRig(
        rays_velo=rays,
        ring=order // config.azimuth_steps,
        sector=sector,
        sector_times_s=times if config.rolling else np.zeros(len(times)),
    )


def part_of(rig: LidarRig, bundles: Bool[np.ndarray, " B"]) -> tuple[Rays, Int64[np.ndarray, " R"]]:
    """Select bundles; returns their rays in the LiDAR's frame and the laser of each."""
    if bundles.all():
        return rig.rays_velo, rig.ring
    rays = rig.rays_velo
    sizes = np.diff(rays.starts)
    chosen = np.repeat(bundles, sizes)
    part = rays._replace(
        directions=rays.directions[chosen],
        starts=np.concatenate([[0], np.cumsum(sizes[bundles])]).astype(np.int64),
        axes=rays.axes[bundles],
        cosines=rays.cosines[bundles],
    )
    return part, rig.ring[chosen]


def measure(
    config: LidarConfig, hits: Hits, solids: Solids, rng: np.random.Generator
) -> tuple[Int64[np.ndarray, " P"], Float64[np.ndarray, " P"], Float32[np.ndarray, " P"]]:
    """Turn true distances into measurements.

    Returns:
        Rays that return, their measured ranges (m) and intensities.
    """
    lost = config.dropout + config.far_dropout * (hits.distance / config.range_m) ** 2
    rows = np.flatnonzero((hits.solid != NOTHING) & (rng.random(len(lost)) >= lost))
    solid = hits.solid[rows]
    distance_m = hits.distance[rows] + config.noise_m * rng.standard_normal(len(rows))
    reflectance = np.full(len(rows), _GROUND_REFLECTANCE, np.float32)
    on_solid = solid > GROUND
    reflectance[on_solid] = _REFLECTANCE[solids.material[solid[on_solid]]]
    spread = rng.random(len(rows), np.float32) * (2.0 * _REFLECTANCE_SPREAD) - _REFLECTANCE_SPREAD
    return rows, np.maximum(distance_m, 0.0), np.clip(reflectance * (1.0 + spread), 0.0, 1.0)


assert len(_REFLECTANCE) == len(Material)
