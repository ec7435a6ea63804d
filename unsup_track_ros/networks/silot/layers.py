# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the parts of SILOT share: perceptrons, Gaussians, glimpses, spatial attention."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.shapes import Float

_LOGIT_LIMIT = 10.0  # SPECS 4.2: logits of deviations and of presence are clipped


class Linear(nn.Linear):
    """A linear layer in two operations: batched over networks, `addmm` would take four."""

    def forward(self, value: Tensor) -> Tensor:
        """Return W x + b."""
        return value @ self.weight.T + self.bias


class Convolution(nn.Conv2d):
    """A convolution as one product of matrices.

    Batched over networks a convolution is a grouped one, which is many times slower on a GPU.
    """

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D Y X"]:
        """Return the filtered image; borders are padded as the layer says."""
        size, stride, margin = self.kernel_size[0], self.stride[0], int(self.padding[0])
        padded = functional.pad(image, (margin,) * 4) if margin else image
        if size == 1:
            patches = padded.permute(0, 2, 3, 1)
        else:
            patches = padded.unfold(2, size, stride).unfold(3, size, stride)  # B C Y X K K
            patches = patches.permute(0, 2, 3, 1, 4, 5)
        num_batch, rows, columns = patches.shape[:3]
        flat = patches.reshape(num_batch * rows * columns, -1)
        assert self.bias is not None
        filtered = flat @ self.weight.flatten(1).T + self.bias
        return filtered.reshape(num_batch, rows, columns, -1).permute(0, 3, 1, 2)


class Perceptron(nn.Sequential):
    """Linear layers with ReLU between them."""

    def __init__(self, num_in: int, hidden: tuple[int, ...], num_out: int) -> None:
        sizes = (num_in, *hidden)
        layers: list[nn.Module] = []
        for size_in, size_out in itertools.pairwise(sizes):
            layers += [Linear(size_in, size_out), nn.ReLU()]
        super().__init__(*layers, Linear(sizes[-1], num_out))


def clipped_logit(logit: Tensor) -> Tensor:
    """Clip a logit to where its sigmoid still has a gradient."""
    return functional.hardtanh(logit, -_LOGIT_LIMIT, _LOGIT_LIMIT)


def deviation(logit: Tensor) -> Tensor:
    """Turn a logit into a standard deviation in (0, 2)."""
    return 2.0 * torch.sigmoid(clipped_logit(logit))


def gaussian_kl(mean: Tensor, std: Tensor, prior_mean: Tensor, prior_std: Tensor) -> Tensor:
    """Return KL(N(mean, std²) || N(prior_mean, prior_std²)) of each element."""
    shift = (mean - prior_mean) / prior_std
    ratio = std / prior_std
    return 0.5 * (ratio.square() + shift.square() - 1.0) - torch.log(ratio)


def scale_gradient(value: Tensor, factor: Tensor | None) -> Tensor:
    """Return the value, with its gradient multiplied by a factor (0 stops it); None leaves it."""
    if factor is None:
        return value
    return value * factor + (value * (1.0 - factor)).detach()


def glimpses(
    image: Float[Tensor, "B C H W"], where: Float[Tensor, "B N 4"], anchor_px: int, side_px: int
) -> Float[Tensor, "B N G"]:
    """Cut boxes out of an image, resampled bilinearly to squares; black outside the image.

    Args:
        image: Frames.
        where: Centre y, x and height, width of each box, in anchors.
        anchor_px: Side of the anchor.
        side_px: Side of a glimpse.

    Returns:
        Glimpses, flattened from (C, side, side).
    """
    num_batch, channels, height_px, width_px = image.shape
    num_boxes = where.shape[1]
    step = (torch.arange(side_px, device=image.device, dtype=image.dtype) + 0.5) / side_px - 0.5
    # In the coordinates of grid_sample (align_corners=False) the image spans -1..1.
    y = (where[..., 0:1] + where[..., 2:3] * step) * (2.0 * anchor_px / height_px) - 1.0
    x = (where[..., 1:2] + where[..., 3:4] * step) * (2.0 * anchor_px / width_px) - 1.0
    shape = (num_batch, num_boxes, side_px, side_px)
    grid = torch.stack([x[:, :, None, :].expand(shape), y[:, :, :, None].expand(shape)], dim=-1)
    sampled = functional.grid_sample(
        image, grid.reshape(num_batch, num_boxes * side_px, side_px, 2), align_corners=False
    )
    sampled = sampled.reshape(num_batch, channels, num_boxes, side_px * side_px)
    return sampled.transpose(1, 2).reshape(num_batch, num_boxes, channels * side_px * side_px)


class SpatialAttention(nn.Module):
    """Gather what lies near a place (SPECS 4.3 step 1; supplement B of the paper).

    V(q) = sum_j MLP([f_j, l_j - l_q, g_q]) N(l_j - l_q; 0, s²), over the objects j nearest to q.
    The first layer of the MLP is linear in f_j, l_j, l_q and g_q, so its products are formed per
    object and per query and only added per pair.

    Divergence: the sum runs over the `max_neighbours` nearest objects instead of all. What is
    farther than a few s weighs nothing, and the cost stays linear in the number of objects.
    """

    def __init__(self, num_features: int, num_query: int, num_out: int, std: float) -> None:
        super().__init__()
        self._std = std
        self.of_object = Linear(num_features, 64)
        self.of_query = nn.Linear(num_query, 64, bias=False) if num_query else None
        self.of_offset = nn.Linear(2, 64, bias=False)
        self.of_pair = nn.Sequential(nn.ReLU(), Linear(64, 64), nn.ReLU(), Linear(64, num_out))

    def forward(
        self,
        query_centre: Float[Tensor, "B Q 2"],
        query_features: Float[Tensor, "B Q G"] | None,
        centre: Float[Tensor, "B N 2"],
        features: Float[Tensor, "B N F"],
        max_neighbours: int,
    ) -> Float[Tensor, "B Q O"]:
        """Return what each query place is told; centres in anchors."""
        hidden = self.of_object(features) + self.of_offset(centre)
        query = -self.of_offset(query_centre)
        if self.of_query is not None:
            query = query + self.of_query(query_features)
        offset = centre[:, None] - query_centre[:, :, None]
        pair = hidden[:, None] + query[:, :, None]
        if centre.shape[1] > max_neighbours:
            near = offset.square().sum(-1).topk(max_neighbours, dim=-1, largest=False).indices
            offset = offset.gather(2, near[..., None].expand(*near.shape, 2))
            num_batch, num_query, _ = near.shape
            flat = near.reshape(num_batch, -1, 1).expand(-1, -1, hidden.shape[-1])
            gathered = hidden.gather(1, flat)
            pair = gathered.reshape(num_batch, num_query, -1, hidden.shape[-1]) + query[:, :, None]
        density = torch.exp(offset.square().sum(-1, keepdim=True) / (-2.0 * self._std**2))
        density = density / (2.0 * math.pi * self._std**2)
        told: Tensor = (self.of_pair(pair) * density).sum(dim=2)
        return told
