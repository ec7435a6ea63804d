# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Queries that follow objects: what a frame hands over to the next.

After a frame every track remembers (attention over its own past, `MemoryAttention`), looks at the
other tracks and renews its query (`QueryInteraction`, after MOTR's; Zeng et al., 2022). Before the
next frame its place is moved by its velocity and by the vehicle's own motion.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn

from unsup_track_ros.networks.trackocc.config import TrackOccConfig
from unsup_track_ros.networks.trackocc.decoder import Answers, Queries
from unsup_track_ros.networks.trackocc.occupancy_encoder import FeedForward
from unsup_track_ros.shapes import Float, Int64

NO_ID = -1
_SAME_TIME_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackQueries:
    """T tracks between two frames.

    Attributes:
        frame: Frame of the batch that they stand in; 0 where there is one.
        ids: Identity; `NO_ID` for a query that follows nothing (training adds some).
        features: What they carry into the next frame.
        positions: Code of what they look for.
        centres_base: Where they are, metres in base of the frame that they stand in.
        velocities_base: Over ground, m/s, in the same axes.
        memory: Past embeddings, the newest last.
        num_stored: How many of them are filled, from the end.
        stored_s: Time since the newest was stored.
        unseen_s: Time for which nothing was seen of the object.
    """

    frame: Int64[Tensor, " T"]
    ids: Int64[Tensor, " T"]
    features: Float[Tensor, "T C"]
    positions: Float[Tensor, "T C"]
    centres_base: Float[Tensor, "T 3"]
    velocities_base: Float[Tensor, "T 3"]
    memory: Float[Tensor, "T M C"]
    num_stored: Int64[Tensor, " T"]
    stored_s: Float[Tensor, " T"]
    unseen_s: Float[Tensor, " T"]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def queries(self) -> Queries:
        """What they ask of the frame that they stand in."""
        return Queries(
            features=self.features,
            positions=self.positions,
            centres_base=self.centres_base,
            frame=self.frame,
        )

    def chosen(self, rows: Int64[Tensor, " R"]) -> TrackQueries:
        """Return some of them, in the order of `rows`."""
        names = (part.name for part in fields(self))
        return TrackQueries(**{name: getattr(self, name).index_select(0, rows) for name in names})

    @classmethod
    def fresh(cls, queries: Queries, memory_length: int) -> TrackQueries:
        """Return queries as tracks that follow nothing and remember nothing."""
        features = queries.features
        num, channels = features.shape
        whole = torch.zeros(num, dtype=torch.int64, device=features.device)
        return cls(
            frame=queries.frame,
            ids=whole + NO_ID,
            features=features,
            positions=queries.positions,
            centres_base=queries.centres_base,
            velocities_base=features.new_zeros(num, 3),
            memory=features.new_zeros(num, memory_length, channels),
            num_stored=whole,
            stored_s=features.new_zeros(num),
            unseen_s=features.new_zeros(num),
        )

    def joined(self, other: TrackQueries) -> TrackQueries:
        """Return these and others behind them."""
        parts = (part.name for part in fields(self))
        return TrackQueries(
            **{name: torch.cat([getattr(self, name), getattr(other, name)]) for name in parts}
        )


def handed_over(
    tracks: TrackQueries, base1_T_base0: Float[Tensor, "B 4 4"], step_s: Float[Tensor, " B"]
) -> TrackQueries:
    """Bring tracks from a frame to the next: c1 = base1_T_base0 (c0 + v0 dt).

    All tracks are moved. (The released code leaves out the track with the number 0 at test time.)
    Gradients do not pass from frame to frame by this way, only by features.

    Args:
        tracks: In base of the earlier frame.
        base1_T_base0: The vehicle's own motion in each drive of the batch.
        step_s: Time between its frames.
    """
    own_motion, passed_s = base1_T_base0[tracks.frame], step_s[tracks.frame]
    velocities_base0 = tracks.velocities_base.detach()
    return replace(
        tracks,
        centres_base=carried(tracks.centres_base.detach(), velocities_base0, own_motion, passed_s),
        velocities_base=torch.einsum("tij,tj->ti", own_motion[:, :3, :3], velocities_base0),
        stored_s=tracks.stored_s + passed_s,
    )


def carried(
    places_base0: Float[Tensor, "P 3"],
    velocities_base0: Float[Tensor, "P 3"],
    base1_T_base0: Float[Tensor, "P 4 4"],
    step_s: Float[Tensor, " P"],
) -> Float[Tensor, "P 3"]:
    """Return where places are in a later frame: p1 = base1_T_base0 (p0 + v0 dt)."""
    moved_base0 = places_base0 + velocities_base0 * step_s[:, None]
    turn, shift = base1_T_base0[:, :3, :3], base1_T_base0[:, :3, 3]
    return torch.einsum("pij,pj->pi", turn, moved_base0) + shift


class MemoryAttention(nn.Module):
    """A track looks at its own past embeddings."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(config.channels, config.num_heads, batch_first=True)
        self.norm = nn.LayerNorm(config.channels)
        self.feed_forward = FeedForward(config.channels, config.ffn_channels)

    def forward(
        self,
        features: Float[Tensor, "T C"],
        memory: Float[Tensor, "T M C"],
        num_stored: Int64[Tensor, " T"],
    ) -> Float[Tensor, "T C"]:
        """Return the features with what they remember; who remembers nothing stays as it is."""
        length = memory.shape[1]
        age = torch.arange(length, 0, -1, device=memory.device)  # the newest is 1
        empty = age > num_stored[:, None]
        knows = num_stored > 0
        looked, _ = self.attention(
            features[:, None], memory, memory, key_padding_mask=empty & knows[:, None],
            need_weights=False,
        )  # fmt: skip
        remembered = self.feed_forward(self.norm(features + looked[:, 0]))
        return torch.where(knows[:, None], remembered, features)


class QueryInteraction(nn.Module):
    """Tracks look at each other and become the queries of the next frame."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        channels, hidden = config.channels, config.ffn_channels
        self.within = nn.MultiheadAttention(channels, config.num_heads, batch_first=True)
        self.within_norm = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels, hidden)
        self.positions = FeedForward(channels, hidden)
        self.features = FeedForward(channels, hidden)
        self.from_answer = nn.Linear(channels, channels)

    def forward(
        self, features: Float[Tensor, "T C"], before: Queries
    ) -> tuple[Float[Tensor, "T C"], Float[Tensor, "T C"]]:
        """Return features and codes for the next frame.

        Args:
            features: What the tracks found in this one.
            before: What they asked with.
        """
        asked = (before.positions + features)[None]
        apart = before.frame[:, None] != before.frame  # tracks of other drives
        looked, _ = self.within(asked, asked, features[None], attn_mask=apart, need_weights=False)
        found = self.feed_forward(self.within_norm(features + looked[0]))
        news = self.from_answer(found)
        return self.features(before.features + news), self.positions(before.positions + news)


