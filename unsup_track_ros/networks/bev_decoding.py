# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes from the output of the bird's-eye-view network (SPECS 0.10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_iou import bev_iou, nms
from unsup_track_ros.networks.bev_centernet import BevCenternetConfig, BevOutput
from unsup_track_ros.shapes import Bool, Float, Float64, Int64


class BevDecodingConfig(Config):
    """How peaks become boxes."""

    min_score: float = parameter(0.05, "Lower scores are dropped; TCR: 0.5.", ge=0, le=1)
    max_boxes: int = parameter(50, "Most boxes of a scan; TCR: 20.", ge=1)
    peak_window_m: float = parameter(
        1.5, "A peak is the highest within a square of this side; TCR: 7.5.", unit="m", gt=0
    )
    overlap_share: float = parameter(
        0.3, "Share of the predicted IoU in the score's exponent; mode `tcr` has none.", ge=0, le=1
    )
    max_iou: float = parameter(
        0.2, "Of boxes that overlap more the best stays; 1 keeps all, as released.", ge=0, le=1
    )

    @classmethod
    def released(cls) -> BevDecodingConfig:
        """Return TCR's decoder: 15 x 15 cells of 0.5 m, 20 boxes above 0.5, no suppression."""
        return cls(min_score=0.5, max_boxes=20, peak_window_m=7.5, max_iou=1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BevBoxes:
    """Boxes of one scan, best first, in frame bev.

    Attributes:
        boxes_bev: (N, 7) centre, length, width, height, yaw.
        scores: (N,) in [0, 1].
        velocities_bev: (N, 2) m/s, nan where the network has no such head.
        heading_known: (N,) whether yaw is the heading, not only the axis.
    """

    boxes_bev: Float64[np.ndarray, "N 7"]
    scores: Float64[np.ndarray, " N"]
    velocities_bev: Float64[np.ndarray, "N 2"]
    heading_known: Bool[np.ndarray, " N"]

    def chosen(self, rows: Int64[np.ndarray, " K"]) -> BevBoxes:
        """Return some of the boxes."""
        return BevBoxes(
            boxes_bev=self.boxes_bev[rows],
            scores=self.scores[rows],
            velocities_bev=self.velocities_bev[rows],
            heading_known=self.heading_known[rows],
        )


def decode(
    output: BevOutput, network: BevCenternetConfig, config: BevDecodingConfig
) -> list[BevBoxes]:
    """Read the boxes of every sample.

    Mode `tcr` reads a box at the peak's cell centre and takes the angle of the best bin; `improved`
    adds the offset and the residual, turns the box by the heading, multiplies the score by the
    predicted overlap (score = centre^(1-a) overlap^a) and suppresses overlapping boxes.
    """
    scores = _peak_scores(output, network, config)
    num, _, width = scores.shape
    best, index = torch.topk(scores.reshape(num, -1), min(config.max_boxes, scores[0].numel()))
    found = []
    for sample in range(num):
        kept = best[sample] >= config.min_score
        cell = torch.stack([index[sample][kept] // width, index[sample][kept] % width], 1)
        boxes = read_boxes(output, network, torch.full_like(cell[:, 0], sample), cell)
        found.append(_suppressed(boxes, best[sample][kept].double().cpu().numpy(), config.max_iou))
    return found


def read_boxes(
    output: BevOutput,
    network: BevCenternetConfig,
    sample: Int64[Tensor, " N"],
    cell: Int64[Tensor, "N 2"],
) -> BevBoxes:
    """Read the boxes at cells (y, x) of samples of a batch; all scores are 1."""

    def at(values: Float[Tensor, "B D y x"]) -> Float64[Tensor, "N D"]:
        return values.movedim(1, 3)[sample, cell[:, 0], cell[:, 1]].double()

    grid, stride = network.grid.grid(), network.stride
    cell_m = [stride * side for side in grid.voxel_m[:2]]
    place = cell.flip(1).double()
    yaw_bin = at(output.yaw_bins).argmax(1)
    turn = yaw_bin.double()
    if network.mode == "improved":
        place = place + at(output.offset)[:, :2]
        assert output.yaw_residual is not None
        turn = turn + at(output.yaw_residual).gather(1, yaw_bin[:, None])[:, 0]
    xy_m = (place + 0.5) * place.new_tensor(cell_m) + place.new_tensor(grid.minimum_m[:2])
    yaw_rad = turn * (torch.pi / network.num_yaw_bins)
    velocity = torch.full_like(xy_m, torch.nan)
    known = torch.zeros(len(cell), dtype=torch.bool)
    if output.heading is not None and output.velocity is not None:
        cosine, sine = at(output.heading).T
        against = cosine * yaw_rad.cos() + sine * yaw_rad.sin() < 0
        yaw_rad = torch.where(against, yaw_rad + torch.pi, yaw_rad)
        known = torch.hypot(cosine, sine) > 0.5
        velocity = at(output.velocity)
    size, height = at(output.size), at(output.height[:, None])
    boxes_bev = torch.cat([xy_m, height, size, yaw_rad[:, None]], dim=1).cpu().numpy()
    boxes_bev[:, 6] = se3.wrap_angle_rad(boxes_bev[:, 6])
    return BevBoxes(
        boxes_bev=boxes_bev,
        scores=np.ones(len(cell)),
        velocities_bev=velocity.cpu().numpy(),
        heading_known=known.cpu().numpy(),
    )


def _peak_scores(
    output: BevOutput, network: BevCenternetConfig, config: BevDecodingConfig
) -> Float[Tensor, "B y x"]:
    """Return the score of each cell that is the highest around it, 0 elsewhere."""
    scores = torch.sigmoid(output.centre.float())
    cell_m = network.stride * network.grid.grid().voxel_m[0]
    half = max(1, round(config.peak_window_m / cell_m) // 2)
    highest = functional.max_pool2d(scores[:, None], 2 * half + 1, 1, half)[:, 0]
    if output.overlap is not None:
        overlap = torch.sigmoid(output.overlap.float())
        peak = scores >= highest
        share = config.overlap_share
        return torch.where(peak, scores ** (1 - share) * overlap**share, 0.0)
    return torch.where(scores >= highest, scores, 0.0)


def _suppressed(boxes: BevBoxes, scores: Float64[np.ndarray, " N"], max_iou: float) -> BevBoxes:
    scored = BevBoxes(
        boxes_bev=boxes.boxes_bev,
        scores=scores,
        velocities_bev=boxes.velocities_bev,
        heading_known=boxes.heading_known,
    )
    if max_iou >= 1.0 or len(scores) < 2:
        return scored
    return scored.chosen(nms(boxes.boxes_bev, scores, max_iou))


def fuse(views: list[BevBoxes], min_iou: float) -> BevBoxes:
    """Join the boxes that several views of one scan give, weighted by score (box fusion).

    Boxes of all views that overlap the best free one by `min_iou` or more become one: centre and
    size are their weighted means, yaw is that of the best turned by the weighted mean of the
    differences modulo half a turn, the score is the sum over all views divided by their number: a
    box that one view alone sees loses.
    """
    every = _joined(views)
    order = np.argsort(-every.scores, kind="stable")
    overlap = bev_iou(every.boxes_bev, every.boxes_bev) >= min_iou
    free = np.ones(len(order), bool)
    groups: list[tuple[int, Int64[np.ndarray, " _"]]] = []
    # Greedy by definition: what a better box has taken is gone.
    for best in order:
        if free[best]:
            members = np.flatnonzero(free & (overlap[best] | (np.arange(len(free)) == best)))
            free[members] = False
            groups.append((int(best), members))
    if not groups:
        return every
    return _merged(every, groups, len(views))


def _merged(
    every: BevBoxes, groups: list[tuple[int, Int64[np.ndarray, " _"]]], num_views: int
) -> BevBoxes:
    best = np.array([first for first, _ in groups], np.int64)
    member = np.concatenate([rows for _, rows in groups])
    group = np.repeat(np.arange(len(groups)), [len(rows) for _, rows in groups])
    weight = every.scores[member]
    total = np.bincount(group, weight, len(groups))
    turn = every.boxes_bev[member, 6] - every.boxes_bev[best[group], 6]
    turn -= np.round(turn / np.pi) * np.pi
    values = np.column_stack([every.boxes_bev[member, :6], turn, every.velocities_bev[member]])
    means = np.stack(
        [np.bincount(group, weight * column, len(groups)) / total for column in values.T], axis=1
    )
    boxes = means[:, :7].copy()
    boxes[:, 6] = se3.wrap_angle_rad(every.boxes_bev[best, 6] + means[:, 6])
    return BevBoxes(
        boxes_bev=boxes,
        scores=np.minimum(total / num_views, 1.0),
        velocities_bev=means[:, 7:],
        heading_known=every.heading_known[best],
    )


def _joined(views: list[BevBoxes]) -> BevBoxes:
    return BevBoxes(
        boxes_bev=np.concatenate([view.boxes_bev for view in views]),
        scores=np.concatenate([view.scores for view in views]),
        velocities_bev=np.concatenate([view.velocities_bev for view in views]),
        heading_known=np.concatenate([view.heading_known for view in views]),
    )
