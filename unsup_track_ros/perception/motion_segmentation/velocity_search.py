# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Search, for many clusters at once, the ground velocity that lays them on several past scans.

A translation that fits one past scan is often chance: half of a street looks like the other half.
So velocities are searched on the youngest scan, where they differ by little way, and only the best
few are followed to older and older scans, each of which must be met again and sharpens the answer
(a beam search over time). Shifts by whole cells only add to the index of a look-up, which keeps the
search to one addition and one look-up per point.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.compiled import compiled_for, read_only
from unsup_track_ros.perception.motion_segmentation.distance_field import DistanceField
from unsup_track_ros.shapes import Float32, Int

_STEP_M = 0.2  # of the first grid; the slope of the field leads on from there
_MAX_COUNT = 30  # steps to each side of the first grid: bounds time and memory where scans are rare
_BEAMS = 5  # velocities that are followed
_SPEED_COST_M = np.float32(0.002)  # per m/s: of two equal answers the slower motion is meant
_MIDDLE_COST_M = np.float32(1e-4)  # per m/s: of two equal fractions the one nearer to the middle


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PastView:
    """Samples of K clusters as a past scan would have them, had they stood still.

    Attributes:
        places: (K, n, 2) sampled points on the ground of the past scan's frame.
        layers: (K, n) height bands of the points.
        base0_R_base1: (2, 2) turns ground velocities from the current frame to the past one.
        seconds: Age of the past scan, negative for one that comes later.
        field: Distance field of the past scan.
    """

    places: Float32[np.ndarray, "K n 2"]
    layers: Int[np.ndarray, "K n"]
    base0_R_base1: Float32[np.ndarray, "2 2"]
    seconds: float
    field: DistanceField

    def shifts_m(self, velocities: Float32[np.ndarray, "K C 2"]) -> Float32[np.ndarray, "K C 2"]:
        """Return the way of velocities (m/s, current frame) since the past scan, in its frame."""
        to_way = self.base0_R_base1.T * np.float32(self.seconds)
        x, y = velocities[..., 0], velocities[..., 1]
        return np.stack([x * to_way[0, i] + y * to_way[1, i] for i in (0, 1)], axis=-1)

    def misfit_m(
        self, velocities: Float32[np.ndarray, "#K C 2"], reach_m: float
    ) -> Float32[np.ndarray, "K C"]:
        """Return the mean distance to the scan that each velocity leaves, by whole cells."""
        reach_cells = int(reach_m / self.field.cell_m)
        shifts = np.rint(self.shifts_m(velocities) / self.field.cell_m)
        shifts = np.clip(shifts, -reach_cells, reach_cells).astype(np.int32)
        return _mean_distance_m(self.field, self.places, self.layers, shifts)

    def exact_misfit_m(
        self, velocities: Float32[np.ndarray, "K C 2"]
    ) -> Float32[np.ndarray, "K C"]:
        """Return the mean distance to the scan that each velocity leaves."""
        places = self.places[:, None] - self.shifts_m(velocities)[:, :, None]
        layers = np.broadcast_to(self.layers[:, None], places.shape[:3])
        flat = (places.shape[0] * places.shape[1], places.shape[2])
        unmoved = np.zeros((1, 1, 2), np.int32)
        mean_m = _mean_distance_m(
            self.field, places.reshape(*flat, 2), layers.reshape(flat), unmoved
        )
        return mean_m.reshape(places.shape[:2])


def best_velocities(
    views: Sequence[PastView], reach_mps: float, reach_m: float
) -> Float32[np.ndarray, "K 2"]:
    """Return the (K, 2) velocity (m/s, axes of the current frame) that explains the scans best.

    Args:
        views: The clusters in the other scans, nearest in time first.
        reach_mps: Largest speed along each axis.
        reach_m: Longest way along each axis.
    """
    first, seconds = views[0], abs(views[0].seconds)
    count = min(max(int(reach_mps * seconds / _STEP_M), 1), _MAX_COUNT)
    step_m = max(reach_mps * seconds / _MAX_COUNT, _STEP_M)
    grid = _square(count) * np.float32(step_m / seconds)  # (C, 2)
    cost = first.misfit_m(grid[None], reach_m)
    cost += _SPEED_COST_M * np.linalg.norm(grid, axis=-1)
    velocities, misfit = _lowest_valleys(grid, cost)
    while step_m > _STEP_M:  # the nearest scan is so far in time that the grid had to be coarse
        step_m = max(step_m / 2, _STEP_M)
        slow = _SPEED_COST_M * np.linalg.norm(velocities, axis=-1)
        around = _around(velocities, step_m / seconds)
        velocities, misfit = _best(around, first.misfit_m(around, reach_m), slow)
    for view in views[1:]:
        around = _around(velocities, _STEP_M / abs(view.seconds))
        velocities, misfit = _best(around, view.misfit_m(around, reach_m), misfit)
    row = np.arange(len(misfit))
    return _refine(views[-1], velocities[row, misfit.argmin(axis=1)])


def _mean_distance_m(
    field: DistanceField,
    places: Float32[np.ndarray, "K n 2"],
    layers: Int[np.ndarray, "K n"],
    shifts: Int[np.ndarray, "#K C 2"],
) -> Float32[np.ndarray, "K C"]:
    """Return the mean distance of places that are moved back by whole cells (columns, rows)."""
    total = np.empty((len(places), shifts.shape[1]), np.int32)
    cells = field.cells_of(places)
    _add_up(cells, np.ascontiguousarray(layers), shifts, field.cells, field.far_cells, total)
    return total.astype(np.float32) / np.float32(places.shape[1]) * np.float32(field.cell_m)


