# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The box of an object is what is visible of it."""

from __future__ import annotations

import pytest
import torch

from unsup_track_ros.networks.silot.extent import extent_px

BOX = torch.tensor([[[10.0, 20.0, 18.0, 24.0]]])  # 8 px high, 4 px wide


def sprite(rows: slice, columns: slice, value: float = 1.0) -> torch.Tensor:
    """A sprite of 4 x 4 pixels, bright in a rectangle."""
    brightness = torch.zeros(1, 1, 4, 4)
    brightness[..., rows, columns] = value
    return brightness


def test_edges_lie_where_brightness_crosses_the_level_between_pixels() -> None:
    # Rows 1 and 2 are bright, so their centres are at 3 and 5 px of 8; half of full brightness is
    # reached half a sprite pixel (1 px) beyond. Column 3 is bright: its centre is at 3.5 px of 4.
    edges = extent_px(sprite(slice(1, 3), slice(3, 4)), BOX, 0.5)
    assert edges[0, 0].tolist() == pytest.approx([12.0, 23.0, 16.0, 24.0], abs=1e-5)


def test_a_lower_level_gives_a_larger_box() -> None:
    low, high = (extent_px(sprite(slice(1, 3), slice(1, 3)), BOX, at)[0, 0] for at in (0.1, 0.9))
    assert (low[:2] < high[:2]).all()
    assert (low[2:] > high[2:]).all()


def test_an_object_that_shows_nothing_keeps_its_box() -> None:
    assert torch.equal(extent_px(sprite(slice(1, 3), slice(1, 3), 0.1), BOX, 0.5), BOX)


def test_a_fully_bright_sprite_ends_at_its_border() -> None:
    edges = extent_px(sprite(slice(None), slice(None)), BOX, 0.5)
    assert edges[0, 0].tolist() == pytest.approx(BOX[0, 0].tolist(), abs=1e-5)
