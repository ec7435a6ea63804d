# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Distance on the ground to the nearest point of a scan, as a table to look up.

One bird's-eye layer per height band, so that a bonnet is not laid on a roof edge: the error of a
shifted point is a single look-up.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from unsup_track_ros.shapes import Float, Int, UInt8

LAYER_TOPS_M = (0.9, 1.6)  # height bands over the ground: bumper and wheels, body, roof and above
_SLACK_M = 5.0  # places this far outside the covered square are known to be far from everything
_TRUNCATION_M = 1.0  # beyond this a point is simply wrong; keeps far points from ruling a search


class DistanceField:
    """Truncated city-block distance on the ground to the nearest point of a scan, per height band.

    Attributes:
        cell_m: Side of a cell.
        device: Where it lies.
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
        self.cell_m = cell_m
        self._half_side_m = half_side_m
        self._reach = int(reach_m / cell_m)
        self._margin = self._reach + int(_SLACK_M / cell_m)
        covered_cells = round(2 * half_side_m / cell_m)
        self._side = covered_cells + 2 * self._margin
        cell = np.floor((points_level[:, :2] + half_side_m) / cell_m).astype(np.int32)
        column, row = cell[:, 0], cell[:, 1]
        covered = (column >= 0) & (column < covered_cells) & (row >= 0) & (row < covered_cells)
        empty = np.ones((len(LAYER_TOPS_M) + 1, covered_cells, covered_cells), np.uint8)
        empty[height_layer(height_m[covered]), row[covered], column[covered]] = 0
        far_cells = min(round(_TRUNCATION_M / cell_m), 255)
        distance = np.full((len(empty), self._side, self._side), far_cells, np.uint8)
        inner = slice(self._margin, self._margin + covered_cells)
        for image, layer in zip(empty, distance, strict=True):
            layer[inner, inner] = _city_block(image, far_cells)
        self._distance_cells = torch.from_numpy(distance.reshape(-1)).to(device)
        self.device = device

    def index(self, points: torch.Tensor, layer: torch.Tensor) -> torch.Tensor:
        """Return the flat cell of places (..., 2), clamped so that every shift stays inside."""
        column, row = self._cell(points[..., 0]), self._cell(points[..., 1])
        return (layer.int() * self._side + row) * self._side + column

    def _cell(self, coordinate: torch.Tensor) -> torch.Tensor:
        cell = torch.floor((coordinate + self._half_side_m) / self.cell_m).int() + self._margin
        return cell.clamp_(self._reach, self._side - 1 - self._reach)

    def whole_cells(self, shift_m: torch.Tensor) -> torch.Tensor:
        """Return (..., 2) shifts in whole cells, at most the reach."""
        return torch.round(shift_m / self.cell_m).clamp(-self._reach, self._reach).int()

    def shifted(self, index: torch.Tensor, shift_cells: torch.Tensor) -> torch.Tensor:
        """Return the cells that lie (..., 2) whole cells back; at most the reach."""
        return index - (shift_cells[..., 1] * self._side + shift_cells[..., 0])

    def distance_m(self, index: torch.Tensor) -> torch.Tensor:
        """Look up the distance of cells, at most 1 m."""
        return self._looked_up(index) * self.cell_m

    def mean_distance_m(self, index: torch.Tensor) -> torch.Tensor:
        """Return the mean distance over the last axis."""
        return self._looked_up(index).float().mean(-1) * self.cell_m

    def _looked_up(self, index: torch.Tensor) -> torch.Tensor:
        # Indexing in brackets takes four times as long on a CPU.
        return self._distance_cells.index_select(0, index.reshape(-1)).view(index.shape)


def _city_block(empty: UInt8[np.ndarray, "Y X"], most: int) -> UInt8[np.ndarray, "Y X"]:
    """Return the city-block distance to the nearest cell that is 0, in cells, at most `most`.

    A cell is as far away as the number of times that the rest can be eroded without reaching it. In
    bytes, which is a quarter of the memory that look-ups jump about in.
    """
    distance = np.zeros_like(empty)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for _ in range(most):
        cv2.add(distance, empty, dst=distance)
        empty = cv2.erode(empty, cross)
    return distance


def height_layer(height_m: Float[np.ndarray, "*P"]) -> Int[np.ndarray, "*P"]:
    """Return the height band of each point."""
    layer = np.zeros(height_m.shape, np.int32)
    for top_m in LAYER_TOPS_M:
        layer += height_m > np.float32(top_m)
    return layer
