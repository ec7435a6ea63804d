# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Targets and losses of RetinaTrack: focal, Huber, and BatchHard triplets (SPECS 1.2).

Every shape is fixed by the batch alone and nothing waits for a value, so a whole training step can
be one CUDA graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.networks.retinatrack.anchors import encode_boxes, pairwise_iou
from unsup_track_ros.shapes import Bool, Float, Int64

MATCHED_IOU: Final = 0.5  # from here on an anchor is positive
_FOCAL_ALPHA: Final = 0.25  # RetinaNet, table 1b
_FOCAL_GAMMA: Final = 2.0
_NO_COSINE: Final = -1e4  # over any temperature
_NO_DISTANCE: Final = 1e-12  # keeps the gradient of a square root at 0 finite


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnchorTargets:
    """What each anchor of B images stands for.

    Attributes:
        box: Row of its box among the image's M, -1 for background.
        identity: Row of the box whose track it is a sample of, -1 for none.
    """

    box: Int64[Tensor, "B A"]
    identity: Int64[Tensor, "B A"]


def assign_targets(
    anchors: Float[Tensor, "A 4"],
    boxes: Float[Tensor, "B M 4"],
    is_object: Bool[Tensor, "B M"],
    identity_iou: float,
) -> AnchorTargets:
    """Match anchors to boxes by IoU.

    An anchor takes the box that it overlaps most, from `MATCHED_IOU` on, and its identity from
    `identity_iou` on. Every box also gets the anchor nearest to it, however small the overlap;
    where two boxes share that anchor, it takes the one that it overlaps more. Of equals the first
    counts.
    """
    iou = pairwise_iou(anchors, boxes) * is_object[:, None, :]
    best_iou, best_box = iou.max(dim=2)
    box = torch.where(best_iou >= MATCHED_IOU, best_box, -1)
    identity = torch.where(best_iou >= identity_iou, best_box, -1)
    nearest = iou.argmax(dim=1)  # B M
    index = torch.arange(len(anchors), device=anchors.device)
    is_nearest = (index[:, None] == nearest[:, None, :]) & (iou > 0)
    forced_iou, forced_box = torch.where(is_nearest, iou, -1.0).max(dim=2)
    return AnchorTargets(box=torch.where(forced_iou > 0, forced_box, box), identity=identity)


def focal_loss(
    logits: Float[Tensor, "B A N"], box: Int64[Tensor, "B A"], classes: Int64[Tensor, "B M"]
) -> Float[Tensor, ""]:
    """Return the sigmoid focal loss (Lin et al. 2017, eq. 5), per positive anchor."""
    positive = box >= 0
    of_anchor = classes.gather(1, box.clamp_min(0))
    index = torch.arange(logits.shape[2], device=logits.device)
    target = ((of_anchor[..., None] == index) & positive[..., None]).to(logits.dtype)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    right = torch.exp(-entropy)  # probability of what is true
    weight = _FOCAL_ALPHA * target + (1.0 - _FOCAL_ALPHA) * (1.0 - target)
    loss = weight * (1.0 - right) ** _FOCAL_GAMMA * entropy
    return loss.sum() / positive.sum().clamp_min(1)


def box_loss(
    offsets: Float[Tensor, "B A 4"],
    anchors: Float[Tensor, "A 4"],
    boxes: Float[Tensor, "B M 4"],
    box: Int64[Tensor, "B A"],
) -> Float[Tensor, ""]:
    """Return the Huber loss of the offsets of positive anchors, per positive anchor."""
    positive = box >= 0
    wanted = boxes.gather(1, box.clamp_min(0)[..., None].expand(-1, -1, 4))
    # Background has no box; its own anchor keeps the logarithm away from nothing.
    wanted = torch.where(positive[..., None], wanted, anchors)
    target = encode_boxes(wanted, anchors.expand_as(wanted))
    loss = functional.huber_loss(offsets, target, reduction="none").sum(dim=2)
    return (loss * positive).sum() / positive.sum().clamp_min(1)


