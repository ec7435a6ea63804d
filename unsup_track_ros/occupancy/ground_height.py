# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Local height of the ground around the sensor, from the lowest points of a scan."""

from __future__ import annotations

import math

import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.raycast import PolarGrid
from unsup_track_ros.shapes import Float, Int64


class GroundHeightConfig(Config):
    """How the ground is told from what stands on it."""

    sectors: int = parameter(180, "Azimuth sectors of the ground model.", ge=8, le=3600)
    ring_m: float = parameter(1.0, "Depth of its range rings.", unit="m", gt=0)
    max_slope: float = parameter(
        0.15, "Steepest ground relative to the vehicle, as rise over run.", gt=0, le=1
    )
    pit_m: float = parameter(
        0.5, "Ground this much lower than in both neighbour sectors is an error.", unit="m", gt=0
    )


def ground_height(
    polar: PolarGrid,
    cell: Int64[torch.Tensor, " P"],
    height_m: Float[torch.Tensor, " P"],
    config: GroundHeightConfig,
) -> Float[torch.Tensor, "A R"]:
    """Return the ground height in every polar cell, infinite in a scan without points.

    The lowest point of each cell, under the steepest ground that any cell of its sector allows:
    g(r) = min over r' of z(r') + slope |r - r'|. This bridges cells without points and cells that
    show only an obstacle, and follows slopes up to `max_slope`. A sector full of obstacles gets the
    median of itself and its neighbours. Before, cells more than `pit_m` below both neighbours are
    lifted to them: reflections seem to come from below the ground.

    Args:
        polar: Sectors and rings of the model.
        cell: Flat index (sector * rings + ring) of each point.
        height_m: Of each point, in a level frame.
        config: Slope and pits.
    """
    lowest = torch.full(
        (polar.num_sectors * polar.num_rings,),
        math.inf,
        dtype=height_m.dtype,
        device=height_m.device,
    )
    lowest.scatter_reduce_(0, cell, height_m, "amin")
    lowest = lowest.view(polar.num_sectors, polar.num_rings)
    beside = torch.minimum(lowest.roll(1, 0), lowest.roll(-1, 0))
    lower_side = torch.where(torch.isfinite(beside), beside, lowest)
    lowest = torch.where(lower_side - lowest > config.pit_m, lower_side, lowest)
    ramp = torch.arange(polar.num_rings, device=height_m.device) * (config.max_slope * polar.ring_m)
    outward = torch.cummin(lowest - ramp, 1).values + ramp
    inward = torch.cummin((lowest + ramp).flip(1), 1).values.flip(1) - ramp
    envelope = torch.minimum(outward, inward)
    left, right = envelope.roll(1, 0), envelope.roll(-1, 0)
    median = torch.maximum(
        torch.minimum(left, right), torch.minimum(torch.maximum(left, right), envelope)
    )
    return torch.minimum(envelope, median)
