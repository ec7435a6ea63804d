# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The differentiable renderer: sprites of objects to a frame (SPECS 4.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.networks.silot.config import SilotConfig
from unsup_track_ros.networks.silot.layers import Perceptron
from unsup_track_ros.networks.silot.objects import Objects
from unsup_track_ros.shapes import Float, Int64

_FULL_DEPTH = 0.25  # depth at which an opaque sprite has importance 1
_MIN_IMPORTANCE = 0.01
# Sprites fade out over the last half pixel at their border; below this nothing touches the pixel.
_TOUCHING = 1e-4


class SpriteDecoder(nn.Module):
    """Turns appearance into sprites: colour and opacity of each pixel."""

    def __init__(self, config: SilotConfig) -> None:
        super().__init__()
        self._config = config
        num_out = (config.image_channels + 1) * config.sprite_px**2
        self.layers = Perceptron(config.what_size, (128, 256), num_out)

    def forward(
        self, objects: Objects
    ) -> tuple[Float[Tensor, "B N C S S"], Float[Tensor, "B N 1 S S"]]:
        """Return colours and opacities, 0 to 1; the opacity of an absent object is 0."""
        config = self._config
        side = config.sprite_px
        logits = self.layers(objects.what).reshape(*objects.what.shape[:2], -1, side, side)
        color = torch.sigmoid(config.color_logit_scale * logits[:, :, :-1])
        opacity_logit = config.alpha_logit_scale * logits[:, :, -1:] + config.alpha_logit_offset
        return color, torch.sigmoid(opacity_logit) * objects.presence[..., None, None]


def window_side_px(config: SilotConfig) -> int:
    """Return how large a window must be for the largest box, with the border where it fades."""
    return math.ceil(config.anchor_px * (1 + 1 / config.sprite_px)) + 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layers:
    """What each sprite paints, in a window as large as the largest box.

    Attributes:
        value: Colour over the background.
        weight: Importance.
        pixel: Where in the flattened image the window's pixels lie.
    """

    value: Float[Tensor, "B N C V U"]
    weight: Float[Tensor, "B N 1 V U"]
    pixel: Int64[Tensor, "B N V U"]

    def weighted(self) -> Float[Tensor, "B N D V U"]:
        """Return weighted colours and weights: what is added up."""
        return torch.cat([self.weight * self.value, self.weight], dim=2)


def window_for_px(boxes_px: Float[Tensor, "B N 4"], sprite_px: int, largest_px: int) -> int:
    """Return how large a window must be for the largest of these boxes, `largest_px` at most."""
    side_px = float((boxes_px[..., 2:] - boxes_px[..., :2]).amax())
    return min(math.ceil(side_px * (1 + 1 / sprite_px)) + 1, largest_px)


def render(
    color: Float[Tensor, "B N C S S"],
    opacity: Float[Tensor, "B N 1 S S"],
    depth: Float[Tensor, "B N 1"],
    boxes_px: Float[Tensor, "B N 4"],
    background: Float[Tensor, "B C H W"],
    window_px: int,
) -> Float[Tensor, "B C H W"]:
    """Paint sprites over a background; where several meet, their mean weighted by importance.

    Each sprite is painted into a window as large as the largest box, and the windows are added up
    in the frame, so that the cost is linear in the number of objects at any size of the frame.

    Args:
        color: Colours of the sprites.
        opacity: Their opacities, presence included.
        depth: 0 to 1, greater is nearer.
        boxes_px: Top, left, bottom, right in pixels.
        background: What shows where nothing covers it.
        window_px: Side of the windows; see `window_side_px`.
    """
    layers = paint(color, opacity, depth, boxes_px, background, window_px)
    sums = added(layers.weighted(), layers.pixel, background)
    return mean_color(sums, background, dim=1)


