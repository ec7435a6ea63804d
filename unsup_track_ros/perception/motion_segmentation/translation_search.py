# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Search, for many clusters at once, the ground translation that lays them on a past scan.

A distance field of the past scan (one bird's-eye layer per height band, so that a bonnet is not
laid on a roof edge) makes the error of a shifted point a single look-up. Shifts by whole cells only
add to the look-up's index, which keeps the search to one addition and one gather per point.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from unsup_track_ros.shapes import Float, Int

LAYER_TOPS_M = (0.9, 1.6)  # height bands over the ground: bumper and wheels, body, roof and above
_TRUNCATION_M = 1.0  # beyond this a point is simply wrong; keeps far points from ruling the search
_TRAVEL_COST = 0.005  # per metre: of two equal answers the smaller motion is meant
_NEAR_REACH_M = 1.0
_FAR_STEP_M = 1.0  # the truncation distance: the slope of the field leads from there
_NEAR_STEP_M = 0.2


class DistanceField:
    """Truncated city-block distance on the ground to the nearest point of a scan, per height band.

    Attributes:
        reach_m: Places up to this far outside the covered square may be looked up.
        cell_m: Side of a cell.
    """

    def __init__(
        self,
        points_level: Float[np.ndarray, "P 3"],
        height_m: Float[np.ndarray, " P"],
        *,
        half_side_m: float,
        reach_m: float,
        cell_m: float,
        device: torch.device,
    ) -> None:
        self.reach_m = reach_m
        self.cell_m = cell_m
        self._half_side_m = half_side_m
        self._margin = round(reach_m / cell_m) + 1
        covered_cells = round(2 * half_side_m / cell_m)
        self._side = covered_cells + 2 * self._margin
        cell = np.floor((points_level[:, :2] + half_side_m) / cell_m).astype(np.int32)
        covered = ((cell >= 0) & (cell < covered_cells)).all(axis=1)
        empty = np.ones((len(LAYER_TOPS_M) + 1, covered_cells, covered_cells), np.uint8)
        empty[height_layer(height_m[covered]), cell[covered, 1], cell[covered, 0]] = 0
        far_cells = min(round(_TRUNCATION_M / cell_m), 255)
        distance = np.full((len(empty), self._side, self._side), far_cells, np.uint8)
        inner = slice(self._margin, self._margin + covered_cells)
        for image, layer in zip(empty, distance, strict=True):
            if not image.all():
                # City-block distance in bytes: a quarter of the memory that look-ups jump about in.
                exact = cv2.distanceTransform(image, cv2.DIST_L1, 3, dstType=cv2.CV_8U)
                np.minimum(exact, far_cells, out=layer[inner, inner])
        self._distance_cells = torch.from_numpy(distance.reshape(-1)).to(device)

    def index(self, points: torch.Tensor, layer: torch.Tensor) -> torch.Tensor:
        """Return the flat cell of places (..., 2), clamped to the square and its margin."""
        cell = torch.floor((points + self._half_side_m) / self.cell_m).int() + self._margin
        cell = cell.clamp(0, self._side - 1)
        return (layer.int() * self._side + cell[..., 1]) * self._side + cell[..., 0]

    def shifted(self, index: torch.Tensor, shift_cells: torch.Tensor) -> torch.Tensor:
        """Return the cells that lie (..., 2) whole cells back; at most the margin."""
        return index - (shift_cells[..., 1] * self._side + shift_cells[..., 0])

    def distance_m(self, index: torch.Tensor) -> torch.Tensor:
        """Look up the distance of cells, at most 1 m."""
        return self._distance_cells[index] * self.cell_m

    def mean_distance_m(self, index: torch.Tensor) -> torch.Tensor:
        """Return the mean distance over the last axis."""
        return self._distance_cells[index].float().mean(-1) * self.cell_m


def height_layer(height_m: Float[np.ndarray, "*P"]) -> Int[np.ndarray, "*P"]:
    """Return the height band of each point."""
    return np.searchsorted(np.array(LAYER_TOPS_M, np.float32), height_m).astype(np.int64)


def best_translations(
    points: torch.Tensor, layer: torch.Tensor, field: DistanceField
) -> torch.Tensor:
    """Return the (K, 2) translation (m) from the past to now that explains each cluster best.

    A near and a far search run side by side; the far one must halve the near one's error to win,
    for a parked car's neighbour in the row looks just like it.

    Args:
        points: (K, n, 2) sampled points of each cluster, level frame.
        layer: (K, n) their height bands.
        field: Distance field of the past scan.
    """
    index = field.index(points, layer)
    near_reach_m = min(_NEAR_REACH_M, field.reach_m)
    near, near_error = _search(index, field, reach_m=near_reach_m, step_m=_NEAR_STEP_M)
    far, far_error = _search(index, field, reach_m=field.reach_m, step_m=_FAR_STEP_M)
    cells = torch.where((far_error < 0.5 * near_error)[:, None], far, near)
    return _refine(points, layer, field, cells)


def _search(
    index: torch.Tensor, field: DistanceField, *, reach_m: float, step_m: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Search whole-cell shifts coarse to fine: a full grid, then ever smaller 5 x 5 grids."""
    step = max(1, round(step_m / field.cell_m))
    count = int(reach_m / field.cell_m) // step
    limit = int(field.reach_m / field.cell_m)
    best = torch.zeros((len(index), 2), dtype=torch.int32, device=index.device)
    while True:
        offsets = _square(count, index.device) * step
        candidates = (best[:, None] + offsets).clamp(-limit, limit)  # (K, C, 2)
        fit_m = field.mean_distance_m(field.shifted(index[:, None], candidates[:, :, None]))
        travel_m = torch.linalg.vector_norm(candidates * field.cell_m, dim=-1)
        error, winner = (fit_m + _TRAVEL_COST * travel_m).min(dim=1)
        best = candidates[torch.arange(len(index), device=index.device), winner]
        if step == 1:
            return best, error
        count, step = 2, step // 2


def _refine(
    points: torch.Tensor, layer: torch.Tensor, field: DistanceField, cells: torch.Tensor
) -> torch.Tensor:
    """Search fractions of a cell around the best whole-cell shift; ties go to the middle."""
    fractions = _square(2, points.device) * (field.cell_m / 4)
    candidates = cells[:, None] * field.cell_m + fractions  # (K, C, 2)
    index = field.index(points[:, None] - candidates[:, :, None], layer[:, None])
    error = field.mean_distance_m(index) + 1e-4 * torch.linalg.vector_norm(fractions, dim=-1)
    winner = error.argmin(dim=1)
    return candidates[torch.arange(len(points), device=points.device), winner]


def _square(count: int, device: torch.device) -> torch.Tensor:
    """Return the (C, 2) integer offsets of a square of side 2 count + 1."""
    axis = torch.arange(-count, count + 1, dtype=torch.int32, device=device)
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
