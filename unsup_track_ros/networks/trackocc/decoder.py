# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Queries look into the volume and answer: class, mask, centre and velocity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.networks.trackocc.attention import DeformableAttention
from unsup_track_ros.networks.trackocc.config import TrackOccConfig
from unsup_track_ros.networks.trackocc.frames import place_in_volume, share_of_volume
from unsup_track_ros.networks.trackocc.occupancy_encoder import FeedForward
from unsup_track_ros.shapes import Float, Int64

_EDGE = 1e-4  # shares of the volume are kept this far from 0 and 1: their logits are finite
_OBJECT_M = 4.0  # about the size of an object: what distances from its centre are measured in
_FIRST_PROBABILITY = 0.01  # RetinaNet, section 4.1: what every query says of every class at first


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Queries:
    """Q queries of one frame.

    Attributes:
        features: What they carry.
        positions: Code of what they look for.
        centres_base: Where they look first, metres.
    """

    features: Float[Tensor, "Q C"]
    positions: Float[Tensor, "Q C"]
    centres_base: Float[Tensor, "Q 3"]

    def joined(self, other: Queries) -> Queries:
        """Return these and others behind them."""
        return Queries(
            features=torch.cat([self.features, other.features]),
            positions=torch.cat([self.positions, other.positions]),
            centres_base=torch.cat([self.centres_base, other.centres_base]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What Q queries say of one frame.

    Attributes:
        features: Their features after the decoder.
        positions: Their codes, unchanged.
        class_logits: Of each class of the vocabulary, by sigmoid.
        mask_logits: Of each voxel.
        centres_base: Middle of the object, metres.
        velocities_base: Over ground in axes of base, m/s.
    """

    features: Float[Tensor, "Q C"]
    positions: Float[Tensor, "Q C"]
    class_logits: Float[Tensor, "Q K"]
    mask_logits: Float[Tensor, "Q Z Y X"]
    centres_base: Float[Tensor, "Q 3"]
    velocities_base: Float[Tensor, "Q 3"]

    def chosen(self, rows: Int64[Tensor, " R"] | slice) -> Answers:
        """Return some of them, in the order of `rows`."""
        return Answers(**{name: getattr(self, name)[rows] for name in self.__slots__})


class FreshQueries(nn.Module):
    """Learned queries that know nothing yet, each with a place where it looks first."""

    def __init__(self, config: TrackOccConfig, num: int) -> None:
        super().__init__()
        self._grid = config.grid.grid
        self.positions = nn.Parameter(torch.randn(num, config.channels))
        self.features = nn.Parameter(torch.randn(num, config.channels))
        self.reference = nn.Linear(config.channels, 3)
        # Spread over the volume from the start: logits of deviation 1.6 are about uniform shares.
        nn.init.normal_(self.reference.weight, std=1.6 / math.sqrt(config.channels))
        nn.init.zeros_(self.reference.bias)

    def forward(self) -> Queries:
        """Return them."""
        share = torch.sigmoid(self.reference(self.positions))
        return Queries(
            features=self.features,
            positions=self.positions,
            centres_base=place_in_volume(self._grid, share),
        )


class DecoderLayer(nn.Module):
    """Look into the volume, look at each other, refine where to look."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        channels, heads = config.channels, config.num_heads
        self.across = DeformableAttention(
            3, channels, config.compact_channels, heads, (1, config.decoder_points)
        )
        self.across_norm = nn.LayerNorm(channels)
        self.within = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.within_norm = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels, config.ffn_channels)
        self.refine = nn.Linear(channels, 3)
        nn.init.zeros_(self.refine.weight)
        nn.init.zeros_(self.refine.bias)

    def forward(
        self,
        features: Float[Tensor, "Q C"],
        positions: Float[Tensor, "Q C"],
        share: Float[Tensor, "Q 3"],
        compact: Float[Tensor, "c z y x"],
    ) -> tuple[Float[Tensor, "Q C"], Float[Tensor, "Q 3"]]:
        """Return the features after it, and where to look next."""
        value, code = features[None], positions[None]
        looked = self.across(value + code, share[None], [compact[None]])
        value = self.across_norm(value + looked)
        asked = value + code
        looked, _ = self.within(asked, asked, value, need_weights=False)
        value = self.feed_forward(self.within_norm(value + looked))[0]
        return value, torch.sigmoid(torch.logit(share, eps=_EDGE) + self.refine(value))


class Decoder(nn.Module):
    """Layers, and the heads over the last one."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        self._grid = config.grid.grid
        channels, num_classes = config.channels, len(config.classes)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.classes = nn.Linear(channels, num_classes)
        nn.init.constant_(self.classes.bias, -math.log(1.0 / _FIRST_PROBABILITY - 1.0))
        self.masks = nn.Sequential(
            nn.Linear(channels, channels),
            nn.ReLU(),
            nn.Linear(channels, channels),
            nn.ReLU(),
            nn.Linear(channels, channels),
        )
        # Where the mask of a thing has its middle, from its centre, and how tightly it keeps to it.
        self.locality = nn.Linear(channels, 4) if config.mask_locality else None
        self.velocity = nn.Linear(channels, 3)
        if self.locality is not None:
            nn.init.normal_(self.locality.weight, std=0.01)
            nn.init.zeros_(self.locality.bias)
        nn.init.zeros_(self.velocity.weight)
        nn.init.zeros_(self.velocity.bias)

    def forward(
        self,
        queries: Queries,
        compact: Float[Tensor, "c z y x"],
        mask_features: Float[Tensor, "C Z Y X"],
        num_things: int,
    ) -> Answers:
        """Answer for one frame; the first so many queries ask for things."""
        features = queries.features
        share = share_of_volume(self._grid, queries.centres_base).clamp(_EDGE, 1.0 - _EDGE)
        for layer in self.layers:
            features, share = layer(features, queries.positions, share, compact)
        masks = torch.einsum("qc,czyx->qzyx", self.masks(features), mask_features)
        masks = masks / math.sqrt(features.shape[1])
        centres_base = place_in_volume(self._grid, share)
        if self.locality is not None:
            local = self.locality(features[:num_things])
            # Detached: the mask may look elsewhere than the centre, but not move it.
            middles_base = centres_base[:num_things].detach() + _OBJECT_M * local[:, :3]
            scale = functional.softplus(local[:, 3:]) / _OBJECT_M**2
            away = self._away(middles_base, scale)
            masks = torch.cat([masks[:num_things] - away, masks[num_things:]])
        return Answers(
            features=features,
            positions=queries.positions,
            class_logits=self.classes(features),
            mask_logits=masks,
            centres_base=centres_base,
            velocities_base=self.velocity(features),
        )

    def _away(
        self, middles_base: Float[Tensor, "T 3"], scale: Float[Tensor, "T 1"]
    ) -> Float[Tensor, "T Z Y X"]:
        """Return the squared distance of every voxel from each middle, times a scale."""
        grid = self._grid
        parts = []
        for axis, num in enumerate(grid.shape_zyx[::-1]):
            low, side_m = grid.minimum_m[axis], grid.voxel_m[axis]
            place = low + (torch.arange(num, device=scale.device) + 0.5) * side_m
            parts.append(scale * (place - middles_base[:, axis, None]) ** 2)
        x, y, z = parts
        return z[:, :, None, None] + y[:, None, :, None] + x[:, None, None]
