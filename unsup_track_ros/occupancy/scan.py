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
    """The returns of a scan as they are seen from the sensor.

    Attributes:
        offset_odom: (3, P) x, y, z relative to the sensor in axes of odom, m.
        azimuth_rad: (P,) in [-pi, pi].
        range_m: (P,) horizontal range.
        height_m: (P,) in the level frame of the vehicle, infinite where the range does not count.
        within: (P,) whether it does.
    """

    offset_odom: Float[torch.Tensor, "3 P"]
    azimuth_rad: Float[torch.Tensor, " P"]
    range_m: Float[torch.Tensor, " P"]
    height_m: Float[torch.Tensor, " P"]
    within: Bool[torch.Tensor, " P"]


def returns_within(
    frame: SensorFrame,
    odom_T_velo: Float64[np.ndarray, "4 4"],
    max_range_m: float,
    config: ScanConfig,
    device: torch.device,
) -> Returns:
    """Look at the returns of a scan; those between `min_range_m` and `max_range_m` count."""
    points_velo = torch.tensor(frame.cloud.points_velo, device=device)
    # One product for both: the turn to odom, and the height in the level frame as fourth row.
    axes = np.concatenate([odom_T_velo[:3, :3], frame.base_T_velo[2:3, :3]]).astype(np.float32)
    turned = torch.from_numpy(axes).to(device) @ points_velo.T
    azimuth_rad, range_m = raycast.polar_coordinates(turned[0], turned[1])
    height_m = turned[3] + float(frame.base_T_velo[2, 3])
    # Nearly all count: to leave out the others would cost more than to take them along.
    within = (range_m >= config.min_range_m) & (range_m < max_range_m)
    return Returns(
        offset_odom=turned[:3],
        azimuth_rad=azimuth_rad,
        range_m=range_m,
        height_m=height_m.masked_fill_(~within, math.inf),
        within=within,
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
    cell = coarse.cell(returns.azimuth_rad, returns.range_m)
    ground = ground_height(coarse, cell, returns.height_m, config.ground)
    # What does not count is infinitely high above the ground, or not a number where there is none.
    above_m = returns.height_m - ground.view(-1).index_select(0, cell)
    is_obstacle = (above_m >= config.min_height_m) & (above_m <= config.max_height_m)
    obstacle = is_obstacle.nonzero()[:, 0]
    foot = ground[:, 0][torch.isfinite(ground[:, 0])]
    if not len(foot):
        empty = torch.zeros((polar.num_sectors, polar.num_rings), dtype=torch.bool)
        return obstacle, empty.to(above_m.device)
    sensor_above_m = max(sensor_height_m - float(foot.median()), config.min_height_m)
    place = polar.cell(returns.azimuth_rad, returns.range_m)
    ends = raycast.reached_cells(polar, place, above_m < config.min_height_m)
    seen = raycast.seen_ground(polar, ends, 1 - config.min_height_m / sensor_above_m)
    nearest = raycast.nearest_per_sector(
        polar.sector(returns.azimuth_rad.index_select(0, obstacle)),
        returns.range_m.index_select(0, obstacle),
        polar.num_sectors,
    )
    return obstacle, raycast.free_polar_cells(seen, nearest, polar.ring_m)
