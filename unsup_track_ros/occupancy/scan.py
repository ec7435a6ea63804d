# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a single scan says: which returns are obstacles and where free ground was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import raycast
from unsup_track_ros.geometry.raycast import PolarGrid
from unsup_track_ros.occupancy.ground_height import GroundHeightConfig, ground_height
from unsup_track_ros.shapes import Bool, Float, Float64, Int64
from unsup_track_ros.structures.frame import SensorFrame


class ScanConfig(Config):
    """How returns are told apart."""

    sectors: int = parameter(1024, "Azimuth sectors that rays are collected in.", ge=16, le=16384)
    min_height_m: float = parameter(
        0.3, "Lowest point above the local ground that is an obstacle.", unit="m", gt=0
    )
    max_height_m: float = parameter(
        2.5, "Highest such point; the vehicle passes under what is higher.", unit="m", gt=0
    )
    min_range_m: float = parameter(
        2.0, "Nearer returns are ignored: they are the vehicle itself.", unit="m", ge=0
    )
    ground: GroundHeightConfig = parameter(GroundHeightConfig(), "Local ground height.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Returns:
    """Returns within reach.

    Attributes:
        index: (K,) row of each in the scan.
        offset_odom: (3, K) x, y, z relative to the sensor in axes of odom, m.
        azimuth_rad: (K,) in [-pi, pi].
        range_m: (K,) horizontal range.
        height_m: (K,) in the level frame of the vehicle.
    """

    index: Int64[torch.Tensor, " K"]
    offset_odom: Float[torch.Tensor, "3 K"]
    azimuth_rad: Float[torch.Tensor, " K"]
    range_m: Float[torch.Tensor, " K"]
    height_m: Float[torch.Tensor, " K"]


def returns_within(
    frame: SensorFrame,
    odom_T_velo: Float64[np.ndarray, "4 4"],
    max_range_m: float,
    config: ScanConfig,
    device: torch.device,
) -> Returns:
    """Return the part of a scan between `min_range_m` and `max_range_m`."""
    points_velo = torch.tensor(frame.cloud.points_velo, device=device)
    # One product for both: the turn to odom, and the height in the level frame as fourth row.
    axes = np.concatenate([odom_T_velo[:3, :3], frame.base_T_velo[2:3, :3]]).astype(np.float32)
    turned = torch.from_numpy(axes).to(device) @ points_velo.T
    range_m = torch.hypot(turned[0], turned[1])
    index = ((range_m >= config.min_range_m) & (range_m < max_range_m)).nonzero()[:, 0]
    near = turned.index_select(1, index)
    azimuth_rad, range_m = raycast.polar_coordinates(near[0], near[1])
    return Returns(
        index=index,
        offset_odom=near[:3],
        azimuth_rad=azimuth_rad,
        range_m=range_m,
        height_m=near[3] + float(frame.base_T_velo[2, 3]),
    )


def split(
    returns: Returns, sensor_height_m: float, polar: PolarGrid, config: ScanConfig
) -> tuple[Int64[torch.Tensor, " J"], Bool[torch.Tensor, "A R"]]:
    """Return the rows of `returns` that are obstacles, and the polar cells seen free of any.

    Obstacles are between `min_height_m` and `max_height_m` above the local ground. A cell is free
    where a ray ran low above the ground before the first obstacle of its sector.

    Args:
        returns: Of the scan.
        sensor_height_m: Height of the sensor in the level frame of the vehicle.
        polar: Sectors and rings of the answer.
        config: Heights and the ground model.
    """
    coarse = PolarGrid(
        num_sectors=config.ground.sectors,
        num_rings=math.ceil(polar.num_rings * polar.ring_m / config.ground.ring_m) + 1,
        ring_m=config.ground.ring_m,
    )
    cell = coarse.sector(returns.azimuth_rad) * coarse.num_rings + coarse.ring(returns.range_m)
    ground = ground_height(coarse, cell, returns.height_m, config.ground)
    above_m = returns.height_m - ground.view(-1).index_select(0, cell)
    is_ground = above_m < config.min_height_m
    obstacle = (~is_ground & (above_m <= config.max_height_m)).nonzero()[:, 0]
    foot = ground[:, 0][torch.isfinite(ground[:, 0])]
    if not len(foot):
        empty = torch.zeros((polar.num_sectors, polar.num_rings), dtype=torch.bool)
        return obstacle, empty.to(above_m.device)
    sensor_above_m = max(sensor_height_m - float(foot.median()), config.min_height_m)
    sector = polar.sector(returns.azimuth_rad)
    nearest = raycast.nearest_per_sector(
        sector.index_select(0, obstacle),
        returns.range_m.index_select(0, obstacle),
        polar.num_sectors,
    )
    on_ground = is_ground.nonzero()[:, 0]
    seen = raycast.seen_ground(
        polar,
        sector.index_select(0, on_ground),
        returns.range_m.index_select(0, on_ground),
        1 - config.min_height_m / sensor_above_m,
    )
    return obstacle, raycast.free_polar_cells(seen, nearest, polar.ring_m)
