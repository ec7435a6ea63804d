# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Free space of a scan seen from above: rays collected in azimuth and range, read out on a grid.

A grid cell is looked up in the polar grid at its centre. This marks the same cells as stepping
along every ray, but leaves no gaps between rays far out, visits no cell twice near by, and is a few
tensor operations whatever the number of points. All positions are relative to the sensor, in the
axes of the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from unsup_track_ros.shapes import Bool, Float, Int, Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class PolarGrid:
    """Azimuth sectors times range rings around the sensor.

    Attributes:
        num_sectors: Sectors of the full circle, starting at -pi.
        num_rings: Rings.
        ring_m: Depth of a ring.
    """

    num_sectors: int
    num_rings: int
    ring_m: float

    def sector(self, azimuth_rad: Float[torch.Tensor, " K"]) -> Int64[torch.Tensor, " K"]:
        """Return the sector of each direction in [-pi, pi]."""
        return self._sector(azimuth_rad).long()

    def ring(self, range_m: Float[torch.Tensor, " K"]) -> Int[torch.Tensor, " K"]:
        """Return the ring of each range; `num_rings` or more is outside."""
        return (range_m / self.ring_m).clamp_(max=self.num_rings).int()

    def cell(
        self, azimuth_rad: Float[torch.Tensor, " K"], range_m: Float[torch.Tensor, " K"]
    ) -> Int64[torch.Tensor, " K"]:
        """Return the flat cell (sector * rings + ring) of places; the last ring has no end."""
        ring = self.ring(range_m).clamp_(0, self.num_rings - 1)
        return ring.add_(self._sector(azimuth_rad), alpha=self.num_rings).long()

    def _sector(self, azimuth_rad: Float[torch.Tensor, " K"]) -> Int[torch.Tensor, " K"]:
        turn = (azimuth_rad + math.pi).mul_(self.num_sectors / (2 * math.pi))
        # A CPU is many times faster at this than at integers of 64 bits.
        return turn.int().clamp_(0, self.num_sectors - 1)


def polar_coordinates(
    x: Float[torch.Tensor, " K"], y: Float[torch.Tensor, " K"]
) -> tuple[Float[torch.Tensor, " K"], Float[torch.Tensor, " K"]]:
    """Return azimuth (rad, in [-pi, pi]) and range (m) of positions relative to the sensor.

    Coordinates come as separate arrays: on a CPU these functions are ten times as fast on
    contiguous memory as on the columns of one array.
    """
    return torch.atan2(y, x), torch.hypot(x, y)


def nearest_per_sector(
    sector: Int64[torch.Tensor, " K"], range_m: Float[torch.Tensor, " K"], num_sectors: int
) -> Float[torch.Tensor, " A"]:
    """Return the smallest range in each sector, infinite where there is none."""
    nearest = torch.full((num_sectors,), math.inf, dtype=range_m.dtype, device=range_m.device)
    return nearest.scatter_reduce_(0, sector, range_m, "amin")


def seen_ground(
    polar: PolarGrid, reached: Bool[torch.Tensor, "A R"], low_beam_ratio: float
) -> Bool[torch.Tensor, "A R"]:
    """Return the polar cells in which a ray that ended on the ground ran low above it.

    A ray from height h that meets the ground at range r is lower than c above it from r (1 - c / h)
    on. It proves these cells free of anything higher than c; before them it may have passed above
    something, so it proves nothing there.

    Args:
        polar: Sectors and rings.
        reached: Cells in which rays meet the ground.
        low_beam_ratio: 1 - c / h.
    """
    device = reached.device
    ring = torch.arange(polar.num_rings, device=device)
    low = torch.minimum(torch.ceil((ring + 1) * low_beam_ratio).to(torch.int64), ring)
    end = reached.view(-1).nonzero()[:, 0]
    end_ring = end % polar.num_rings
    start = end - end_ring + low.index_select(0, end_ring)
    # Ranges as differences: +1 where one begins, -1 behind its end, then the running sum. It may
    # run on through all sectors, since it is back at zero at the end of each.
    depth = torch.zeros(reached.numel() + 1, dtype=torch.int32, device=device)
    depth.index_add_(0, start, torch.ones_like(start, dtype=torch.int32))
    depth[1:] -= reached.view(-1).int()
    return (depth.cumsum(0, dtype=torch.int32)[:-1] > 0).view(reached.shape)


def reached_cells(
    polar: PolarGrid, cell: Int64[torch.Tensor, " K"], counts: Bool[torch.Tensor, " K"]
) -> Bool[torch.Tensor, "A R"]:
    """Return the polar cells that hold any of the places that count."""
    size = polar.num_sectors * polar.num_rings
    cells = torch.zeros(size + 1, dtype=torch.bool, device=cell.device)
    cells.index_fill_(0, torch.where(counts, cell, size), True)
    return cells[:-1].view(polar.num_sectors, polar.num_rings)


def free_polar_cells(
    ground: Bool[torch.Tensor, "A R"], obstacle_m: Float[torch.Tensor, " A"], ring_m: float
) -> Bool[torch.Tensor, "A R"]:
    """Return the polar cells with seen ground that lie wholly before the first obstacle."""
    far_side_m = torch.arange(1, ground.shape[1] + 1, device=ground.device) * ring_m
    return ground & (far_side_m <= obstacle_m[:, None])


def read_polar(
    polar: PolarGrid,
    cells: Bool[torch.Tensor, "A R"],
    corner: tuple[float, float],
    resolution_m: float,
    shape: tuple[int, int],
) -> Bool[torch.Tensor, "Y X"]:
    """Look the centres of a grid's cells up in the polar cells.

    Args:
        polar: Sectors and rings.
        cells: What to look up.
        corner: x, y of the outer corner of cell [0, 0] relative to the sensor, m.
        resolution_m: Side of a cell.
        shape: Rows (y) and columns (x).
    """
    read = torch.zeros(shape, dtype=torch.bool, device=cells.device)
    rings = cells.view(torch.uint8).amax(0).nonzero()
    if not len(rings):
        return read
    # Most of the square is further than any cell that is set.
    reach_m = (int(rings[-1]) + 1) * polar.ring_m
    rows, columns = (_span(corner[axis], resolution_m, reach_m, shape[1 - axis]) for axis in (1, 0))
    y = corner[1] + (torch.arange(*rows, device=cells.device) + 0.5) * resolution_m
    x = corner[0] + (torch.arange(*columns, device=cells.device) + 0.5) * resolution_m
    azimuth_rad, range_m = polar_coordinates(x.repeat(len(y)), y.repeat_interleave(len(x)))
    inside = polar.ring(range_m) < polar.num_rings
    found = cells.reshape(-1).index_select(0, polar.cell(azimuth_rad, range_m)) & inside
    read[slice(*rows), slice(*columns)] = found.view(len(y), len(x))
    return read


def _span(low_m: float, resolution_m: float, reach_m: float, num: int) -> tuple[int, int]:
    """Return the cells, first and end, of a line from `low_m` on that are within reach of zero."""
    first = math.floor((-reach_m - low_m) / resolution_m) - 1
    end = math.ceil((reach_m - low_m) / resolution_m) + 1
    return min(max(first, 0), num), min(max(end, 0), num)
