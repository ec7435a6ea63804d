# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the visible part of an object ends.

The boxes of the network are the frames of its sprites, which have dark margins that differ from
object to object. What is visible of a decoded sprite is the object itself.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.networks.silot.model import Silot
from unsup_track_ros.networks.silot.objects import Objects
from unsup_track_ros.shapes import Float


def visible_boxes_px(
    network: Silot, objects: Objects, visible_from: float
) -> Float[Tensor, "B N 4"]:
    """Return top, left, bottom, right of what each object would show were it present.

    Args:
        network: Decodes the objects.
        objects: The objects; presence is not looked at.
        visible_from: Brightness, colour times opacity, from which a part counts.
    """
    color, opacity = network.decoder(objects.with_presence(torch.ones_like(objects.presence)))
    brightness = (color * opacity).amax(dim=2)
    return extent_px(brightness, objects.boxes_px(network.config.anchor_px), visible_from)


def extent_px(
    brightness: Float[Tensor, "B N S S"], boxes_px: Float[Tensor, "B N 4"], visible_from: float
) -> Float[Tensor, "B N 4"]:
    """Return the edges of what is at least so bright, interpolated between the sprite's pixels.

    An object that is nowhere so bright keeps its box.

    Args:
        brightness: Sprites, black beyond their border.
        boxes_px: Top, left, bottom, right of the sprites in the image.
        visible_from: Brightness at the edges.
    """
    first_y, last_y = _ends(brightness.amax(dim=3), visible_from)
    first_x, last_x = _ends(brightness.amax(dim=2), visible_from)
    top_left, bottom_right = torch.split(boxes_px, 2, dim=-1)
    side_px = bottom_right - top_left
    first, last = torch.stack([first_y, first_x], dim=-1), torch.stack([last_y, last_x], dim=-1)
    return torch.cat([top_left + first * side_px, top_left + last * side_px], dim=-1)


def _ends(
    profile: Float[Tensor, "B N S"], level: float
) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B N"]]:
    """Return where a profile over 0 to 1 first and last crosses a level; 0 and 1 if nowhere."""
    num = profile.shape[-1]
    padded = functional.pad(profile, (1, 1))
    above = padded >= level
    index = torch.arange(num + 2, device=profile.device)
    first = torch.where(above, index, num + 2).amin(dim=-1)
    last = torch.where(above, index, -1).amax(dim=-1)

    def crossing(inside: Tensor, outside: Tensor) -> Tensor:
        """Return the place between two neighbouring pixels, one above the level, one below."""
        bright, dark = (padded.gather(-1, i[..., None])[..., 0] for i in (inside, outside))
        share = ((bright - level) / (bright - dark).clamp_min(1e-6)).clamp(0.0, 1.0)
        return (inside + share * (outside - inside) - 0.5) / num

    visible = above.any(dim=-1)
    inner_first, inner_last = first.clamp(1, num), last.clamp(1, num)
    start = crossing(inner_first, inner_first - 1)
    end = crossing(inner_last, inner_last + 1)
    return torch.where(visible, start, 0.0), torch.where(visible, end, 1.0)
