# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From what the network says of anchors to boxes: offsets and non-maximum suppression."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.retinatrack.anchors import decode_boxes, pairwise_iou
from unsup_track_ros.networks.retinatrack.model import RetinaTrackOutput
from unsup_track_ros.shapes import Bool, Float, Int64

_SMALLEST_PX = 1.0  # what is left of a box beyond the border is no box


class DecodingConfig(Config):
    """Which boxes are kept."""

    max_candidates: int = parameter(400, "Best anchors that are looked at.", ge=1)
    max_detections: int = parameter(100, "Most boxes of an image (paper: 100).", ge=1)
    nms_iou: float = parameter(
        0.5, "Of two boxes of a class that overlap more, the surer stays.", gt=0, le=1
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectedBoxes:
    """Boxes of B images, surest first; what is left of D places has score 0.

    Attributes:
        boxes_px: Left, top, right, bottom, cut at the border of the image.
        scores: 0 to 1.
        classes: Index of the class.
        embeddings: Appearance.
    """

    boxes_px: Float[Tensor, "B D 4"]
    scores: Float[Tensor, "B D"]
    classes: Int64[Tensor, "B D"]
    embeddings: Float[Tensor, "B D E"]


def decode(
    output: RetinaTrackOutput,
    anchors: Float[Tensor, "A 4"],
    size_px: tuple[int, int],
    config: DecodingConfig,
) -> DetectedBoxes:
    """Return the boxes of images of a height and a width."""
    num_batch, _, num_classes = output.class_logits.shape
    flat = output.class_logits.sigmoid().reshape(num_batch, -1)
    scores, best = flat.topk(min(config.max_candidates, flat.shape[1]), dim=1)
    anchor, classes = best // num_classes, best % num_classes
    offsets = output.offsets.gather(1, anchor[..., None].expand(-1, -1, 4))
    limit = anchors.new_tensor([size_px[1], size_px[0]] * 2)
    boxes = decode_boxes(offsets, anchors[anchor]).clamp_min(0.0).minimum(limit)
    kept = suppress(boxes, scores, classes, config.nms_iou)
    kept &= (boxes[..., 2:] - boxes[..., :2] >= _SMALLEST_PX).all(dim=-1)
    number = min(config.max_detections, scores.shape[1])
    scores, order = torch.where(kept, scores, 0.0).topk(number, dim=1)
    anchor = anchor.gather(1, order)
    size = output.embeddings.shape[2]
    return DetectedBoxes(
        boxes_px=boxes.gather(1, order[..., None].expand(-1, -1, 4)),
        scores=scores,
        classes=classes.gather(1, order),
        embeddings=output.embeddings.gather(1, anchor[..., None].expand(-1, -1, size)),
    )


def suppress(
    boxes: Float[Tensor, "B D 4"],
    scores: Float[Tensor, "B D"],
    classes: Int64[Tensor, "B D"],
    max_iou: float,
) -> Bool[Tensor, "B D"]:
    """Tell which boxes survive greedy non-maximum suppression within their class.

    A box stays if no surer one that stays overlaps it by more than `max_iou`. All images at once:
    starting from all boxes this is repeated until nothing changes, which is after as many rounds
    as the longest chain of boxes that suppress one another, a handful.

    Args:
        boxes: Left, top, right, bottom.
        scores: Equal scores count in their order.
        classes: Boxes of different classes leave each other alone.
        max_iou: Overlap from which the less sure one goes.
    """
    order = scores.argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(dim=1)
    same = classes[:, :, None] == classes[:, None, :]
    surer = rank[:, None, :] < rank[:, :, None]  # column before row
    beaten = (pairwise_iou(boxes, boxes) > max_iou) & same & surer
    kept = torch.ones_like(scores, dtype=torch.bool)
    while True:
        now = ~(beaten & kept[:, None, :]).any(dim=2)
        if torch.equal(now, kept):
            return kept
        kept = now
