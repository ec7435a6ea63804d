# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What each object explains of a frame that the others do not."""

from __future__ import annotations

import torch
from torch import Tensor

from unsup_track_ros.networks.silot.model import Silot, cross_entropy
from unsup_track_ros.networks.silot.objects import Objects
from unsup_track_ros.networks.silot.renderer import (
    added,
    mean_color,
    paint,
    window_for_px,
    window_side_px,
    windows,
)
from unsup_track_ros.shapes import Float


def explained_nats(
    network: Silot, image: Float[Tensor, "B C H W"], objects: Objects
) -> Float[Tensor, "B N"]:
    """Return by how much the frame is explained worse when one object is left out.

    Args:
        network: Renders the objects.
        image: The frame, 0 to 1 on black.
        objects: The objects, with their presence.

    Returns:
        The rise of the cross-entropy in nats; next to nothing for an object that lies where another
        explains the same, and for an absent one.
    """
    config = network.config
    black = torch.zeros_like(image)
    boxes_px = objects.boxes_px(config.anchor_px)
    color, opacity = network.decoder(objects)
    there_px = boxes_px * (objects.presence > 0)
    window_px = window_for_px(there_px, config.sprite_px, window_side_px(config))
    layers = paint(color, opacity, objects.depth, boxes_px, black, window_px)
    own = layers.weighted()
    together = windows(added(own, layers.pixel, black), layers.pixel)
    behind, seen = (windows(part, layers.pixel) for part in (black, image))
    # What is left where the object was alone is rounding: it must not count as something.
    without = mean_color((together - own).clamp_min(0.0), behind, dim=2)
    best = mean_color(together, behind, dim=2)
    return (cross_entropy(without, seen) - cross_entropy(best, seen)).sum((2, 3, 4))
