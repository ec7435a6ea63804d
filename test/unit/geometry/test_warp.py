# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sampling and warping: hand-made images."""

from __future__ import annotations

import pytest
import torch

from unsup_track_ros.geometry.warp import sample_bilinear, splat_coverage, warp


def ramp(height: int = 4, width: int = 6) -> torch.Tensor:
    return torch.arange(height * width, dtype=torch.float32).reshape(1, height, width)


def test_pixel_centres_lie_at_integers_and_between_them_it_is_linear() -> None:
    points = torch.tensor([[0.0, 0.0], [5.0, 3.0], [1.5, 0.0], [0.0, 0.5], [2.25, 1.5]])
    values = sample_bilinear(ramp(), points)[0]
    assert values.tolist() == pytest.approx([0.0, 23.0, 1.5, 3.0, 11.25], abs=1e-5)


def test_outside_counts_as_zero_and_half_outside_by_half() -> None:
    points = torch.tensor([[-2.0, 0.0], [5.5, 3.0], [9.0, 9.0]])
    values = sample_bilinear(ramp(), points)[0]
    assert values.tolist() == pytest.approx([0.0, 11.5, 0.0], abs=1e-5)


def test_no_points_give_no_values() -> None:
    assert sample_bilinear(ramp(), torch.zeros(0, 2)).shape == (1, 0)


def test_zero_flow_returns_the_image_itself() -> None:
    torch.testing.assert_close(warp(ramp(), torch.zeros(2, 4, 6)), ramp())


def test_a_flow_to_the_right_fetches_from_the_right() -> None:
    flow = torch.zeros(2, 4, 6)
    flow[0] = 2.0
    warped = warp(ramp(), flow)
    torch.testing.assert_close(warped[0, 0], torch.tensor([2.0, 3.0, 4.0, 5.0, 0.0, 0.0]))


def test_the_quirk_shifts_by_half_a_pixel_at_the_borders_and_not_in_the_middle() -> None:
    quirk = warp(ramp(3, 5), torch.zeros(2, 3, 5), half_pixel_quirk=True)
    # Column x is read at x * 5/4 - 1/2: half a pixel outside, 0.75, 2, 3.25, half a pixel outside.
    # The middle row is read at itself.
    assert quirk[0, 1].tolist() == pytest.approx([2.5, 5.75, 7.0, 8.25, 4.5], abs=1e-5)


def test_every_pixel_is_covered_where_nothing_moves() -> None:
    assert splat_coverage(torch.zeros(2, 3, 4)).all()


def test_a_pixel_lands_on_the_four_around_its_target() -> None:
    flow = torch.full((2, 4, 5), 100.0)
    flow[:, 0, 0] = torch.tensor([1.5, 1.25])
    expected = torch.zeros(4, 5, dtype=torch.bool)
    expected[1:3, 1:3] = True
    assert torch.equal(splat_coverage(flow), expected)


def test_a_pixel_just_outside_still_touches_the_border() -> None:
    flow = torch.full((2, 3, 3), 100.0)
    flow[:, 0, 0] = torch.tensor([-0.5, -0.5])
    expected = torch.zeros(3, 3, dtype=torch.bool)
    expected[0, 0] = True
    assert torch.equal(splat_coverage(flow), expected)
