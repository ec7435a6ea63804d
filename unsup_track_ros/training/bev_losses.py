# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Losses of the bird's-eye-view network.

Mode `tcr`: the losses of Track, Check, Repeat, all of weight 1, means per sample (SPECS 0.9). Mode
`improved`: a centre focal loss, boxes read at the centre cell and its neighbours so that a peak one
cell off still gives the right box, and terms for the additional heads; labels count as much as they
are trusted.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.geometry.box_iou import bev_intersection_pairs
from unsup_track_ros.networks.bev_centernet import BevCenternetConfig, BevOutput
from unsup_track_ros.networks.bev_decoding import read_boxes
from unsup_track_ros.shapes import Bool, Float, Float64, Int64
from unsup_track_ros.training.bev_targets import BevLabels, CentreTargets, output_cells

# CenterNet's focal loss (Zhou et al. 2019): what is easy or near a centre counts less.
_FOCAL_POWER = 2
_NEAR_CENTRE_POWER = 4
_SMOOTH = 0.1  # from here on the improved box terms are linear (m, cells, bins)
_VELOCITY_UNIT_MPS = 5.0
# The centre cell and its four neighbours: x, y.
_CROSS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))


def bev_losses(
    output: BevOutput,
    labels: BevLabels,
    centres: CentreTargets,
    segments: tuple[Bool[Tensor, "B S y x"], Bool[Tensor, "B S y x"]],
    network: BevCenternetConfig,
) -> dict[str, Tensor]:
    """Return the terms of the loss by name.

    Args:
        output: What the network said.
        labels: The labels.
        centres: Where centres are wanted.
        segments: Positive and negative voxels.
        network: Parameters of the network.
    """
    terms = {"segmentation": balanced_bce(output.segmentation, *segments)}
    if network.mode == "tcr":
        return terms | _released(output, labels, centres, network)
    return terms | _improved(output, labels, centres, network)


def balanced_bce(
    logits: Float[Tensor, B * S], positive: Bool[Tensor, B * S], negative: Bool[Tensor, B * S]
) -> Float[Tensor, ""]:
    """Return binary cross-entropy: mean over positives plus mean over negatives, per sample."""
    on = functional.softplus(-logits).flatten(1)
    off = functional.softplus(logits).flatten(1)
    return (_mean(on, positive.flatten(1)) + _mean(off, negative.flatten(1))).mean()


def _mean(values: Float[Tensor, "B V"], weight: Tensor) -> Float[Tensor, " B"]:
    """Return the weighted mean of each sample, 0 where nothing counts."""
    weight = weight.to(values.dtype)
    return (values * weight).sum(1) / weight.sum(1).clamp(min=1e-6)


def _released(
    output: BevOutput, labels: BevLabels, centres: CentreTargets, network: BevCenternetConfig
) -> dict[str, Tensor]:
    error = (torch.sigmoid(output.centre) - centres.target).square().flatten(1)
    valid = centres.valid.flatten(1)
    high = centres.target.flatten(1) > 0.5
    counts = (labels.weights > 0).to(error.dtype)
    cells = output_cells(labels.boxes_bev, network)
    at_centre = _sampled(_stacked(output), cells[..., :2])
    boxes = labels.boxes_bev
    size = functional.smooth_l1_loss(at_centre[..., :3], boxes[..., 3:6], reduction="none")
    fraction = cells - cells.round()
    offset = functional.smooth_l1_loss(at_centre[..., 3:6], fraction, reduction="none")
    slice_m = network.grid.grid().voxel_m[2] * 4
    height = functional.smooth_l1_loss(
        at_centre[..., 6] / slice_m, boxes[..., 2] / slice_m, reduction="none"
    )
    return {
        "centre": 0.5 * (_mean(error, valid & high) + _mean(error, valid & ~high)).mean(),
        "size": _mean(size.sum(-1), counts).mean(),
        "offset": _mean(offset.sum(-1), counts).mean(),
        "height": _mean(height, counts).mean(),
        "yaw": _yaw_per_bin(at_centre[..., 7:], boxes[..., 6], labels.weights > 0).mean(),
    }


