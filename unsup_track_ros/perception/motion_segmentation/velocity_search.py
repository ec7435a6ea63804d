# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Search, for many clusters at once, the ground velocity that lays them on several past scans.

A translation that fits one past scan is often chance: half of a street looks like the other half.
So velocities are searched on the youngest scan, where they differ by little way, and only the best
few are followed to older and older scans, each of which must be met again and sharpens the answer
(a beam search over time). Shifts by whole cells only add to the index of a look-up, which keeps the
search to one addition and one gather per point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from unsup_track_ros.perception.motion_segmentation.distance_field import DistanceField
from unsup_track_ros.shapes import Float, Int

_STEP_M = 0.2  # of the first grid; the slope of the field leads on from there
_MAX_COUNT = 30  # steps to each side of the first grid: bounds time and memory where scans are rare
_BEAMS = 5  # velocities that are followed
_SPEED_COST_M = 0.002  # per m/s: of two equal answers the slower motion is meant


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

    places: Float[torch.Tensor, "K n 2"]
    layers: Int[torch.Tensor, "K n"]
    base0_R_base1: Float[torch.Tensor, "2 2"]
    seconds: float
    field: DistanceField

    def shifts_m(self, velocities: Float[torch.Tensor, "*B 2"]) -> Float[torch.Tensor, "*B 2"]:
        """Return the way of velocities (m/s, current frame) since the past scan, in its frame."""
        return velocities @ (self.base0_R_base1.T * self.seconds)


def best_velocities(views: Sequence[PastView], reach_mps: float) -> Float[torch.Tensor, "K 2"]:
    """Return the (K, 2) velocity (m/s, axes of the current frame) that explains the scans best.

    Args:
        views: The clusters in the other scans, nearest in time first.
        reach_mps: Largest speed along each axis.
    """
    indices = [view.field.index(view.places, view.layers) for view in views]
    first, seconds = views[0], abs(views[0].seconds)
    count = min(max(int(reach_mps * seconds / _STEP_M), 1), _MAX_COUNT)
    step_m = max(reach_mps * seconds / _MAX_COUNT, _STEP_M)
    grid = _square(count, first.places.device) * (step_m / seconds)  # (C, 2)
    cost = _misfit_m(first, indices[0], grid[None])
    cost = cost + _SPEED_COST_M * torch.linalg.vector_norm(grid, dim=-1)
    velocities, misfit = _valleys(grid, cost, 2 * count + 1)
    while step_m > _STEP_M:  # the nearest scan is so far in time that the grid had to be coarse
        step_m = max(step_m / 2, _STEP_M)
        slow = _SPEED_COST_M * torch.linalg.vector_norm(velocities, dim=-1)
        velocities, misfit = _follow(first, indices[0], velocities, slow, step_m)
    for view, index in zip(views[1:], indices[1:], strict=True):
        velocities, misfit = _follow(view, index, velocities, misfit, _STEP_M)
    row = torch.arange(len(misfit), device=misfit.device)
    return _refine(views[-1], velocities[row, misfit.argmin(dim=1)])


def _misfit_m(
    view: PastView, index: torch.Tensor, velocities: Float[torch.Tensor, "#K C 2"]
) -> Float[torch.Tensor, "K C"]:
    """Return the mean distance to the past scan that each velocity leaves, by whole cells."""
    cells = view.field.whole_cells(view.shifts_m(velocities))
    return view.field.mean_distance_m(view.field.shifted(index[:, None], cells[:, :, None]))


def _valleys(
    grid: Float[torch.Tensor, "C 2"], cost: Float[torch.Tensor, "K C"], side: int
) -> tuple[Float[torch.Tensor, "K B 2"], Float[torch.Tensor, "K B"]]:
    """Return the lowest local minima of the first grid and their cost."""
    image = cost.view(-1, 1, side, side)
    lowest = -torch.nn.functional.max_pool2d(-image, 3, stride=1, padding=1)
    valley = torch.where(image <= lowest, image, torch.inf).view(len(cost), -1)
    misfit, which = valley.topk(min(_BEAMS, valley.shape[1]), dim=1, largest=False)
    return grid[which], misfit


def _follow(
    view: PastView,
    index: torch.Tensor,
    velocities: Float[torch.Tensor, "K B 2"],
    misfit: Float[torch.Tensor, "K B"],
    step_m: float,
) -> tuple[Float[torch.Tensor, "K B 2"], Float[torch.Tensor, "K B"]]:
    """Move every beam to the best velocity around it in one more scan; add up its misfit."""
    num, beams, _ = velocities.shape
    around = velocities[:, :, None] + _square(2, velocities.device) * (step_m / abs(view.seconds))
    cost = _misfit_m(view, index, around.view(num, -1, 2)).view(num, beams, -1)
    best, which = cost.min(dim=2)
    chosen = which[..., None, None].expand(-1, -1, 1, 2)
    return torch.gather(around, 2, chosen)[:, :, 0], misfit + best


def _refine(view: PastView, velocities: Float[torch.Tensor, "K 2"]) -> Float[torch.Tensor, "K 2"]:
    """Search fractions of a cell around the answer in the oldest scan; ties go to the middle."""
    fractions = _square(2, velocities.device) * (view.field.cell_m / 4 / abs(view.seconds))
    around = velocities[:, None] + fractions  # (K, C, 2)
    places = view.places[:, None] - view.shifts_m(around)[:, :, None]
    cost = view.field.mean_distance_m(view.field.index(places, view.layers[:, None]))
    cost = cost + 1e-4 * torch.linalg.vector_norm(fractions, dim=-1)
    return around[torch.arange(len(around), device=around.device), cost.argmin(dim=1)]


def _square(count: int, device: torch.device) -> Float[torch.Tensor, "C 2"]:
    """Return the integer offsets of a square of side 2 count + 1."""
    axis = torch.arange(-count, count + 1, dtype=torch.float32, device=device)
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
