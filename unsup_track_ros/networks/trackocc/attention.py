# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Deformable attention in images and volumes, by `grid_sample` (Zhu et al., Deformable DETR, 2021).

A query looks at a few places around its reference point, of its own choice:

    out = sum_h W_h [ sum_l,p  a_hlp * W'_h value_l(reference + offset_hlp) ]

The weights `a` sum to 1 over levels and places. The same code serves 2-D and 3-D.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.networks.trackocc.frames import CameraFrames, seen_in_images
from unsup_track_ros.shapes import Float


class DeformableAttention(nn.Module):
    """Queries look into maps of features."""

    def __init__(
        self,
        num_axes: int,
        channels: int,
        value_channels: int,
        num_heads: int,
        levels_points: tuple[int, int],
    ) -> None:
        """Build it.

        Args:
            num_axes: 2 for images, 3 for volumes.
            channels: Of queries and answers.
            value_channels: Of the maps.
            num_heads: Heads.
            levels_points: Maps, and places that a head looks at in each.
        """
        super().__init__()
        self.num_axes, self.num_heads = num_axes, num_heads
        self.num_levels, self.num_points = levels_points
        num_places = num_heads * self.num_levels * self.num_points
        self.offsets = nn.Linear(channels, num_places * num_axes)
        self.weights = nn.Linear(channels, num_places)
        self.values = nn.Linear(value_channels, channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)
        with torch.no_grad():
            self.offsets.bias.copy_(self._first_offsets())

    def _first_offsets(self) -> Float[Tensor, " O"]:
        """Return the first offsets: each head in its own direction, each place farther."""
        angle = torch.arange(self.num_heads) * (2 * math.pi / self.num_heads)
        direction = torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)], dim=-1)
        # In a volume every second head looks up or down too.
        direction[:, 2] = torch.tensor([0.0, 0.5, 0.0, -0.5]).repeat(self.num_heads)[
            : self.num_heads
        ]
        far = torch.arange(1, self.num_points + 1, dtype=torch.float32)
        offsets = direction[:, None, None, : self.num_axes] * far[:, None]
        return offsets.expand(-1, self.num_levels, -1, -1).reshape(-1)

    def forward(
        self,
        query: Float[Tensor, "B Q C"],
        reference: Float[Tensor, "B Q n"],
        maps: Sequence[Tensor],
    ) -> Float[Tensor, "B Q C"]:
        """Look.

        Args:
            query: What looks.
            reference: Where, 0 to 1 along x, y (and z) of every map.
            maps: (B, value_channels, *sizes), one per level; sizes in the order z, y, x.
        """
        batch, num = query.shape[:2]
        heads, levels, points = self.num_heads, self.num_levels, self.num_points
        offsets = self.offsets(query).reshape(batch, num, heads, levels, points, self.num_axes)
        weights = self.weights(query).reshape(batch, num, heads, levels * points).softmax(-1)
        weights = weights.reshape(batch, num, heads, levels, points)
        total = query.new_zeros(batch * heads, query.shape[-1] // heads, num)
        for level, level_map in enumerate(maps):
            value = self._value(level_map)
            size_xyz = query.new_tensor(level_map.shape[:1:-1])
            place = reference[:, :, None, None] + offsets[:, :, :, level] / size_xyz  # B Q H P n
            place = place.transpose(1, 2).flatten(0, 1)  # BH Q P n
            seen = sampled(value, place)  # BH c Q P
            weight = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)  # BH Q P
            total = total + (seen * weight[:, None]).sum(-1)
        answer = total.reshape(batch, query.shape[-1], num).transpose(1, 2)
        out: Tensor = self.out(answer)
        return out

    def _value(self, level_map: Tensor) -> Tensor:
        """Return a map, projected, its heads as a batch: (B H) c *sizes."""
        batch, sizes = level_map.shape[0], level_map.shape[2:]
        value: Tensor = self.values(level_map.flatten(2).transpose(1, 2)).transpose(1, 2)
        return value.reshape(batch * self.num_heads, -1, *sizes)


def sampled(
    value: Float[Tensor, "N c *sizes"], place: Float[Tensor, "N Q P n"]
) -> Float[Tensor, "N c Q P"]:
    """Return (tri)linear samples of maps at places, 0 to 1 along x, y (, z); 0 beyond the border.

    The first cell spans 0 to 1 / size: its middle is where its value stands.
    """
    grid = 2.0 * place - 1.0
    if value.dim() == 4:
        return functional.grid_sample(value, grid, align_corners=False)
    return functional.grid_sample(value, grid[:, :, :, None], align_corners=False)[..., 0]


class CameraAttention(nn.Module):
    """Places of the volume look into the images that see them, and average over these cameras.

    (Li et al., BEVFormer, 2022, eq. 3, with the middle of the cell as its only reference point.)
    """

    def __init__(
        self, channels: int, value_channels: int, num_heads: int, levels_points: tuple[int, int]
    ) -> None:
        super().__init__()
        self.attention = DeformableAttention(2, channels, value_channels, num_heads, levels_points)

    def forward(
        self,
        query: Float[Tensor, "B Q C"],
        centres_base: Float[Tensor, "Q 3"],
        maps: Sequence[Tensor],
        frames: CameraFrames,
    ) -> Float[Tensor, "B Q C"]:
        """Look; what no camera sees gets 0.

        Args:
            query: One per place.
            centres_base: The places.
            maps: (B V, value_channels, h, w) per level.
            frames: The cameras.
        """
        batch, num, channels = query.shape
        share, inside = seen_in_images(centres_base, frames)
        share, inside = share.flatten(0, 1), inside.flatten(0, 1)  # BV Q 2, BV Q
        # Every camera takes what it sees, padded to as many as the camera that sees most.
        most = max(int(inside.sum(1).max()), 1)
        row = torch.argsort((~inside).to(torch.int8), dim=1, stable=True)[:, :most]  # BV M
        taken = inside.gather(1, row)
        frame = torch.arange(batch, device=query.device).repeat_interleave(len(row) // batch)
        looking = query[frame[:, None], row]  # BV M C
        reference = share.gather(1, row[..., None].expand(-1, -1, 2))
        seen = self.attention(looking, reference, maps)[taken]
        target = (frame[:, None] * num + row)[taken]
        total = query.new_zeros(batch * num, channels).index_add(0, target, seen.to(query.dtype))
        count = inside.reshape(batch, -1, num).sum(1).clamp_min(1)
        return total.reshape(batch, num, channels) / count[..., None]
