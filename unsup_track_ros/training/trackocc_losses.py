# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The terms of TrackOcc's objective (SPECS 2.4), for frames of several clips at once.

Every term is a mean over the things, queries or voxels of a frame. Here the frames of a batch lie
side by side, so each row comes with its share in the mean of its frame; terms are sums over frames.
"""

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
_LEAST = 1e-6


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


def dice_losses(
    logits: Float[Tensor, "M P"], target: Float[Tensor, "M P"], seen: Float[Tensor, "M P"]
) -> Float[Tensor, " M"]:
    """Return 1 - dice of pairs of masks where they are seen, 1 added above and below."""
    probability = torch.sigmoid(logits) * seen
    shared = 2.0 * (probability * target).sum(1) + 1.0
    return 1.0 - shared / (probability.sum(1) + target.sum(1) + 1.0)


def mask_losses(
    logits: Float[Tensor, "M Z Y X"],
    target: Bool[Tensor, "M Z Y X"],
    visible: Bool[Tensor, "M Z Y X"],
    share: Float[Tensor, " M"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return cross-entropy and dice of matched masks, weighted by their shares.

    Both look at visible voxels alone. The cross-entropy is divided by all voxels, as released: the
    weight of 100 goes with that.
    """
    seen = visible.flatten(1).float()
    true = target.flatten(1).float() * seen
    said = logits.flatten(1)
    error = functional.binary_cross_entropy_with_logits(said, true, weight=seen, reduction="none")
    return error.mean(1) @ share, dice_losses(said, true, seen) @ share


def class_loss(
    logits: Float[Tensor, "Q K"], label: Int64[Tensor, " Q"], share: Float[Tensor, " Q"]
) -> Float[Tensor, ""]:
    """Return the focal loss of classes; label -1 is no object, the target of all zeros."""
    target = functional.one_hot(label.clamp_min(0), logits.shape[1]).to(logits.dtype)
    target = target * (label >= 0)[:, None]
    return focal_terms(logits, target).sum(1) @ share


def localization_loss(
    answers: Answers,
    targets: FrameTargets,
    pairs: tuple[Int64[Tensor, " M"], Int64[Tensor, " M"]],
    share: Float[Tensor, " M"],
) -> Float[Tensor, ""]:
    """Return the L1 error of centres (m) and of velocities (m/s, a fifth), over matched things.

    What is not known is not supervised. The inner weight of the released code, 0.25, is here too.

    Args:
        answers: What was said.
        targets: What is there.
        pairs: Rows of answers, and the thing of each.
        share: Of each pair in the mean of its frame.
    """
    rows, things = pairs
    off_m = answers.centres_base.index_select(0, rows) - targets.centres_base[things]
    true_mps = targets.velocities_base[things]
    known = torch.isfinite(true_mps)
    off_mps = answers.velocities_base.index_select(0, rows) - torch.where(known, true_mps, 0.0)
    wrong = off_m.abs().sum(1) + 0.2 * (off_mps.abs() * known).sum(1)
    return 0.25 * (wrong @ share)


def semantic_loss(
    logits: Float[Tensor, "B K Z Y X"],
    semantics: Int64[Tensor, "B Z Y X"],
    visible: Bool[Tensor, "B Z Y X"],
    classes: VoxelClasses,
) -> Float[Tensor, ""]:
    """Return the weighted cross-entropy of the dense head over visible voxels."""
    weights = logits.new_tensor(classes.weights or (1.0,) * len(classes))
    error = functional.cross_entropy(logits, semantics, weights, reduction="none")
    counted = weights[semantics] * visible
    total = counted.flatten(1).sum(1).clamp_min(_LEAST)
    return ((error * visible).flatten(1).sum(1) / total).sum()


def depth_loss(
    logits: Float[Tensor, "B V D h w"],
    depth_m: Float[Tensor, "B V H W"] | None,
    bins: DepthBinsConfig,
) -> Float[Tensor, ""]:
    """Return the cross-entropy of each bin (BEVDepth) over cells with a return."""
    if depth_m is None:
        return logits.sum() * 0.0
    index = depth_bins(depth_m.flatten(0, 1), (logits.shape[3], logits.shape[4]), bins)
    known = index >= 0  # N h w
    probability = logits.flatten(0, 1).float().softmax(1).clamp(1e-7, 1 - 1e-7)
    target = functional.one_hot(index.clamp_min(0), bins.num).movedim(-1, 1)
    error = functional.binary_cross_entropy(
        probability, target.to(probability.dtype), weight=known[:, None].float(), reduction="none"
    )
    num = torch.unflatten(known, 0, depth_m.shape[:2]).flatten(1).sum(1).clamp_min(1)
    return (torch.unflatten(error, 0, depth_m.shape[:2]).flatten(1).sum(1) / num).sum()


def match_costs(
    answers: Answers,
    labels: Int64[Tensor, " G"],
    masks: Bool[Tensor, "G Z Y X"],
    visible: Bool[Tensor, "B Z Y X"],
) -> Float[Tensor, "Q G"]:
    """Return what it would cost to give each object to each query: class 2, mask 5, dice 5.

    Only the costs of queries and objects of one frame mean anything.

    Args:
        answers: Of queries to the frames.
        labels: Class of each object.
        masks: Its voxels.
        visible: Of each frame.
    """
    with torch.no_grad():
        logits = answers.class_logits.float()
        yes = focal_terms(logits, torch.ones_like(logits))
        no = focal_terms(logits, torch.zeros_like(logits))
        by_class = (yes - no)[:, labels]
        seen = visible[answers.frame].flatten(1).float()  # Q P
        said = answers.mask_logits.float().flatten(1)
        true = masks.flatten(1).float()  # G P
        # -log p = softplus(x) - x where the mask is, softplus(x) elsewhere
        wrong = (functional.softplus(said) * seen).sum(1)[:, None] - (said * seen) @ true.T
        by_mask = wrong / seen.sum(1).clamp_min(1.0)[:, None]
        probability = torch.sigmoid(said) * seen
        total = probability.sum(1)[:, None] + seen @ true.T
        by_dice = 1.0 - (2.0 * probability @ true.T + 1.0) / (total + 1.0)
        return 2.0 * by_class + 5.0 * by_mask + 5.0 * by_dice
