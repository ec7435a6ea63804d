# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sampling and warping of images by optical flow, on CPU and CUDA alike.

Pixel centres lie at integer coordinates everywhere (`align_corners=True` in torch's words), so that
a flow of zero returns the image itself, up to its last row and column.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.shapes import Bool, Float


def sample_bilinear(
    image: Float[Tensor, "C H W"], points_pix: Float[Tensor, "P 2"]
) -> Float[Tensor, "C P"]:
    """Read an image between its pixels; what lies outside counts as 0."""
    grid = _normalised(points_pix.reshape(1, 1, -1, 2), image.shape[-1], image.shape[-2])
    return functional.grid_sample(image[None], grid, align_corners=True)[0, :, 0]


def warp(
    image1: Float[Tensor, "C H W"],
    flow01_px: Float[Tensor, "2 H W"],
    *,
    half_pixel_quirk: bool = False,
) -> Float[Tensor, "C H W"]:
    """Bring image 1 onto the pixels of image 0: `warped(p) = image1(p + flow01(p))`, 0 outside.

    Args:
        image1: Image (or flow, or mask as float) on the pixels of frame 1.
        flow01_px: Channels (x, y); moves pixels of frame 0 to frame 1.
        half_pixel_quirk: Shift the samples as the released TCR code does (SPECS 0.3): it divides by
            size - 1 but samples with `align_corners=False`, up to half a pixel at the borders. Only
            for reproducing its numbers.
    """
    return sample_grid(image1, targets(flow01_px), half_pixel_quirk=half_pixel_quirk)


def targets(flow01_px: Float[Tensor, "2 H W"]) -> Float[Tensor, "H W 2"]:
    """Return where `warp` reads, in torch's [-1, 1]: worked out once for several images."""
    still, per_pixel = _still_grid(*flow01_px.shape[-2:], flow01_px.device)
    return torch.addcmul(still, flow01_px.permute(1, 2, 0), per_pixel)


def sample_grid(
    image1: Float[Tensor, "C H W"],
    grid: Float[Tensor, "H W 2"],
    *,
    half_pixel_quirk: bool = False,
) -> Float[Tensor, "C H W"]:
    """Warp an image to the `targets` of a flow; see `warp`."""
    align_corners = not half_pixel_quirk
    return functional.grid_sample(image1[None], grid[None], align_corners=align_corners)[0]


def splat_coverage(flow10_px: Float[Tensor, "2 H W"]) -> Bool[Tensor, "H W"]:
    """Tell which pixels of frame 0 some pixel of frame 1 lands on (SPECS 0.3, item 1).

    A pixel of frame 1, moved by the flow, lands on the four pixels around its target.
    """
    height, width = flow10_px.shape[-2:]
    target = _pixel_grid(height, width, flow10_px.device) + flow10_px
    # Cells between pixels, with one ring around the image (corner -1 still touches it) and a second
    # one that takes what flows out of it.
    x, y = target[0].floor_().clamp_(-2, width), target[1].floor_().clamp_(-2, height)
    # Floats hold these indices exactly up to images of 16 million pixels.
    index = y.add_(2).mul_(width + 3).add_(x).add_(2).long()
    cell = torch.zeros((height + 3) * (width + 3), dtype=torch.bool, device=flow10_px.device)
    cell.index_fill_(0, index.reshape(-1), True)
    cell = cell.reshape(height + 3, width + 3)[1:-1, 1:-1]
    return cell[1:, 1:] | cell[1:, :-1] | cell[:-1, 1:] | cell[:-1, :-1]


@functools.lru_cache(maxsize=4)
def _pixel_grid(height: int, width: int, device: torch.device) -> Tensor:
    """(2, H, W) x and y of every pixel; read only."""
    y = torch.arange(height, dtype=torch.float32, device=device)
    x = torch.arange(width, dtype=torch.float32, device=device)
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1])


@functools.lru_cache(maxsize=4)
def _still_grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Sampling places (H, W, 2) of a flow of zero, and (2,) how far a pixel of flow moves them."""
    pixels = _pixel_grid(height, width, device).permute(1, 2, 0)
    last = torch.tensor([width - 1, height - 1], dtype=torch.float32, device=device)
    return _normalised(pixels, width, height).contiguous(), 2.0 / last.clamp(min=1)


def _normalised(points_pix: Tensor, width: int, height: int) -> Tensor:
    """Scale pixels to torch's [-1, 1], -1 and 1 being the centres of the outer pixels."""
    last = torch.tensor([width - 1, height - 1], dtype=points_pix.dtype, device=points_pix.device)
    return points_pix * (2.0 / last.clamp(min=1)) - 1.0