def _stacked(output: BevOutput) -> Float[Tensor, "B D y x"]:
    return torch.cat([output.size, output.offset, output.height[:, None], output.yaw_bins], dim=1)


def _sampled(
    values: Float[Tensor, "B D y x"], cells: Float[Tensor, "B N 2"]
) -> Float[Tensor, "B N D"]:
    """Read maps bilinearly at fractional cells (x, y)."""
    num_y, num_x = values.shape[-2:]
    side = cells.new_tensor([num_x, num_y])
    place = (2 * cells + 1) / side - 1
    read = functional.grid_sample(
        values, place[:, :, None], mode="bilinear", padding_mode="border", align_corners=False
    )
    return read[..., 0].transpose(1, 2)


def yaw_bin_of(
    yaw_rad: Float[Tensor, "*N"], num_bins: int
) -> tuple[Int64[Tensor, "*N"], Float[Tensor, "*N"]]:
    """Return the nearest bin of yaw modulo half a turn, and the rest in bins, in [-0.5, 0.5]."""
    turn = torch.remainder(yaw_rad, torch.pi) * (num_bins / torch.pi)
    nearest = turn.round()
    return nearest.to(torch.int64) % num_bins, turn - nearest


def _yaw_per_bin(
    logits: Float[Tensor, "B N K"], yaw_rad: Float[Tensor, "B N"], counts: Bool[Tensor, "B N"]
) -> Float[Tensor, " B"]:
    """Return cross-entropy averaged per bin that occurs, then over these bins."""
    num_bins = logits.shape[-1]
    target, _ = yaw_bin_of(yaw_rad, num_bins)
    loss = functional.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none")
    loss = loss.view(target.shape) * counts
    member = functional.one_hot(target, num_bins) * counts[..., None]
    total = (loss[..., None] * member).sum(1)
    size = member.sum(1)
    present = size > 0
    return _mean(total / size.clamp(min=1), present)


def _improved(
    output: BevOutput, labels: BevLabels, centres: CentreTargets, network: BevCenternetConfig
) -> dict[str, Tensor]:
    sample, slot, cell = _cross_cells(labels, network, output.centre.shape[-2:])
    row, column = cell.T
    weight = labels.weights[sample, slot]
    total = weight.sum().clamp(min=1e-6)
    boxes = labels.boxes_bev[sample, slot]
    place = output_cells(labels.boxes_bev, network)[sample, slot]
    shift = place - torch.cat([cell.flip(1), place[:, 2:].round().to(torch.int64)], dim=1)

    def term(error: Tensor, counts: Tensor | float = 1.0) -> Tensor:
        return (error * weight * counts).sum() / total

    size = _smooth(output.size[sample, :, row, column], boxes[:, 3:6])
    offset = _smooth(output.offset[sample, :, row, column], shift)
    target, rest = yaw_bin_of(boxes[:, 6], network.num_yaw_bins)
    logits = output.yaw_bins[sample, :, row, column]
    assert output.yaw_residual is not None
    assert output.heading is not None
    residual = _smooth(output.yaw_residual[sample, target, row, column, None], rest[:, None])
    course = torch.stack([boxes[:, 6].cos(), boxes[:, 6].sin()], dim=1)
    heading = _smooth(output.heading[sample, :, row, column], course)
    return {
        "centre": _focal(output.centre, centres),
        "size": term(size),
        "offset": term(offset),
        "height": term(_smooth(output.height[sample, row, column, None], boxes[:, 2:3])),
        "yaw": term(functional.cross_entropy(logits, target, reduction="none")),
        "yaw_residual": term(residual),
        "heading": term(heading, labels.heading_known[sample, slot]),
        "velocity": _velocity_term(output, labels, (sample, slot, cell), total),
        "overlap": _overlap_term(output, network, (sample, cell, boxes), weight / total),
    }