def batch_hard_loss(
    embeddings: Float[Tensor, "C A E"],
    identity: Int64[Tensor, "C A"],
    order: Float[Tensor, "C A"],
    margin: float,
    num_triplets: int,
    *,
    across_clips: bool = False,
) -> Float[Tensor, ""]:
    """Return the BatchHard triplet loss (paper, eq. 7; Hermans et al. 2017), mean over triplets.

    SoftPlus(margin + farthest of the same track - nearest of another), with the Euclidean
    distance, not squared. Anchors that no other track can be compared with form no triplet.

    Divergence: the paper writes a sum over 64 sampled triplets; the mean does not depend on how
    many there are. Only the hardest pairs have a gradient, so distances are searched without one
    and those that count are computed anew. The paper's triplets stay within a clip, of which each
    shows dozens of cars; with `across_clips` every sampled anchor forms a second triplet, with
    the nearest sampled anchor of another clip. Instead of the first, not beside it, it would let
    all embeddings fall together at the start: among so many strangers one is always near.

    Args:
        embeddings: Of all anchors of both frames of C clips.
        identity: Track of each anchor, -1 for none; unique within a clip, and over all clips with
            `across_clips`.
        order: Random numbers, 0 to 1: which anchors are sampled.
        margin: m of the paper.
        num_triplets: Most anchors sampled in each clip.
        across_clips: Whether tracks of other clips form triplets too.
    """
    query = _sampled(identity, order, num_triplets)
    of_query = identity.gather(1, query)
    same = of_query[:, :, None] == identity[:, None, :]
    other = ~same & (identity >= 0)[:, None, :]
    anchor = _rows(embeddings, query)
    with torch.no_grad():
        distance = torch.cdist(anchor, embeddings)
        farthest = torch.where(same, distance, -1.0).argmax(dim=2)
        nearest = torch.where(other, distance, torch.inf).argmin(dim=2)
        counts = (of_query >= 0) & other.any(dim=2)
    positive = _distance(anchor, _rows(embeddings, farthest))
    negative = _distance(anchor, _rows(embeddings, nearest))
    loss = functional.softplus(margin + positive - negative)
    total, number = torch.where(counts, loss, 0.0).sum(), counts.sum()
    if across_clips:
        flat, track = anchor.flatten(0, 1), of_query.flatten()
        clip = torch.arange(len(anchor), device=flat.device)
        clip = clip[:, None].expand_as(of_query).flatten()
        with torch.no_grad():
            other = (track[:, None] != track) & (clip[:, None] != clip) & (track >= 0)
            nearest = torch.where(other, torch.cdist(flat, flat), torch.inf).argmin(dim=1)
            counts = (track >= 0) & other.any(dim=1)
        negative = _distance(flat, _rows(flat[None], nearest[None])[0])
        loss = functional.softplus(margin + positive.flatten() - negative)
        total, number = total + torch.where(counts, loss, 0.0).sum(), number + counts.sum()
    return total / number.clamp_min(1)


def contrastive_loss(
    embeddings: Float[Tensor, "C A E"],
    identity: Int64[Tensor, "C A"],
    order: Float[Tensor, "C A"],
    temperature: float,
    num_sampled: int,
) -> Float[Tensor, ""]:
    """Return the contrastive loss of the sampled anchors of a step (Sohn 2016, eq. 6).

    Of two anchors of one track their cosine is to stand out from the cosines with all anchors of
    other tracks, of all clips: log(1 + sum over others exp((c_other - c_pair) / temperature)), the
    mean over pairs of an anchor, then over anchors. What trackers compare is what is trained.

    Not in the paper, which has BatchHard: there one pair decides, and where a track has many
    anchors its two least alike are farther apart than a stranger, so that all fall together.

    Args:
        embeddings: Of all anchors of both frames of C clips; only directions count.
        identity: Track of each anchor, -1 for none; unique over all clips.
        order: Random numbers, 0 to 1: which anchors are sampled.
        temperature: Of the cosines.
        num_sampled: Most anchors sampled in each clip.
    """
    query = _sampled(identity, order, num_sampled)
    track = identity.gather(1, query).flatten()
    direction = functional.normalize(_rows(embeddings, query).flatten(0, 1), dim=1)
    cosine = direction @ direction.T / temperature
    known = track >= 0
    same = track[:, None] == track
    other = ~same & known
    pair = same & known & ~torch.eye(len(track), dtype=torch.bool, device=track.device)
    others = torch.where(other, cosine, _NO_COSINE).logsumexp(dim=1)
    loss = functional.softplus(others[:, None] - cosine)
    num_pairs = pair.sum(dim=1)
    counts = known & (num_pairs > 0) & other.any(dim=1)
    mean = torch.where(pair, loss, 0.0).sum(dim=1) / num_pairs.clamp_min(1)
    return torch.where(counts, mean, 0.0).sum() / counts.sum().clamp_min(1)


def _sampled(
    identity: Int64[Tensor, "C A"], order: Float[Tensor, "C A"], most: int
) -> Int64[Tensor, "C Q"]:
    """Return anchors drawn in each clip, those of tracks first."""
    drawn = torch.where(identity >= 0, order, -1.0)
    return drawn.topk(min(most, drawn.shape[1]), dim=1).indices


def _rows(embeddings: Float[Tensor, "C A E"], index: Int64[Tensor, "C Q"]) -> Tensor:
    return embeddings.gather(1, index[..., None].expand(-1, -1, embeddings.shape[2]))


def _distance(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).square().sum(dim=-1).clamp_min(_NO_DISTANCE).sqrt()
