# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Anchor boxes, and boxes as offsets from them (Ren et al., Faster R-CNN; Lin et al., RetinaNet).

Rectangles are left, top, right, bottom in pixels; pixel (0, 0) spans 0 to 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unsup_track_ros.networks.retinatrack.config import RetinaTrackConfig
from unsup_track_ros.shapes import Float

# Offsets are scaled to about unit variance, as in Faster R-CNN: centre by 10, log of size by 5.
_CENTRE_SCALE = 10.0
_SIZE_SCALE = 5.0
_LARGEST_LOG = math.log(1000.0 / 16)  # of a size relative to its anchor: exp must not overflow


def anchor_boxes(
    config: RetinaTrackConfig, height_px: int, width_px: int, device: torch.device
) -> Float[Tensor, "A 4"]:
    """Return the anchors of all levels, by level, then anchor k, then row, then column."""
    parts = []
    for stride in config.strides_px:
        rows, columns = math.ceil(height_px / stride), math.ceil(width_px / stride)
        y = (torch.arange(rows, device=device) + 0.5) * stride
        x = (torch.arange(columns, device=device) + 0.5) * stride
        half = 0.5 * _shapes_px(config, stride, device)[:, None, None]
        place = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)[None]
        parts.append(torch.cat([place - half, place + half], dim=-1).reshape(-1, 4))
    return torch.cat(parts)


def _shapes_px(
    config: RetinaTrackConfig, stride: int, device: torch.device
) -> Float[Tensor, "K 2"]:
    """Return width and height of the K anchors of a level; all of a scale have one area."""
    side = config.anchor_px * stride
    shapes = [
        (side * scale / math.sqrt(ratio), side * scale * math.sqrt(ratio))
        for ratio in config.anchor_ratios
        for scale in config.anchor_scales
    ]
    return torch.tensor(shapes, device=device)


def encode_boxes(
    boxes: Float[Tensor, "*S 4"], anchors: Float[Tensor, "*S 4"]
) -> Float[Tensor, "*S 4"]:
    """Return boxes as offsets (x, y, log width, log height) from anchors."""
    centre, size = _centre_size(boxes)
    anchor_centre, anchor_size = _centre_size(anchors)
    shift = (centre - anchor_centre) / anchor_size * _CENTRE_SCALE
    growth = torch.log(size.clamp_min(1e-3) / anchor_size) * _SIZE_SCALE
    return torch.cat([shift, growth], dim=-1)


def decode_boxes(
    offsets: Float[Tensor, "*S 4"], anchors: Float[Tensor, "*S 4"]
) -> Float[Tensor, "*S 4"]:
    """Return the boxes that offsets mean: the inverse of `encode_boxes`."""
    anchor_centre, anchor_size = _centre_size(anchors)
    centre = anchor_centre + offsets[..., :2] / _CENTRE_SCALE * anchor_size
    size = anchor_size * torch.exp((offsets[..., 2:] / _SIZE_SCALE).clamp(max=_LARGEST_LOG))
    return torch.cat([centre - 0.5 * size, centre + 0.5 * size], dim=-1)


def pairwise_iou(
    boxes0: Float[Tensor, "... N 4"], boxes1: Float[Tensor, "... M 4"]
) -> Float[Tensor, "... N M"]:
    """Return the IoU of all pairs; 0 for boxes without area."""
    first, second = boxes0[..., :, None, :], boxes1[..., None, :, :]
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp_min(0.0).prod(-1)
    whole = _area(first) + _area(second) - shared
    return shared / whole.clamp_min(1e-9)


def _area(boxes: Float[Tensor, "*S 4"]) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp_min(0.0).prod(-1)


def _centre_size(boxes: Float[Tensor, "*S 4"]) -> tuple[Tensor, Tensor]:
    return 0.5 * (boxes[..., :2] + boxes[..., 2:]), boxes[..., 2:] - boxes[..., :2]
