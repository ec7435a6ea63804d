# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Attention over the compact volume: cells look at each other and back into the images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unsup_track_ros.networks.image_backbone import group_norm
from unsup_track_ros.networks.trackocc.attention import CameraAttention, DeformableAttention
from unsup_track_ros.networks.trackocc.config import TrackOccConfig
from unsup_track_ros.networks.trackocc.frames import (
    CameraFrames,
    cell_centres_base,
    share_of_volume,
)
from unsup_track_ros.shapes import Float


class FeedForward(nn.Module):
    """Two layers beside the identity, normalised."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels)
        )
        self.norm = nn.LayerNorm(channels)

    def forward(self, value: Tensor) -> Tensor:
        """Return the layer's output."""
        out: Tensor = self.norm(value + self.layers(value))
        return out


class OccupancyEncoderLayer(nn.Module):
    """Deformable self-attention in the volume, attention to the cameras, feed-forward."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        channels, heads = config.channels, config.num_heads
        self.within = DeformableAttention(3, channels, channels, heads, (1, config.encoder_points))
        self.within_norm = nn.LayerNorm(channels)
        levels_points = (config.pyramid_levels, config.camera_points)
        self.cameras = CameraAttention(channels, config.pyramid_channels, heads, levels_points)
        self.cameras_norm = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels, config.ffn_channels)


class OccupancyEncoder(nn.Module):
    """Layers of attention whose result is fused with what they began from."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        self._shape = config.compact_shape_zyx
        self._grid = config.grid.grid
        channels, compact = config.channels, config.compact_channels
        self.enter = nn.Linear(compact, channels)
        # The code of a place is that of its x, its y and its z, side by side.
        self.places = nn.ParameterList(
            nn.Parameter(0.02 * torch.randn(num, share))
            for num, share in zip(self._shape[::-1], config.place_channels_xyz, strict=True)
        )
        self.layers = nn.ModuleList(
            OccupancyEncoderLayer(config) for _ in range(config.encoder_layers)
        )
        self.leave = nn.Linear(channels, compact)
        self.fuse = nn.Sequential(
            nn.Conv3d(2 * compact, compact, 3, padding=1, bias=False),
            group_norm(compact),
            nn.ReLU(),
        )

    def forward(
        self, compact: Float[Tensor, "B c z y x"], levels: Sequence[Tensor], frames: CameraFrames
    ) -> Float[Tensor, "B c z y x"]:
        """Return the compact volume with what attention added; without layers as it was."""
        if not len(self.layers):
            return compact
        query = self.enter(compact.flatten(2).transpose(1, 2))  # B Q C
        centres_base = cell_centres_base(self._grid, self._shape, compact.device)
        reference = share_of_volume(self._grid, centres_base).expand(len(compact), -1, -1)
        place = self._place_codes()
        for layer in self.layers:
            assert isinstance(layer, OccupancyEncoderLayer)
            value = query.transpose(1, 2).unflatten(2, self._shape)
            looked = layer.within(query + place, reference, [value])
            query = layer.within_norm(query + looked)
            looked = layer.cameras(query + place, centres_base, levels, frames)
            query = layer.cameras_norm(query + looked)
            query = layer.feed_forward(query)
        added = self.leave(query).transpose(1, 2).unflatten(2, self._shape)
        fused: Tensor = self.fuse(torch.cat([compact, added], dim=1))
        return fused

    def _place_codes(self) -> Float[Tensor, "Q C"]:
        z, y, x = self._shape
        of_x, of_y, of_z = self.places
        codes = [
            of_x[None, None].expand(z, y, -1, -1),
            of_y[None, :, None].expand(z, -1, x, -1),
            of_z[:, None, None].expand(-1, y, x, -1),
        ]
        return torch.cat(codes, dim=-1).flatten(0, 2)
