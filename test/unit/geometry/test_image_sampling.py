# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reading between pixels: hand-made images."""

from __future__ import annotations

import pytest
import torch

from unsup_track_ros.geometry.image_sampling import sample_bilinear


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
