# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The terms of TrackOcc's objective for one frame (SPECS 2.4)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.trackocc.config import DepthBinsConfig
from unsup_track_ros.networks.trackocc.decoder import Answers
from unsup_track_ros.shapes import Bool, Float, Int64
from unsup_track_ros.structures.voxel_scene import VoxelClasses
from unsup_track_ros.training.trackocc_targets import FrameTargets, depth_bins

_FOCAL_ALPHA, _FOCAL_GAMMA = 0.25, 2.0
_NO_QUERY = -1


class TrackOccLossConfig(Config):
    """Weights of the terms; the defaults are the paper's."""

    thing_class: float = parameter(4.0, "Focal loss of classes of things (paper: 2 x 2).", ge=0)
    thing_mask: float = parameter(100.0, "Cross-entropy of the masks of things.", ge=0)
    thing_dice: float = parameter(5.0, "Dice loss of the masks of things.", ge=0)
    localization: float = parameter(
        0.3, "Localisation-aware loss: centres and velocities; 0 leaves it out.", ge=0
    )
    stuff_class: float = parameter(2.0, "Focal loss of classes of stuff.", ge=0)
    stuff_mask: float = parameter(5.0, "Cross-entropy of the masks of stuff.", ge=0)
    stuff_dice: float = parameter(5.0, "Dice loss of the masks of stuff.", ge=0)
    semantics: float = parameter(2.0, "Cross-entropy of the dense semantic head.", ge=0)
    depth: float = parameter(1.0, "Cross-entropy of the depth of cells with a return.", ge=0)


def focal_terms(logits: Float[Tensor, "Q K"], target: Float[Tensor, "Q K"]) -> Float[Tensor, "Q K"]:
    """Return the sigmoid focal loss of each class of each query (Lin et al., 2017)."""
    probability = torch.sigmoid(logits)
    error = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    right = probability * target + (1.0 - probability) * (1.0 - target)
    balance = _FOCAL_ALPHA * target + (1.0 - _FOCAL_ALPHA) * (1.0 - target)
    return balance * error * (1.0 - right) ** _FOCAL_GAMMA


def dice_losses(logits: Float[Tensor, "M P"], target: Float[Tensor, "M P"]) -> Float[Tensor, " M"]:
    """Return 1 - dice of pairs of masks, 1 added above and below."""
    probability = torch.sigmoid(logits)
    shared = 2.0 * (probability * target).sum(1) + 1.0
    return 1.0 - shared / (probability.sum(1) + target.sum(1) + 1.0)


def mask_losses(
    logits: Float[Tensor, "M Z Y X"],
    target: Bool[Tensor, "M Z Y X"],
    visible: Bool[Tensor, "Z Y X"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return cross-entropy and dice of matched masks, averaged over them.

    Both look at visible voxels alone. The cross-entropy is divided by all voxels, as released: the
    weight of 100 goes with that.
    """
    if not len(logits):
        nothing = logits.sum()
        return nothing, nothing
    seen_logits, seen = logits[:, visible], target[:, visible].float()
    error = functional.binary_cross_entropy_with_logits(seen_logits, seen, reduction="sum")
    return error / (len(logits) * visible.numel()), dice_losses(seen_logits, seen).mean()


def class_loss(
    logits: Float[Tensor, "Q K"], label: Int64[Tensor, " Q"], num_matched: int
) -> Float[Tensor, ""]:
    """Return the focal loss of classes; label -1 is no object, the target of all zeros."""
    target = functional.one_hot(label.clamp_min(0), logits.shape[1]).to(logits.dtype)
    target = target * (label >= 0)[:, None]
    return focal_terms(logits, target).sum() / max(num_matched, 1)


def localization_loss(
    answers: Answers, targets: FrameTargets, rows: Int64[Tensor, " M"], things: Int64[Tensor, " M"]
) -> Float[Tensor, ""]:
    """Return the L1 error of centres (m) and of velocities (m/s, a fifth), over matched things.

    What is not known is not supervised. The inner weight of the released code, 0.25, is here too.
    """
    if not len(rows):
        return answers.centres_base.sum() * 0.0
    off_m = (answers.centres_base[rows] - targets.centres_base[things]).abs().sum(1)
    off_mps = (answers.velocities_base[rows] - targets.velocities_base[things]).abs().sum(1)
    known = torch.isfinite(off_mps)
    wrong = off_m + 0.2 * torch.where(known, off_mps, 0.0)
    return 0.25 * wrong.mean()


def semantic_loss(
    logits: Float[Tensor, "K Z Y X"], targets: FrameTargets, classes: VoxelClasses
) -> Float[Tensor, ""]:
    """Return the weighted cross-entropy of the dense head over visible voxels."""
    weights = logits.new_tensor(classes.weights) if classes.weights else None
    seen = logits[:, targets.visible].T
    if not len(seen):
        return logits.sum() * 0.0
    return functional.cross_entropy(seen, targets.semantics[targets.visible], weights)


def depth_loss(
    logits: Float[Tensor, "V D h w"], depth_m: Float[Tensor, "V H W"] | None, bins: DepthBinsConfig
) -> Float[Tensor, ""]:
    """Return the cross-entropy of each bin (BEVDepth) over cells with a return."""
    if depth_m is None:
        return logits.sum() * 0.0
    index = depth_bins(depth_m, (logits.shape[2], logits.shape[3]), bins)
    known = index >= 0
    if not bool(known.any()):
        return logits.sum() * 0.0
    probability = logits.float().softmax(1).movedim(1, -1)[known]
    target = functional.one_hot(index[known], bins.num).to(probability.dtype)
    error = functional.binary_cross_entropy(
        probability.clamp(1e-7, 1 - 1e-7), target, reduction="sum"
    )
    return error / known.sum()


def match_costs(
    answers: Answers,
    labels: Int64[Tensor, " G"],
    masks: Bool[Tensor, "G Z Y X"],
    visible: Bool[Tensor, "Z Y X"],
) -> Float[Tensor, "Q G"]:
    """Return what it would cost to give each object to each query: class 2, mask 5, dice 5."""
    with torch.no_grad():
        logits = answers.class_logits.float()
        yes = focal_terms(logits, torch.ones_like(logits))
        no = focal_terms(logits, torch.zeros_like(logits))
        by_class = (yes - no)[:, labels]
        said = answers.mask_logits.float()[:, visible]  # Q P
        seen = masks[:, visible].float()  # G P
        num = max(seen.shape[1], 1)
        # -log p = softplus(x) - x where the mask is, softplus(x) elsewhere
        by_mask = (functional.softplus(said).sum(1)[:, None] - said @ seen.T) / num
        probability = torch.sigmoid(said)
        total = probability.sum(1)[:, None] + seen.sum(1)[None]
        by_dice = 1.0 - (2.0 * probability @ seen.T + 1.0) / (total + 1.0)
        return 2.0 * by_class + 5.0 * by_mask + 5.0 * by_dice
