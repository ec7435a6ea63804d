# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Distance on the ground to the nearest point of a scan, as a table to look up.

One bird's-eye layer per height band, so that a bonnet is not laid on a roof edge: the error of a
shifted point is a single look-up.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled_for, compiled_inner, read_only
from unsup_track_ros.shapes import Bool, Float, Float32, Int

LAYER_TOPS_M = (0.9, 1.6)  # height bands over the ground: bumper and wheels, body, roof and above
_NUM_LAYERS = len(LAYER_TOPS_M) + 1
_TRUNCATION_M = 1.0  # beyond this a point is simply wrong; keeps far points from ruling a search

_OUTSIDE = 1 << 20  # a cell beyond every table

_LOW_TOP_M, _MIDDLE_TOP_M = (np.float32(top_m) for top_m in LAYER_TOPS_M)


class DistanceField:
    """Truncated city-block distance on the ground to the nearest point of a scan, per height band.

    Attributes:
        cells: (L, Y, X) distance in cells, at most `far_cells`. In bytes, which is a quarter of the
            memory that look-ups jump about in.
        far_cells: Distance of what is far from everything, and of all that lies outside.
        cell_m: Side of a cell.
        lattice_m: Half of the side of the covered square, and the side of a cell, for loops.
    """

    def __init__(
        self,
        points_level: Float32[np.ndarray, "P 3"],
        height_m: Float32[np.ndarray, " P"],
        *,
        clearance_m: float,
        half_side_m: float,
        cell_m: float,
    ) -> None:
        """Measure the distances to the points that are higher than `clearance_m`."""
        self.cell_m = cell_m
        self.lattice_m = np.array([half_side_m, cell_m], np.float32)
        self.far_cells = min(round(_TRUNCATION_M / cell_m), 255)
        covered_cells = round(2 * half_side_m / cell_m)
        # One bit per layer, so that all are grown at once, and a border that is never hit.
        hit = np.zeros((covered_cells + 2, covered_cells + 2), np.uint8)
        _mark(points_level, height_m, np.float32(clearance_m), self.lattice_m, hit)
        self.cells = np.zeros((_NUM_LAYERS, covered_cells, covered_cells), np.uint8)
        _measure(hit, self.far_cells, self.cells)

    def is_farther(
        self, places: Float32[np.ndarray, "M 3"], layer: Int[np.ndarray, " M"], limit_m: float
    ) -> Bool[np.ndarray, " M"]:
        """Tell which places have no point of the scan within a limit; beyond 1 m none is known."""
        distances_m = np.arange(self.far_cells + 1, dtype=np.float32) * self.cell_m
        near_cells = int(np.count_nonzero(distances_m <= np.float32(limit_m)))
        farther = np.zeros(len(places), bool)
        if near_cells <= self.far_cells:
            _compare(places, layer, self.lattice_m, self.cells, near_cells, farther)
        return farther

    def cells_of(self, places: Float32[np.ndarray, "*M 2"]) -> Int[np.ndarray, "*M 2"]:
        """Return column and row of places; they may lie outside."""
        cells = np.floor((places + self.lattice_m[0]) / self.lattice_m[1])
        return np.asarray(np.clip(cells, -_OUTSIDE, _OUTSIDE), np.int32)


def height_layer(height_m: Float[np.ndarray, "*P"]) -> Int[np.ndarray, "*P"]:
    """Return the height band of each point."""
    layer = np.zeros(height_m.shape, np.int32)
    for top_m in LAYER_TOPS_M:
        layer += height_m > np.float32(top_m)
    return layer


@compiled_inner
def layer_of(height_m: np.float32) -> np.int32:
    """Return the height band of one point, for compiled functions."""
    return np.int32(height_m > _LOW_TOP_M) + np.int32(height_m > _MIDDLE_TOP_M)


@compiled_inner
def _cell_of(place_m: np.float32, lattice_m: np.ndarray) -> int:
    """Return the row or column of a coordinate, for compiled functions; nan lies outside too."""
    cell = np.floor((place_m + lattice_m[0]) / lattice_m[1])
    return int(min(cell, np.float32(_OUTSIDE))) if cell > -_OUTSIDE else -_OUTSIDE


@compiled_for(
    f"void({read_only('float32', 2)}, {read_only('float32')}, float32, float32[::1], uint8[:, ::1])"
)
def _mark(
    points: np.ndarray,
    heights_m: np.ndarray,
    clearance_m: np.float32,
    lattice_m: np.ndarray,
    hit: np.ndarray,
) -> None:
    """Set the bits of the layers in the cells that points fall into."""
    num = hit.shape[0] - 2
    for k in range(len(points)):
        if heights_m[k] > clearance_m:
            column, row = _cell_of(points[k, 0], lattice_m), _cell_of(points[k, 1], lattice_m)
            if 0 <= column < num and 0 <= row < num:
                hit[row + 1, column + 1] |= np.uint8(1) << layer_of(heights_m[k])


@compiled_for("void(uint8[:, ::1], int64, uint8[:, :, ::1])")
def _measure(hit: np.ndarray, most: int, distance: np.ndarray) -> None:
    """Count for each cell how often what is hit can grow by a cell without reaching it."""
    num = hit.shape[0] - 2
    grown = np.zeros_like(hit)
    for _ in range(most):
        for y in range(num):
            above, here, below, out = hit[y], hit[y + 1], hit[y + 2], grown[y + 1]
            for layer in range(_NUM_LAYERS):
                to = distance[layer, y]
                for x in range(num):
                    to[x] += (~here[x + 1] >> layer) & 1
            for x in range(num):
                out[x + 1] = here[x] | here[x + 1] | here[x + 2] | above[x + 1] | below[x + 1]
        hit, grown = grown, hit


@compiled_for(
    f"void({read_only('float32', 2)}, {read_only('int32')}, float32[::1], uint8[:, :, ::1], int64,"
    " boolean[::1])"
)
def _compare(
    places: np.ndarray,
    layer: np.ndarray,
    lattice_m: np.ndarray,
    distance: np.ndarray,
    near_cells: int,
    farther: np.ndarray,
) -> None:
    """Tell which places are `near_cells` or more away from everything."""
    num = distance.shape[1]
    for k in range(len(places)):
        column, row = _cell_of(places[k, 0], lattice_m), _cell_of(places[k, 1], lattice_m)
        inside = 0 <= column < num and 0 <= row < num
        farther[k] = not inside or distance[layer[k], row, column] >= near_cells
