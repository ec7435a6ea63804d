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
from unsup_track_ros.networks.trackocc.frames import (
    cell_centres_base,
    place_in_volume,
    share_of_volume,
)
from unsup_track_ros.networks.trackocc.occupancy_encoder import FeedForward
from unsup_track_ros.networks.trackocc.volume import SeenVolumes
from unsup_track_ros.shapes import Float, Int64, Shaped

_EDGE = 1e-4  # shares of the volume are kept this far from 0 and 1: their logits are finite
_OBJECT_M = 4.0  # about the size of an object: what distances from its centre are measured in
_FIRST_FALL = 0.4  # of the logit of a mask, per square metre from its middle
_NUM_WAVES = 6  # down to a 32nd of the volume
_FIRST_PROBABILITY = 0.01  # RetinaNet, section 4.1: what every query says of every class at first


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Queries:
    """Q queries to a batch of frames.

    Attributes:
        features: What they carry.
        positions: Code of what they look for.
        centres_base: Where they look first, metres.
        frame: Which frame of the batch each asks, and in base of which it is.
    """

    features: Float[Tensor, "Q C"]
    positions: Float[Tensor, "Q C"]
    centres_base: Float[Tensor, "Q 3"]
    frame: Int64[Tensor, " Q"]

    def joined(self, other: Queries) -> Queries:
        """Return these and others behind them."""
        return Queries(
            features=torch.cat([self.features, other.features]),
            positions=torch.cat([self.positions, other.positions]),
            centres_base=torch.cat([self.centres_base, other.centres_base]),
            frame=torch.cat([self.frame, other.frame]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What Q queries say of the frame that each asked.

    Attributes:
        frame: That frame, of the batch.
        features: Their features after the decoder.
        positions: Their codes, unchanged.
        class_logits: Of each class of the vocabulary, by sigmoid.
        mask_logits: Of each voxel.
        centres_base: Middle of the object, metres.
        velocities_base: Over ground in axes of base, m/s.
    """

    frame: Int64[Tensor, " Q"]
    features: Float[Tensor, "Q C"]
    positions: Float[Tensor, "Q C"]
    class_logits: Float[Tensor, "Q K"]
    mask_logits: Float[Tensor, "Q Z Y X"]
    centres_base: Float[Tensor, "Q 3"]
    velocities_base: Float[Tensor, "Q 3"]

    def __len__(self) -> int:
        return len(self.frame)

    def chosen(self, rows: Int64[Tensor, " R"]) -> Answers:
        """Return some of them, in the order of `rows`."""
        parts = {name: getattr(self, name).index_select(0, rows) for name in self.__slots__}
        return Answers(**parts)

    def joined(self, other: Answers) -> Answers:
        """Return these and others behind them."""
        parts = {
            name: torch.cat([getattr(self, name), getattr(other, name)]) for name in self.__slots__
        }
        return Answers(**parts)

    def parted(self, num: int) -> tuple[Answers, Answers]:
        """Return the first so many, and the others."""
        first = Answers(**{name: getattr(self, name)[:num] for name in self.__slots__})
        return first, Answers(**{name: getattr(self, name)[num:] for name in self.__slots__})


class FrameTable:
    """Rows that belong to frames of a batch, as a table with a line per frame, and back.

    What works on whole volumes wants as many rows for each of them; lines are padded with zeros.
    """

    def __init__(self, frame: Int64[Tensor, " Q"], num_frames: int) -> None:
        self._num_frames = num_frames
        if num_frames > 1:
            count = functional.one_hot(frame, num_frames).cumsum(0)
            self._width = int(count[-1].max())
            self._slot = frame * self._width + count.gather(1, frame[:, None])[:, 0] - 1
        # Who must not look at whom; None where all rows are of one frame.
        self.apart = frame[:, None] != frame if num_frames > 1 else None

    def spread(self, rows: Shaped[Tensor, Q * S]) -> Shaped[Tensor, "B W *S"]:
        """Return the table of rows."""
        if self._num_frames == 1:
            return rows[None]
        table = rows.new_zeros(self._num_frames * self._width, *rows.shape[1:])
        filled = table.index_copy(0, self._slot, rows)
        return torch.unflatten(filled, 0, (self._num_frames, self._width))

    def rows(self, table: Shaped[Tensor, "B W *S"]) -> Shaped[Tensor, Q * S]:
        """Return the rows of a table."""
        if self._num_frames == 1:
            return table[0]
        return table.flatten(0, 1).index_select(0, self._slot)


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

    def forward(self, seen: SeenVolumes) -> Queries:
        """Return them, once for every frame."""
        num_frames = len(seen.compact)
        share = torch.sigmoid(self.reference(self.positions))
        return Queries(
            features=self.features.repeat(num_frames, 1),
            positions=self.positions.repeat(num_frames, 1),
            centres_base=place_in_volume(self._grid, share).repeat(num_frames, 1),
            frame=_of_frames(num_frames, len(share), share.device),
        )


class PeakQueries(nn.Module):
    """Queries that begin where the dense head sees most of a thing (after TransFusion, 2022).

    They stand at the highest peaks over the plane, each as it ranks; their features are those of
    the voxel there. Not in the paper, whose queries begin at learned places.
    """

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        self._grid = config.grid.grid
        self._things = config.classes.things
        self.positions = nn.Parameter(torch.randn(config.thing_queries, config.channels))
        self.features = nn.Parameter(torch.randn(config.thing_queries, config.channels))
        self.from_voxel = nn.Linear(config.channels, config.channels)

    def forward(self, seen: SeenVolumes) -> Queries:
        """Return them for every frame, the highest peak first."""
        num, num_frames = len(self.positions), len(seen.compact)
        with torch.no_grad():
            voxel = self._peaks(seen.semantic_logits.float(), num)  # B K
            centres = cell_centres_base(self._grid, self._grid.shape_zyx, voxel.device)
            centres_base = centres[voxel.flatten()]
        places = voxel[:, None].expand(-1, seen.mask_features.shape[1], -1)
        found = seen.mask_features.flatten(2).gather(2, places).transpose(1, 2)  # B K C
        features = self.features + self.from_voxel(found)
        return Queries(
            features=features.flatten(0, 1),
            positions=self.positions.repeat(num_frames, 1),
            centres_base=centres_base,
            frame=_of_frames(num_frames, num, voxel.device),
        )

    def _peaks(self, logits: Float[Tensor, "B K Z Y X"], num: int) -> Int64[Tensor, "B N"]:
        """Return flat voxels: the surest of each column that stands out among its eight."""
        probability = logits.softmax(1)[:, list(self._things)].sum(1)  # B Z Y X
        column, layer = probability.max(1)  # B Y X
        beside = functional.max_pool2d(column[:, None], 3, stride=1, padding=1)[:, 0]
        height = torch.where(column == beside, column, column - 1.0)  # peaks first, then the rest
        cell = height.flatten(1).topk(num, dim=1).indices
        return layer.flatten(1).gather(1, cell) * column[0].numel() + cell


def _of_frames(num_frames: int, num: int, device: torch.device) -> Int64[Tensor, " Q"]:
    return torch.arange(num_frames, device=device).repeat_interleave(num)


class PlaceCode(nn.Module):
    """A code of a place in the volume, from waves of growing frequency (NeRF, section 5.1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * 3 * _NUM_WAVES, channels)

    def forward(self, share: Float[Tensor, "Q 3"]) -> Float[Tensor, "Q C"]:
        """Return the codes of places, 0 to 1 along each axis."""
        waves = math.pi * 2.0 ** torch.arange(_NUM_WAVES, device=share.device)
        angle = (share.detach()[..., None] * waves).flatten(1)
        code: Tensor = self.mix(torch.cat([angle.sin(), angle.cos()], dim=1))
        return code


class DecoderLayer(nn.Module):
    """Look into the volume, look at each other, refine where to look."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        channels, heads = config.channels, config.num_heads
        # Queries that begin at peaks must know from each other who is where.
        self.place = PlaceCode(channels) if config.query_start == "peaks" else None
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
        compact: Float[Tensor, "B c z y x"],
        table: FrameTable,
    ) -> tuple[Float[Tensor, "Q C"], Float[Tensor, "Q 3"]]:
        """Return the features after it, and where to look next."""
        code = positions if self.place is None else positions + self.place(share)
        looked = self.across(table.spread(features + code), table.spread(share), [compact])
        value = self.across_norm(features + table.rows(looked))
        asked = (value + code)[None]
        looked, _ = self.within(
            asked, asked, value[None], attn_mask=table.apart, need_weights=False
        )
        value = self.feed_forward(self.within_norm(value + looked[0]))
        return value, torch.sigmoid(torch.logit(share, eps=_EDGE) + self.refine(value))


class Decoder(nn.Module):
    """Layers, and the heads over the last one."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        self._grid = config.grid.grid
        self._things = config.classes.things if config.mask_semantics else ()
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
            if config.query_start == "peaks":
                # Near its object from the start, a query's first mask may reach as far as a small
                # one; queries anywhere need wide masks to overlap with any.
                nn.init.constant_(self.locality.bias[3], _OBJECT_M**2 * _FIRST_FALL)
        nn.init.zeros_(self.velocity.weight)
        nn.init.zeros_(self.velocity.bias)

    def forward(
        self,
        queries: Queries,
        seen: SeenVolumes,
        num_things: int,
    ) -> Answers:
        """Answer; the first so many queries ask for things."""
        features = queries.features
        table = FrameTable(queries.frame, len(seen.compact))
        share = share_of_volume(self._grid, queries.centres_base).clamp(_EDGE, 1.0 - _EDGE)
        for layer in self.layers:
            features, share = layer(features, queries.positions, share, seen.compact, table)
        embedding = table.spread(self.masks(features) / math.sqrt(features.shape[1]))  # B W C
        masks = table.rows(torch.bmm(embedding, seen.mask_features.flatten(2)))
        masks = torch.unflatten(masks, 1, self._grid.shape_zyx)
        if self._things:
            odds = thing_odds(seen.semantic_logits, self._things)
            of_things = masks[:num_things] + odds.index_select(0, queries.frame[:num_things])
            masks = torch.cat([of_things, masks[num_things:]])
        centres_base = place_in_volume(self._grid, share)
        if self.locality is not None:
            local = self.locality(features[:num_things])
            # Detached: the mask may look elsewhere than the centre, but not move it.
            middles_base = centres_base[:num_things].detach() + _OBJECT_M * local[:, :3]
            scale = functional.softplus(local[:, 3:]) / _OBJECT_M**2
            away = self._away(middles_base, scale)
            masks = torch.cat([masks[:num_things] - away, masks[num_things:]])
        return Answers(
            frame=queries.frame,
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


def thing_odds(
    semantic_logits: Float[Tensor, "B K Z Y X"], things: tuple[int, ...]
) -> Float[Tensor, "B Z Y X"]:
    """Return the logarithm of the odds that a voxel is of a thing, as the dense head says."""
    others = [k for k in range(semantic_logits.shape[1]) if k not in things]
    yes = semantic_logits[:, list(things)].logsumexp(1)
    return yes - semantic_logits[:, others].logsumexp(1)
