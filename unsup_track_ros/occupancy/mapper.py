# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rolling log-odds occupancy grid in odom around the vehicle, moving objects kept apart.

In: a scan, its pose, the moving regions and the tracks. Out: static, dynamic and combined grids.
Per scan every cell is hit by an obstacle, seen free, or neither; a cell that is hit is not free.

Missing returns: REP-117 lets +Inf mean "nothing within range", which would be evidence of free
space. Clouds hold finite returns only (the others are removed at the door), and a return may be
missing because a surface is dark, wet or glass; so a ray without a return proves nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import box_contents, raycast
from unsup_track_ros.geometry.raycast import PolarGrid
from unsup_track_ros.occupancy.footprint import cells_in_boxes
from unsup_track_ros.occupancy.scan import ScanConfig, returns_within, split
from unsup_track_ros.shapes import Bool, Float, Float64, Int64
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionStatus
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.motion import MotionRegions
from unsup_track_ros.structures.tracks import Tracks, TrackState

_PERCENT = 100  # nav_msgs: 0 free .. 100 occupied


class OccupancyConfig(Config):
    """Parameters of the occupancy grid."""

    size_m: float = parameter(80.0, "Side of the grid, the vehicle in its middle.", unit="m", gt=1)
    resolution_m: float = parameter(0.25, "Side of a cell.", unit="m", gt=0)
    hit_probability: float = parameter(
        0.7, "Occupancy that a hit alone means.", gt=0.5, lt=1, tunable=True
    )
    free_probability: float = parameter(
        0.4, "Occupancy that a pass alone means.", gt=0, lt=0.5, tunable=True
    )
    max_probability: float = parameter(
        0.97,
        "Bound of the occupancy, and 1 minus it from below; keeps cells changeable.",
        gt=0.5,
        lt=1,
        tunable=True,
    )
    box_margin_m: float = parameter(
        0.3,
        "Points this close to a track's box belong to the object.",
        unit="m",
        ge=0,
        tunable=True,
    )
    scan: ScanConfig = parameter(ScanConfig(), "What of a scan is obstacle, ground and free.")

    @property
    def num_cells(self) -> int:
        """Cells along a side."""
        return max(round(self.size_m / self.resolution_m), 1)

    @property
    def max_range_m(self) -> float:
        """Distance from the sensor to the furthest corner."""
        return math.sqrt(2) * (0.5 * self.num_cells + 1) * self.resolution_m


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanReading:
    """What one scan says of the space around it.

    Attributes:
        stamp_ns: Stamp of the scan.
        position_odom: (3,) sensor.
        offset_odom: (3, P) x, y, z of the returns relative to the sensor in axes of odom, m.
        within: (P,) returns that are in the range that counts.
        obstacle: (J,) rows of the returns that are obstacles.
        obstacle_cell: (J,) cell of each in the grid around the sensor, see `_cells_of`.
        origin_cell: (2,) column and row, in cells of odom, of the grid around the sensor.
        free: (Y, X) cells of that grid that are seen to be free of any.
    """

    stamp_ns: int
    position_odom: Float64[np.ndarray, " 3"]
    offset_odom: Float[torch.Tensor, "3 P"]
    within: Bool[torch.Tensor, " P"]
    obstacle: Int64[torch.Tensor, " J"]
    obstacle_cell: Int64[torch.Tensor, " J"]
    origin_cell: Int64[np.ndarray, " 2"]
    free: Bool[torch.Tensor, "Y X"]