def _lowest_valleys(
    grid: Float32[np.ndarray, "C 2"], cost: Float32[np.ndarray, "K C"]
) -> tuple[Float32[np.ndarray, "K B 2"], Float32[np.ndarray, "K B"]]:
    """Return the lowest local minima of the first grid and their cost, infinite where none is.

    Of equal ones the first of the grid leads.
    """
    side = math.isqrt(len(grid))
    which = np.zeros((len(cost), _BEAMS), np.int64)
    lowest = np.full(which.shape, np.inf, np.float32)
    _keep_valleys(cost.reshape(-1, side, side), which, lowest)
    return grid[which], lowest


def _around(
    velocities: Float32[np.ndarray, "K B 2"], step_mps: float
) -> Float32[np.ndarray, "K BC 2"]:
    """Return the velocities one and two steps around each."""
    around = velocities[:, :, None] + _square(2) * np.float32(step_mps)
    return around.reshape(len(velocities), -1, 2)


def _best(
    around: Float32[np.ndarray, "K BC 2"],
    cost: Float32[np.ndarray, "K BC"],
    misfit: Float32[np.ndarray, "K B"],
) -> tuple[Float32[np.ndarray, "K B 2"], Float32[np.ndarray, "K B"]]:
    """Return the best velocity around each beam, and the beam's misfit with its cost added."""
    shape = (*misfit.shape, -1)
    which = cost.reshape(shape).argmin(axis=2)[..., None]
    best = np.take_along_axis(cost.reshape(shape), which, axis=2)[..., 0]
    velocities = np.take_along_axis(around.reshape(*shape, 2), which[..., None], axis=2)
    return velocities[:, :, 0], misfit + best


def _refine(view: PastView, velocities: Float32[np.ndarray, "K 2"]) -> Float32[np.ndarray, "K 2"]:
    """Search fractions of a cell around the answer in the oldest scan; ties go to the middle."""
    fractions = _square(2) * np.float32(view.field.cell_m / 4 / abs(view.seconds))
    around = velocities[:, None] + fractions  # (K, C, 2)
    cost = view.exact_misfit_m(around)
    cost += _MIDDLE_COST_M * np.linalg.norm(fractions, axis=-1)
    return np.asarray(around[np.arange(len(around)), cost.argmin(axis=1)])


@functools.cache
def _square(count: int) -> Float32[np.ndarray, "C 2"]:
    """Return the integer offsets of a square of side 2 count + 1."""
    axis = np.arange(-count, count + 1, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


@compiled_for(
    f"void(int32[:, :, ::1], {read_only('int32', 2)}, int32[:, :, ::1], uint8[:, :, ::1], int64,"
    " int32[:, ::1])"
)
def _add_up(
    cells: np.ndarray,
    layers: np.ndarray,
    shifts: np.ndarray,
    distance: np.ndarray,
    far: int,
    total: np.ndarray,
) -> None:
    """Add up the distances of each row of cells (columns, rows), moved back by each shift."""
    num_cells, num_samples = distance.shape[1], cells.shape[1]
    flat_distance = distance.reshape(-1)
    flat = np.empty(num_samples, np.int64)
    for k in range(len(cells)):
        first_column, first_row = last_column, last_row = cells[k, 0, 0], cells[k, 0, 1]
        for n in range(num_samples):
            column, row = cells[k, n, 0], cells[k, n, 1]
            first_column, last_column = min(first_column, column), max(last_column, column)
            first_row, last_row = min(first_row, row), max(last_row, row)
            flat[n] = (layers[k, n] * num_cells + row) * num_cells + column
        moved = shifts[k if len(shifts) > 1 else 0]
        for c in range(len(moved)):
            right, up = moved[c, 0], moved[c, 1]
            sum_cells = 0
            if (
                first_column - right >= 0
                and last_column - right < num_cells
                and first_row - up >= 0
                and last_row - up < num_cells
            ):
                offset = up * num_cells + right
                for n in range(num_samples):
                    sum_cells += flat_distance[flat[n] - offset]
            else:
                for n in range(num_samples):
                    column, row = cells[k, n, 0] - right, cells[k, n, 1] - up
                    if 0 <= column < num_cells and 0 <= row < num_cells:
                        sum_cells += distance[layers[k, n], row, column]
                    else:
                        sum_cells += far
            total[k, c] = sum_cells


@compiled_for("void(float32[:, :, ::1], int64[:, ::1], float32[:, ::1])")
def _keep_valleys(cost: np.ndarray, which: np.ndarray, lowest: np.ndarray) -> None:
    """Insert the local minima of each image into its ascending list; the first of equals leads."""
    rows, columns = cost.shape[1:]
    most = which.shape[1]
    for k in range(len(cost)):
        image = cost[k]
        for y in range(rows):
            for x in range(columns):
                here = image[y, x]
                if here >= lowest[k, most - 1]:
                    continue
                lowest_around = here
                for beside_y in range(max(y - 1, 0), min(y + 2, rows)):
                    for beside_x in range(max(x - 1, 0), min(x + 2, columns)):
                        lowest_around = min(lowest_around, image[beside_y, beside_x])
                if lowest_around < here:
                    continue
                rank = most - 1
                while rank > 0 and here < lowest[k, rank - 1]:
                    lowest[k, rank], which[k, rank] = lowest[k, rank - 1], which[k, rank - 1]
                    rank -= 1
                lowest[k, rank], which[k, rank] = here, y * columns + x