def _velocity_term(
    output: BevOutput, labels: BevLabels, place: tuple[Tensor, Tensor, Tensor], total: Tensor
) -> Tensor:
    sample, slot, cell = place
    velocity = labels.velocities_bev[sample, slot]
    known = torch.isfinite(velocity).all(dim=1)
    assert output.velocity is not None
    said = output.velocity[sample, :, cell[:, 0], cell[:, 1]]
    wanted = torch.where(known[:, None], velocity, said.detach())
    error = _smooth(said / _VELOCITY_UNIT_MPS, wanted / _VELOCITY_UNIT_MPS)
    return (error * labels.weights[sample, slot] * known).sum() / total


def _overlap_term(
    output: BevOutput,
    network: BevCenternetConfig,
    place: tuple[Tensor, Tensor, Float[Tensor, "M 7"]],
    share: Float[Tensor, " M"],
) -> Tensor:
    """Train the overlap head on the IoU that the boxes have now."""
    sample, cell, boxes = place
    assert output.overlap is not None
    if not len(sample):
        return output.overlap.sum() * 0.0
    with torch.no_grad():
        said = read_boxes(output, network, sample, cell)
    wanted = torch.from_numpy(_paired_iou(said.boxes_bev, boxes.double().cpu().numpy()))
    logits = output.overlap[sample, cell[:, 0], cell[:, 1]]
    target = wanted.to(logits.device, logits.dtype)
    error = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (error * share).sum()


def _paired_iou(
    boxes0: Float64[np.ndarray, "M 7"], boxes1: Float64[np.ndarray, "M 7"]
) -> Float64[np.ndarray, " M"]:
    shared = bev_intersection_pairs(boxes0, boxes1)
    whole = boxes0[:, 3] * boxes0[:, 4] + boxes1[:, 3] * boxes1[:, 4] - shared
    return np.asarray(np.clip(shared / np.maximum(whole, 1e-9), 0.0, 1.0))


def _cross_cells(
    labels: BevLabels, network: BevCenternetConfig, shape: torch.Size
) -> tuple[Int64[Tensor, " M"], Int64[Tensor, " M"], Int64[Tensor, "M 2"]]:
    """Return sample, label slot and cell (y, x) of every place at which boxes are read."""
    sample, slot = (labels.weights > 0).nonzero(as_tuple=True)
    centre = output_cells(labels.boxes_bev, network)[sample, slot, :2].round().to(torch.int64)
    cross = torch.tensor(_CROSS, device=centre.device)
    cell = (centre[:, None] + cross).reshape(-1, 2).flip(1)
    sample, slot = (index.repeat_interleave(len(_CROSS)) for index in (sample, slot))
    limits = torch.tensor(list(shape), device=cell.device)
    inside = ((cell >= 0) & (cell < limits)).all(dim=1)
    return sample[inside], slot[inside], cell[inside]


def _smooth(said: Float[Tensor, "M D"], wanted: Float[Tensor, "M D"]) -> Float[Tensor, " M"]:
    error = functional.smooth_l1_loss(said, wanted, reduction="none", beta=_SMOOTH)
    return error.sum(dim=1)


def _focal(logits: Float[Tensor, "B y x"], centres: CentreTargets) -> Float[Tensor, ""]:
    """Return CenterNet's focal loss over the valid cells, divided by the trust in the centres."""
    probability = torch.sigmoid(logits)
    peak = centres.target >= 1.0
    on = functional.softplus(-logits) * (1 - probability) ** _FOCAL_POWER
    off = functional.softplus(logits) * probability**_FOCAL_POWER
    off = off * (1 - centres.target) ** _NEAR_CENTRE_POWER
    loss = torch.where(peak, on * centres.weight, off) * centres.valid
    return loss.sum() / (centres.weight * peak).sum().clamp(min=1.0)