class TrackUpdate(nn.Module):
    """What a frame makes of the tracks that go on."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        self.remember = MemoryAttention(config)
        self.interact = QueryInteraction(config)

    def forward(
        self, tracks: TrackQueries, answers: Answers, memory_interval_s: float
    ) -> TrackQueries:
        """Return the tracks with renewed queries, memories, places and velocities.

        Args:
            tracks: Those that go on, as they asked.
            answers: What they found, row by row.
            memory_interval_s: Embeddings are stored this far apart.
        """
        if not len(tracks):
            return tracks
        found = self.remember(answers.features, tracks.memory, tracks.num_stored)
        features, positions = self.interact(found, tracks.queries)
        due = (tracks.stored_s >= memory_interval_s - _SAME_TIME_S) | (tracks.num_stored == 0)
        pushed = torch.cat([tracks.memory[:, 1:], found[:, None]], dim=1)
        return replace(
            tracks,
            features=features,
            positions=positions,
            centres_base=answers.centres_base,
            velocities_base=answers.velocities_base,
            memory=torch.where(due[:, None, None], pushed, tracks.memory),
            num_stored=torch.where(
                due, (tracks.num_stored + 1).clamp(max=tracks.memory.shape[1]), tracks.num_stored
            ),
            stored_s=torch.where(due, 0.0, tracks.stored_s),
        )
