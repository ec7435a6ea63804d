# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Golden values of the renderer: one sprite, two sprites, none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unsup_track_ros.networks.silot.renderer import render

SIDE = 4


def sprites(values: list[float], opacities: list[float]) -> tuple[Tensor, Tensor]:
    """Uniform sprites of one scene."""
    shape = (1, len(values), 1, SIDE, SIDE)
    color = torch.tensor(values).view(1, -1, 1, 1, 1).expand(shape)
    opacity = torch.tensor(opacities).view(1, -1, 1, 1, 1).expand(shape)
    return color, opacity


def painted(
    values: list[float],
    opacities: list[float],
    depths: list[float],
    boxes_px: list[list[float]],
    background: Tensor,
    window_px: int = 49,
) -> Tensor:
    """Render one scene."""
    color, opacity = sprites(values, opacities)
    depth = torch.tensor(depths).view(1, -1, 1)
    return render(color, opacity, depth, torch.tensor([boxes_px]), background, window_px)


BLACK = torch.zeros(1, 1, 12, 12)
BOX = [2.0, 2.0, 10.0, 10.0]


def test_one_half_transparent_white_sprite_on_black_is_grey() -> None:
    image = painted([1.0], [0.5], [0.2], [BOX], BLACK)
    assert image[0, 0, 6, 6].item() == pytest.approx(0.5, abs=1e-6)


def test_two_sprites_mix_by_importance() -> None:
    # Importance is opacity x depth / 0.25: 0.8 and 0.2.
    image = painted([1.0, 0.0], [1.0, 1.0], [0.2, 0.05], [BOX, BOX], BLACK)
    assert image[0, 0, 6, 6].item() == pytest.approx(0.8, abs=1e-5)


def test_the_background_shows_where_nothing_covers_it() -> None:
    background = torch.rand(1, 1, 12, 12)
    image = painted([1.0], [1.0], [0.5], [BOX], background)
    # A sprite of 4 pixels on 8 px fades out within 1 px around its box.
    assert torch.equal(image[0, 0, 0], background[0, 0, 0])
    assert torch.equal(image[0, 0, :, 11], background[0, 0, :, 11])
    assert image[0, 0, 6, 6].item() == pytest.approx(1.0, abs=1e-6)


def test_an_absent_sprite_leaves_the_background() -> None:
    background = torch.rand(1, 1, 12, 12)
    image = painted([1.0], [0.0], [0.5], [BOX], background)
    assert torch.allclose(image, background, atol=1e-6)


def test_small_windows_paint_what_one_window_of_the_whole_frame_paints() -> None:
    generator = torch.Generator().manual_seed(0)
    background = torch.rand(2, 3, 40, 50, generator=generator)
    color = torch.rand(2, 6, 3, SIDE, SIDE, generator=generator)
    opacity = torch.rand(2, 6, 1, SIDE, SIDE, generator=generator)
    depth = torch.rand(2, 6, 1, generator=generator)
    corner = torch.rand(2, 6, 2, generator=generator) * 50 - 8  # some reach over the border
    boxes_px = torch.cat([corner, corner + 3 + 9 * torch.rand(2, 6, 2, generator=generator)], -1)
    small, whole = (render(color, opacity, depth, boxes_px, background, w) for w in (17, 50))
    assert torch.allclose(small, whole, atol=1e-5)


def test_gradients_reach_colour_opacity_depth_and_place() -> None:
    color, opacity = (part.clone().requires_grad_() for part in sprites([0.7, 0.2], [0.6, 0.9]))
    depth = torch.tensor([[[0.3], [0.6]]], requires_grad=True)
    boxes_px = torch.tensor([[[1.3, 2.2, 8.1, 9.4], [3.0, 3.0, 11.0, 10.0]]], requires_grad=True)
    target = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    loss = (render(color, opacity, depth, boxes_px, BLACK, 49) - target).square().sum()
    torch.autograd.backward(loss)
    for part in (color, opacity, depth, boxes_px):
        assert part.grad is not None
        assert torch.isfinite(part.grad).all()
        assert part.grad.abs().sum() > 0
