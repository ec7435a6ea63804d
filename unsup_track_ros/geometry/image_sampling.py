# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reading images between their pixels, on CPU and CUDA alike.

Pixel centres lie at integer coordinates (`align_corners=True` in torch's words).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.shapes import Float


def sample_bilinear(
    image: Float[Tensor, "C H W"], points_pix: Float[Tensor, "P 2"]
) -> Float[Tensor, "C P"]:
    """Read an image between its pixels; what lies outside counts as 0."""
    grid = _normalised(points_pix.reshape(1, 1, -1, 2), image.shape[-1], image.shape[-2])
    return functional.grid_sample(image[None], grid, align_corners=True)[0, :, 0]


def _normalised(points_pix: Tensor, width: int, height: int) -> Tensor:
    """Scale pixels to torch's [-1, 1], -1 and 1 being the centres of the outer pixels."""
    last = torch.tensor([width - 1, height - 1], dtype=points_pix.dtype, device=points_pix.device)
    return points_pix * (2.0 / last.clamp(min=1)) - 1.0
