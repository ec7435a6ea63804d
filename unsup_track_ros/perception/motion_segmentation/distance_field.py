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

from unsup_track_ros.shapes import Float, Int

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
        self.device = device

    def index(self, points: torch.Tensor, layer: torch.Tensor) -> torch.Tensor:
        """Return the flat cell of places (..., 2), clamped so that every shift stays inside."""
        cell = torch.floor((points + self._half_side_m) / self.cell_m).int() + self._margin
        cell = cell.clamp(self._reach, self._side - 1 - self._reach)
        return (layer.int() * self._side + cell[..., 1]) * self._side + cell[..., 0]

    def whole_cells(self, shift_m: torch.Tensor) -> torch.Tensor:
        """Return (..., 2) shifts in whole cells, at most the reach."""
        return torch.round(shift_m / self.cell_m).clamp(-self._reach, self._reach).int()

    def shifted(self, index: torch.Tensor, shift_cells: torch.Tensor) -> torch.Tensor:
        """Return the cells that lie (..., 2) whole cells back; at most the reach."""
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
