# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Objectives of RAM: what is seen teaches the heads, and where a walk comes out teaches the walk.

SPECS 3.2. Boxes of things that nobody sees never enter: they are nan, and nan is no target.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.random_walk_memory import STRIDE_PX, Reading, one_hot, walk
from unsup_track_ros.shapes import Bool, Float, Int64

_MIN_OVERLAP = 0.7  # CornerNet: a box whose corners are off by the radius still overlaps so much
_FOCAL_POWER = 2
_NEIGHBOUR_POWER = 4
_SMALLEST = 1e-6


class WalkLossConfig(Config):
    """What the walk learns from."""

    weight: float = parameter(0.5, "Of the walk beside the other losses.", ge=0)
    occlusion_weight: float = parameter(
        20.0, "Weight per frame of the occlusion that has just ended, beside 1.", ge=0
    )
    smoothing: bool = parameter(True, "Neighbours of the true centre are no negatives.")
    overlap_weight: float = parameter(
        0.0, "Of keeping unseen things off the centres of seen ones (paper: traffic 50).", ge=0
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What is seen in B clips of T frames with K things, in cells of the memory or in nodes.

    Attributes:
        centre: Row and column, where seen.
        size: Height and width.
        visible: Whether it is seen and its centre is in the image.
    """

    centre: Float[Tensor, "B T K 2"]
    size: Float[Tensor, "B T K 2"]
    visible: Bool[Tensor, "B T K"]

    @classmethod
    def of(
        cls, boxes_px: Float[Tensor, "B T K 4"], stride_px: int, rows: int, columns: int
    ) -> Seen:
        """Read boxes (top, left, bottom, right); those that are nan are not seen."""
        centre = (boxes_px[..., :2] + boxes_px[..., 2:]) / (2.0 * stride_px)
        limit = centre.new_tensor([rows, columns])
        visible = torch.isfinite(boxes_px).all(-1) & ((centre >= 0) & (centre < limit)).all(-1)
        size = (boxes_px[..., 2:] - boxes_px[..., :2]) / stride_px
        known = visible[..., None]
        return cls(
            centre=torch.where(known, centre, 0.0),
            size=torch.where(known, size, 1.0),
            visible=visible,
        )

    def index(self, columns: int) -> Int64[Tensor, "B T K"]:
        """Return the cell of each centre, counted row by row."""
        cell = self.centre.floor().to(torch.int64)
        return cell[..., 0] * columns + cell[..., 1]


def reading_losses(
    reading: Reading, boxes_px: Float[Tensor, "B T K 4"], classes: Int64[Tensor, " K"]
) -> dict[str, Float[Tensor, ""]]:
    """Return the losses of what is seen: heat map, offset, size, displacement."""
    rows, columns = reading.heat_logits.shape[2:]
    seen = Seen.of(boxes_px, STRIDE_PX, rows, columns)
    bumps = _bumps(seen, rows, columns).flatten(0, 1)
    num_classes = reading.heat_logits.shape[1]
    of_class = [bumps[:, classes == index] for index in range(num_classes)]
    target = torch.stack(
        [b.amax(1) if b.shape[1] else torch.zeros_like(bumps[:, 0]) for b in of_class], dim=1
    )
    index = seen.index(columns).flatten(0, 1)
    visible = seen.visible.flatten(0, 1)

    def at_centres(values: Tensor) -> Tensor:
        flat = values.flatten(2).transpose(1, 2)
        return torch.gather(flat, 1, index[..., None].expand(-1, -1, 2))

    def mean_error(answer: Tensor, wanted: Tensor, counts: Tensor) -> Tensor:
        error = (at_centres(answer) - wanted.flatten(0, 1)).abs().sum(-1) * counts
        return error.sum() / counts.sum().clamp(min=1)

    moved = torch.zeros_like(seen.centre)
    moved[:, 1:] = seen.centre[:, :-1] - seen.centre[:, 1:]
    both = seen.visible.clone()
    both[:, 0] = False
    both[:, 1:] &= seen.visible[:, :-1]
    return {
        "heat": _focal(reading.heat_logits, target, visible.sum()),
        "offset": mean_error(reading.offset, seen.centre - seen.centre.floor(), visible),
        "size": mean_error(reading.size, seen.size, visible),
        "displacement": mean_error(reading.displacement, moved, both.flatten(0, 1)),
    }


def walk_losses(
    edges: Float[Tensor, "B S O R C"],
    boxes_px: Float[Tensor, "B T K 4"],
    stride_px: int,
    config: WalkLossConfig,
) -> dict[str, Float[Tensor, ""]]:
    """Return the losses of the walk and of overlap.

    Args:
        edges: Of S = T - 1 steps.
        boxes_px: Boxes of what is seen, else nan.
        stride_px: Distance of two nodes.
        config: What the walk learns from.
    """
    rows, columns = edges.shape[3:]
    reach = (round(edges.shape[2] ** 0.5) - 1) // 2
    seen = Seen.of(boxes_px, stride_px, rows, columns)
    states = walk_states(edges, seen)
    index = seen.index(columns)
    bumps = _bumps(seen, rows, columns)
    kept = states.flatten(3)
    at = index[..., None]
    if config.smoothing:
        neighbours = (1.0 - bumps.flatten(3)) ** _NEIGHBOUR_POWER
        kept = kept * neighbours.scatter(3, at, 1.0)
    right = torch.gather(kept, 3, at)[..., 0]
    right = (right / kept.sum(-1).clamp(min=_SMALLEST)).clamp(_SMALLEST, 1.0)
    hidden_frames = _frames_hidden(seen.visible)
    weight = config.occlusion_weight * hidden_frames + 1.0
    counts = seen.visible & (hidden_frames >= 0) & _slow(seen, reach)[:, None]
    weight = weight * counts
    error = -((1.0 - right) ** _FOCAL_POWER) * torch.log(right)
    losses = {"walk": (error * weight).sum() / weight.sum().clamp(min=_SMALLEST)}
    if config.overlap_weight > 0:
        losses["overlap"] = _overlap(states, index, seen.visible, rows, columns)
    return losses


def walk_states(edges: Float[Tensor, "B S O R C"], seen: Seen) -> Float[Tensor, "B T K R C"]:
    """Return where the walkers are in each frame; each starts where its thing is first seen."""
    rows, columns = edges.shape[3:]
    started = torch.cumsum(seen.visible, dim=1) > 0
    starts = started & ~functional.pad(started[:, :-1], (0, 0, 1, 0))
    first = one_hot(seen.index(columns), rows, columns)
    state = first[:, 0] * starts[:, 0, :, None, None]
    states = [state]
    for step in range(edges.shape[1]):
        new = starts[:, step + 1, :, None, None]
        state = torch.where(new, first[:, step + 1], walk(state, edges[:, step]))
        states.append(state)
    return torch.stack(states, dim=1)


def gaussian_radius(size: Float[Tensor, "*shape 2"]) -> Float[Tensor, "*shape"]:
    """Return how far corners may be off for an overlap of 0.7 with the box (CornerNet).

    The least of three cases: both corners move inwards, outwards, or in the same direction.
    """
    total, area = size.sum(-1), size.prod(-1)

    def root(a: float, b: Tensor, c: Tensor, sign: float) -> Tensor:
        return (b + sign * (b**2 - 4 * a * c).clamp(min=0).sqrt()) / (2 * a)

    o = _MIN_OVERLAP
    same = root(1.0, total, area * (1 - o) / (1 + o), -1.0)
    inwards = root(4.0, 2 * total, (1 - o) * area, -1.0)
    outwards = root(4 * o, -2 * o * total, (o - 1) * area, 1.0)
    return torch.stack([same, inwards, outwards]).amin(0).clamp(min=0)


def _bumps(seen: Seen, rows: int, columns: int) -> Float[Tensor, "B T K R C"]:
    """Return a Gaussian around each seen centre's cell, zero for what is not seen."""
    std = (2.0 * gaussian_radius(seen.size).floor() + 1.0) / 6.0
    cell = seen.centre.floor()
    row = torch.arange(rows, device=cell.device) - cell[..., :1]
    column = torch.arange(columns, device=cell.device) - cell[..., 1:]
    square = row[..., None] ** 2 + column[..., None, :] ** 2
    bump = torch.exp(-square / (2.0 * std[..., None, None] ** 2))
    return bump * seen.visible[..., None, None]


def _focal(logits: Tensor, target: Tensor, num: Tensor) -> Tensor:
    """Return the penalty-reduced focal loss of CornerNet (α = 2, β = 4)."""
    probability = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    is_centre = target >= 1.0
    centre = (1 - probability) ** _FOCAL_POWER * torch.log(probability)
    other = probability**_FOCAL_POWER * torch.log(1 - probability)
    other = other * (1 - target) ** _NEIGHBOUR_POWER
    return -torch.where(is_centre, centre, other).sum() / num.clamp(min=1)


def _frames_hidden(visible: Bool[Tensor, "B T K"]) -> Float[Tensor, "B T K"]:
    """Return for how many frames a thing was not seen just before, -1 if never seen before."""
    time = torch.arange(visible.shape[1], device=visible.device)[None, :, None]
    last = torch.cummax(torch.where(visible, time, -1), dim=1).values
    before = functional.pad(last[:, :-1], (0, 0, 1, 0), value=-1)
    return torch.where(before >= 0, time - before - 1, -1).float()


def _slow(seen: Seen, reach: int) -> Bool[Tensor, "B K"]:
    """Tell which things never move farther in a frame than a walk can go."""
    step = (seen.centre[:, 1:] - seen.centre[:, :-1]).abs().amax(-1)
    both = seen.visible[:, 1:] & seen.visible[:, :-1]
    return torch.where(both, step, 0.0).amax(1) <= reach


def _overlap(states: Tensor, index: Tensor, visible: Tensor, rows: int, columns: int) -> Tensor:
    """Return the mean mass of unseen things' walkers around the centres of the seen ones."""
    spots = one_hot(index, rows, columns) * visible[..., None, None]
    near = functional.max_pool2d(spots.amax(2), 3, stride=1, padding=1)
    hidden = ~visible & (states.flatten(3).sum(-1) > 0)
    mass = (states * near[:, :, None]).flatten(3).sum(-1)
    return (mass * hidden).sum() / hidden.sum().clamp(min=1)
