# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Exact static occupancy of the synthetic world: which cells do standing things touch?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.data.synthetic.ground import Ground, hill_height
from unsup_track_ros.data.synthetic.solids import Kind, Solids
from unsup_track_ros.shapes import Bool, Float64, UInt8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StaticMap:
    """Occupied cells of the whole world, `data[y, x]`.

    Attributes:
        data: (Y, X) 1 where something stands that never moves.
        origin_odom: (2,) x, y of the outer corner of cell [0, 0], a multiple of the cell side.
        resolution_m: Cell side.
    """

    data: UInt8[np.ndarray, "Y X"]
    origin_odom: Float64[np.ndarray, " 2"]
    resolution_m: float

    def around(
        self, x: float, y: float, half_size_m: float
    ) -> tuple[UInt8[np.ndarray, "R C"], Float64[np.ndarray, " 2"]]:
        """Cut out the square around a point; returns its cells and the corner of the first one."""
        half = int(np.ceil(half_size_m / self.resolution_m))
        centre = np.floor((np.array([x, y]) - self.origin_odom) / self.resolution_m).astype(int)
        low = centre - half
        window = np.zeros((2 * half, 2 * half), np.uint8)
        limit = np.array(self.data.shape[::-1])
        first, last = np.clip(low, 0, limit), np.clip(low + 2 * half, 0, limit)
        to, end = first - low, last - low
        window[to[1] : end[1], to[0] : end[0]] = self.data[first[1] : last[1], first[0] : last[0]]
        return window, self.origin_odom + low * self.resolution_m


def build_static_map(
    solids: Solids, ground: Ground, resolution_m: float, band_m: tuple[float, float]
) -> StaticMap:
    """Mark every cell that a solid touches between two heights above the road.

    The kerb and what hangs above the band (tree crowns, lamps) do not count; the inside of a house
    does, though no sensor sees it: comparing only what was seen is up to the reader.
    """
    lower = solids.centre[:, :2].min(0, initial=0.0) - 20.0
    upper = solids.centre[:, :2].max(0, initial=0.0) + 20.0
    origin = np.floor(lower / resolution_m) * resolution_m
    columns, rows = np.ceil((upper - origin) / resolution_m).astype(int)
    grid = StaticMap(
        data=np.zeros((rows, columns), np.uint8), origin_odom=origin, resolution_m=resolution_m
    )
    for m in range(len(solids.centre)):
        base = hill_height(ground, solids.centre[m, 0], solids.centre[m, 1])
        bottom = solids.centre[m, 2] - solids.half[m, 2] - base
        if bottom < band_m[1] and bottom + 2 * solids.half[m, 2] > band_m[0]:
            _mark(grid, solids, m)
    return grid


def _mark(grid: StaticMap, solids: Solids, m: int) -> None:
    """Set the cells whose square touches the footprint of one solid."""
    half, (c, s) = solids.half[m], np.abs(solids.axis[m])
    reach = np.array([c * half[0] + s * half[1], s * half[0] + c * half[1]])
    if solids.kind[m] == Kind.CYLINDER:
        reach = np.array([half[0], half[0]])
    centre = solids.centre[m, :2] - grid.origin_odom
    first = np.floor((centre - reach) / grid.resolution_m).astype(int)
    last = np.floor((centre + reach) / grid.resolution_m).astype(int) + 1
    x = (np.arange(first[0], last[0]) + 0.5) * grid.resolution_m - centre[0]
    y = (np.arange(first[1], last[1]) + 0.5) * grid.resolution_m - centre[1]
    window = grid.data[first[1] : last[1], first[0] : last[0]]
    window |= _touches(solids, m, (x[None], y[:, None]), 0.5 * grid.resolution_m).astype(np.uint8)


def _touches(
    solids: Solids,
    m: int,
    offsets: tuple[Float64[np.ndarray, "1 C"], Float64[np.ndarray, "R 1"]],
    half_cell_m: float,
) -> Bool[np.ndarray, "R C"]:
    x, y = offsets  # of the cells' middles from the solid's
    c, s = solids.axis[m]
    half = solids.half[m]
    if solids.kind[m] == Kind.BOX:  # separating axes; the window is the test along the grid's axes
        room = half_cell_m * (abs(c) + abs(s))
        along, across = np.abs(c * x + s * y), np.abs(c * y - s * x)
        inside: Bool[np.ndarray, "R C"] = (along <= half[0] + room) & (across <= half[1] + room)
        return inside
    # The point of the cell nearest to the middle; exact for circles, close for ellipses.
    x = np.sign(x) * np.maximum(np.abs(x) - half_cell_m, 0.0)
    y = np.sign(y) * np.maximum(np.abs(y) - half_cell_m, 0.0)
    radius_y = half[0] if solids.kind[m] == Kind.CYLINDER else half[1]
    inside = ((c * x + s * y) / half[0]) ** 2 + ((c * y - s * x) / radius_y) ** 2 <= 1.0
    return inside