class OccupancyMapper:
    """Keeps the log-odds of a square of cells that follows the vehicle by whole cells.

    Points of moving regions and in the boxes of confirmed or coasting tracks are no static
    evidence, but they hide what is behind them like any obstacle.
    """

    def __init__(self, config: OccupancyConfig, device: torch.device) -> None:
        self._config = config
        self._device = device
        num_rings = math.ceil(config.max_range_m / config.resolution_m)
        self._polar = PolarGrid(
            num_sectors=config.scan.sectors, num_rings=num_rings, ring_m=config.resolution_m
        )
        self.reset()

    def reset(self) -> None:
        """Forget all evidence."""
        side = self._config.num_cells
        self._log_odds = torch.zeros((side, side), device=self._device)
        self._origin_cell: Int64[np.ndarray, " 2"] | None = None

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on."""
        cell = np.zeros((0, 2), np.int64) if self._origin_cell is None else self._origin_cell[None]
        return {"log_odds": self._log_odds.cpu().numpy().copy(), "origin_cell": cell.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state()`.

        Raises:
            DataError: The state is of a grid of another size.
        """
        if state["log_odds"].shape != self._log_odds.shape:
            raise DataError(
                f"The occupancy state is a grid of {state['log_odds'].shape} cells, expected "
                f"{tuple(self._log_odds.shape)}; restore it with the same configuration."
            )
        self._log_odds = torch.from_numpy(state["log_odds"].copy()).to(self._device)
        self._origin_cell = state["origin_cell"][0].copy() if len(state["origin_cell"]) else None

    def read_scan(self, frame: SensorFrame, egomotion: Egomotion) -> ScanReading | None:
        """Find obstacles and free space of a scan; touches no state, so it may run beside others.

        Returns:
            None without a pose: the scan has no place.
        """
        odom_T_velo = egomotion.odom_T_velo1
        posed = egomotion.status in (EgomotionStatus.OK, EgomotionStatus.INITIAL)
        if not posed or odom_T_velo is None:
            return None
        returns = returns_within(
            frame, odom_T_velo, self._config.max_range_m, self._config.scan, self._device
        )
        obstacle, free_polar = split(
            returns, frame.base_T_velo[2, 3], self._polar, self._config.scan
        )
        cell = np.floor(odom_T_velo[:2, 3] / self._config.resolution_m).astype(np.int64)
        origin_cell = cell - self._config.num_cells // 2
        corner = origin_cell * self._config.resolution_m - odom_T_velo[:2, 3]
        return ScanReading(
            stamp_ns=frame.stamp_ns,
            position_odom=odom_T_velo[:3, 3],
            offset_odom=returns.offset_odom,
            within=returns.within,
            obstacle=obstacle,
            obstacle_cell=self._cells_of(returns.offset_odom[:2].index_select(1, obstacle), corner),
            origin_cell=origin_cell,
            free=self._read(free_polar, corner),
        )

    def map_before(self, scan: ScanReading) -> OccupancyGrids | None:
        """Return the map as it is before a scan is added, None before the first."""
        if self._origin_cell is None:
            return None
        nothing = torch.zeros_like(self._log_odds, dtype=torch.bool)
        return self._grids(scan.stamp_ns, nothing, nothing)

    def step(
        self, scan: ScanReading | None, regions: MotionRegions, tracks: Tracks
    ) -> OccupancyGrids | None:
        """Add a scan; without a pose the grid stays as it is and None is returned.

        Args:
            scan: What `read_scan` found.
            regions: Moving points of this scan.
            tracks: Tracks at this stamp.
        """
        if scan is None:
            return None
        boxes = tracks.boxes_odom[tracks.states != TrackState.TENTATIVE]
        self._roll(scan.origin_cell)
        in_region = torch.from_numpy(regions.point_region > 0).to(self._device)
        around = boxes - np.append(scan.position_odom, np.zeros(4))
        dynamic = in_region.index_select(0, scan.obstacle) | self._in_boxes(scan, around)
        hit = self._marked(scan.obstacle_cell[~dynamic])
        free = scan.free & ~hit
        self._add(hit, free)
        corner = self._origin_odom() - scan.position_odom[:2]
        row = (in_region & scan.within).nonzero()[:, 0]
        moving = self._cells_of(scan.offset_odom[:2].index_select(1, row), corner)
        taken = self._marked(torch.cat([moving, scan.obstacle_cell[dynamic]]))
        taken |= self._footprints(boxes)
        return self._grids(scan.stamp_ns, taken, hit | free)

    def _add(self, hit: Bool[torch.Tensor, "Y X"], free: Bool[torch.Tensor, "Y X"]) -> None:
        """Add the evidence of a scan."""
        config = self._config
        self._log_odds += _log_odds(config.hit_probability) * hit
        self._log_odds += _log_odds(config.free_probability) * free
        bound = _log_odds(config.max_probability)
        self._log_odds.clamp_(-bound, bound)

    def _read(
        self, cells: Bool[torch.Tensor, "A R"], corner: Float64[np.ndarray, " 2"]
    ) -> Bool[torch.Tensor, "Y X"]:
        shape = (self._config.num_cells, self._config.num_cells)
        place = (float(corner[0]), float(corner[1]))
        return raycast.read_polar(self._polar, cells, place, self._config.resolution_m, shape)

    def _roll(self, cell: Int64[np.ndarray, " 2"]) -> None:
        """Move the grid by whole cells until it begins at a cell."""
        side = self._config.num_cells
        shift = np.zeros(2, np.int64) if self._origin_cell is None else cell - self._origin_cell
        self._origin_cell = cell
        if not shift.any():
            return
        rolled = torch.zeros_like(self._log_odds)
        dx, dy = (int(step) for step in np.clip(shift, -side, side))
        kept = self._log_odds[max(dy, 0) : side + min(dy, 0), max(dx, 0) : side + min(dx, 0)]
        rolled[max(-dy, 0) : side + min(-dy, 0), max(-dx, 0) : side + min(-dx, 0)] = kept
        self._log_odds = rolled

    def _origin_odom(self) -> Float64[np.ndarray, " 2"]:
        assert self._origin_cell is not None
        return np.asarray(self._origin_cell * self._config.resolution_m)

    def _in_boxes(
        self, scan: ScanReading, boxes: Float64[np.ndarray, "N 7"]
    ) -> Bool[torch.Tensor, " J"]:
        """Tell which obstacles lie in boxes, which are relative to the sensor."""
        places = scan.offset_odom.index_select(1, scan.obstacle).T.cpu().numpy()
        inside = box_contents.box_of_points(places, boxes, self._config.box_margin_m) >= 0
        return torch.from_numpy(inside).to(self._device)

    def _cells_of(
        self, offsets: Float[torch.Tensor, "2 K"], corner: Float64[np.ndarray, " 2"]
    ) -> Int64[torch.Tensor, " K"]:
        """Return the flat cells of positions (relative to the sensor, as `corner`).

        They count in a grid with a border of one cell, which holds all that is outside.
        """
        side, resolution_m = self._config.num_cells, self._config.resolution_m
        column, row = (
            ((offsets[axis] - float(corner[axis])) / resolution_m)
            .floor_()
            .clamp_(-1, side)
            .int()
            .add_(1)
            for axis in range(2)
        )
        return column.add_(row, alpha=side + 2).long()

    def _marked(self, cells: Int64[torch.Tensor, " K"]) -> Bool[torch.Tensor, "Y X"]:
        """Return the grid, without its border, with cells set."""
        side = self._config.num_cells
        grid = torch.zeros((side + 2, side + 2), dtype=torch.bool, device=self._device)
        grid.view(-1).index_fill_(0, cells, True)
        return grid[1:-1, 1:-1]

    def _footprints(self, boxes_odom: Float64[np.ndarray, "N 7"]) -> Bool[torch.Tensor, "Y X"]:
        side = self._config.num_cells
        cells = cells_in_boxes(
            boxes_odom, self._origin_odom(), self._config.resolution_m, (side, side)
        )
        return torch.from_numpy(cells).to(self._device)

    def _grids(
        self, stamp_ns: int, moving: Bool[torch.Tensor, "Y X"], seen: Bool[torch.Tensor, "Y X"]
    ) -> OccupancyGrids:
        percent = torch.round(torch.sigmoid(self._log_odds) * _PERCENT).to(torch.int8)
        # Exactly zero log-odds is no evidence at all, whether never seen or balanced.
        static = torch.where(self._log_odds == 0, torch.full_like(percent, -1), percent)
        dynamic = torch.where(seen, torch.zeros_like(percent), torch.full_like(percent, -1))
        dynamic[moving] = _PERCENT
        return OccupancyGrids(
            stamp_ns=stamp_ns,
            resolution_m=self._config.resolution_m,
            origin_odom=self._origin_odom(),
            static=static.cpu().numpy(),
            dynamic=dynamic.cpu().numpy(),
            combined=torch.maximum(static, dynamic).cpu().numpy(),
            log_odds=self._log_odds.cpu().numpy().copy(),
        )