def paint(
    color: Float[Tensor, "B N C S S"],
    opacity: Float[Tensor, "B N 1 S S"],
    depth: Float[Tensor, "B N 1"],
    boxes_px: Float[Tensor, "B N 4"],
    background: Float[Tensor, "B C H W"],
    window_px: int,
) -> Layers:
    """Paint each sprite over the background for itself; arguments as for `render`."""
    importance = (opacity * depth[..., None, None] / _FULL_DEPTH).clamp_min(_MIN_IMPORTANCE)
    sprite = torch.cat([color, opacity, importance, torch.ones_like(importance)], dim=2)
    # Sprites fade out half of their pixels beyond the box.
    first_px = boxes_px[..., :2] - (boxes_px[..., 2:] - boxes_px[..., :2]) / (2 * color.shape[-1])
    rows = _window_pixels(first_px[..., 0], window_px, background.shape[2])
    columns = _window_pixels(first_px[..., 1], window_px, background.shape[3])
    painted = _sample(sprite, _sprite_grid(boxes_px, rows, columns))
    color_pix, alpha, weight, coverage = torch.split(painted, [color.shape[2], 1, 1, 1], dim=2)
    pixel = rows[..., :, None] * background.shape[3] + columns[..., None, :]
    behind = windows(background, pixel)
    # Outside of the sprite the colour is the background's.
    value = behind + alpha * (color_pix - coverage * behind)
    return Layers(value=value, weight=weight, pixel=pixel)


def mean_color(sums: Tensor, background: Tensor, dim: int) -> Tensor:
    """Return the mean colour of what was added up; the background where nothing was.

    Args:
        sums: Sums of weighted colours and, last, of weights, along `dim`.
        background: What shows where nothing was added, of one entry less along `dim`.
        dim: Where colours and weights lie.
    """
    colors, total = torch.split(sums, [sums.shape[dim] - 1, 1], dim=dim)
    return torch.where(total > _TOUCHING, colors / total.clamp_min(_TOUCHING), background)


def windows(
    background: Float[Tensor, "B C H W"], pixel: Int64[Tensor, "B N V U"]
) -> Float[Tensor, "B N C V U"]:
    """Return what an image shows in each window."""
    num_batch, channels = background.shape[:2]
    if pixel.shape[2:] == background.shape[2:]:
        return background[:, None].expand(-1, pixel.shape[1], -1, -1, -1)
    index = pixel.flatten(1)[:, None].expand(-1, channels, -1)
    found = background.flatten(2).gather(2, index)
    return found.reshape(num_batch, channels, *pixel.shape[1:]).transpose(1, 2)


def added(
    layers: Float[Tensor, "B N D V U"],
    pixel: Int64[Tensor, "B N V U"],
    background: Float[Tensor, "B C H W"],
) -> Float[Tensor, "B D H W"]:
    """Add the windows up where they lie in the frame."""
    num_batch, _, num_layers = layers.shape[:3]
    size = background.shape[2:]
    if pixel.shape[2:] == size:  # each window is the whole frame
        return layers.sum(dim=1)
    index = pixel.flatten(1)[:, None].expand(-1, num_layers, -1)
    empty = layers.new_zeros(num_batch, num_layers, size[0] * size[1])
    added = empty.scatter_add(2, index, layers.transpose(1, 2).flatten(2))
    return added.reshape(num_batch, num_layers, *size)


def _window_pixels(
    first_edge_px: Float[Tensor, "B N"], window_px: int, image_px: int
) -> Int64[Tensor, "B N V"]:
    """Return the rows or columns of each window, moved to lie inside the image."""
    side_px = min(window_px, image_px)
    first = first_edge_px.detach().floor().clamp(0, image_px - side_px).to(torch.int64)
    return first[..., None] + torch.arange(side_px, device=first.device)


def _sprite_grid(boxes_px: Tensor, rows: Tensor, columns: Tensor) -> Float[Tensor, "B N V U 2"]:
    """Return where in the sprite, -1..1 from edge to edge, the centre of each pixel lies."""
    top, left, bottom, right = boxes_px.unbind(-1)
    y = 2.0 * (rows + 0.5 - top[..., None]) / (bottom - top).clamp_min(1e-6)[..., None] - 1.0
    x = 2.0 * (columns + 0.5 - left[..., None]) / (right - left).clamp_min(1e-6)[..., None] - 1.0
    shape = (*rows.shape, columns.shape[-1])
    return torch.stack([x[..., None, :].expand(shape), y[..., :, None].expand(shape)], dim=-1)


def _sample(sprite: Float[Tensor, "B N C S S"], grid: Float[Tensor, "B N V U 2"]) -> Tensor:
    sampled = functional.grid_sample(sprite.flatten(0, 1), grid.flatten(0, 1), align_corners=False)
    return sampled.reshape(*sprite.shape[:3], *grid.shape[2:4])
