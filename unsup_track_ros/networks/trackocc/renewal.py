# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tracks that each frame renews: which of the segments of a frame is which track.

In the paper a track is its query, asked again and again. Here every frame is also asked afresh, as
if it were the first, and a track goes on as the fresh query whose segment it meets. It meets one
by what its own query says of this frame, and by where its voxels have moved. Not in the paper;
reasons in docs/decisions/0024.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from unsup_track_ros.networks.trackocc.decoder import Answers
from unsup_track_ros.networks.trackocc.frames import cell_centres_base, flat_voxels
from unsup_track_ros.networks.trackocc.panoptic import PanopticMergeConfig, merged
from unsup_track_ros.networks.trackocc.tracks import TrackQueries, carried
from unsup_track_ros.shapes import Bool, Float, Int64
from unsup_track_ros.structures.voxel_scene import VoxelClasses
from unsup_track_ros.structures.voxels import VoxelGrid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """Things that the fresh queries of a frame found.

    Attributes:
        asking: Their queries; they follow nothing yet.
        answers: What they said.
        filled: Voxels that each won, row-major.
    """

    asking: TrackQueries
    answers: Answers
    filled: Bool[Tensor, "S N"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackVoxels:
    """Middles of the voxels that tracks filled when a frame last found them, moved with them.

    Attributes:
        ids: Track of each.
        places_base: Metres, in base of the frame that the tracks stand in.
    """

    ids: Int64[Tensor, " P"]
    places_base: Float[Tensor, "P 3"]

    @classmethod
    def none(cls, device: torch.device) -> TrackVoxels:
        """Return those of no track."""
        whole = torch.zeros(0, dtype=torch.int64, device=device)
        return cls(ids=whole, places_base=torch.zeros(0, 3, device=device))

    def handed_over(
        self,
        tracks: TrackQueries,
        base1_T_base0: Float[Tensor, "1 4 4"],
        step_s: Float[Tensor, 1],
    ) -> TrackVoxels:
        """Bring them to the next frame as their tracks are brought there.

        Args:
            tracks: In base of the earlier frame.
            base1_T_base0: The vehicle's own motion.
            step_s: Time between the frames.
        """
        row = self._rows(tracks.ids)
        places = carried(
            self.places_base, tracks.velocities_base[row], base1_T_base0[tracks.frame[row]],
            step_s[tracks.frame[row]],
        )  # fmt: skip
        return replace(self, places_base=places)

    def filled(self, ids: Int64[Tensor, " T"], grid: VoxelGrid) -> Bool[Tensor, "T N"]:
        """Return the voxels of a grid that each track is believed to fill, row-major."""
        voxel = flat_voxels(grid, self.places_base)
        inside = voxel >= 0
        num_z, num_y, num_x = grid.shape_zyx
        table = torch.zeros(len(ids), num_z * num_y * num_x, dtype=torch.bool, device=ids.device)
        table[self._rows(ids)[inside], voxel[inside]] = True
        return table

    def renewed(
        self, living: Int64[Tensor, " T"], segments: Segments, ids: Int64[Tensor, " S"],
        grid: VoxelGrid,
    ) -> TrackVoxels:  # fmt: skip
        """Return those of all living tracks, as the segments of a frame show them where they do.

        Args:
            living: Identities that go on.
            segments: What the frame shows.
            ids: Whose each segment is.
            grid: The volume.
        """
        kept = torch.isin(self.ids, living) & ~torch.isin(self.ids, ids)
        row, voxel = torch.nonzero(segments.filled, as_tuple=True)
        middles = cell_centres_base(grid, grid.shape_zyx, ids.device)
        return TrackVoxels(
            ids=torch.cat([self.ids[kept], ids[row]]),
            places_base=torch.cat([self.places_base[kept], middles[voxel]]),
        )

    def _rows(self, ids: Int64[Tensor, " T"]) -> Int64[Tensor, " P"]:
        """Return the row of the track of each place; every place has one among them."""
        in_order, order = torch.sort(ids)
        return order[torch.searchsorted(in_order, self.ids)]


def found_segments(
    asking: TrackQueries,
    answers: tuple[Answers, Answers],
    semantic_logits: Float[Tensor, "K Z Y X"],
    about: tuple[VoxelClasses, PanopticMergeConfig],
) -> Segments:
    """Return those of some queries that win voxels of a frame.

    Args:
        asking: Queries for things.
        answers: What these and those for stuff said.
        semantic_logits: Of the dense head.
        about: Vocabulary and parameters.
    """
    things, stuff = answers
    number = torch.arange(1, len(things) + 1, device=asking.ids.device)
    _, winner = merged(things, number, stuff, semantic_logits, about)
    filled = winner.flatten() == number[:, None]
    rows = torch.nonzero(filled.any(1))[:, 0]
    return Segments(asking=asking.chosen(rows), answers=things.chosen(rows), filled=filled[rows])


def renewed(
    tracks: TrackQueries,
    answers: Answers,
    segments: Segments,
    believed: Bool[Tensor, "T N"],
    bounds: tuple[float, float],
) -> tuple[TrackQueries, Answers]:
    """Return the tracks that met no segment, and behind them all segments, with their answers.

    The query of a segment that a track meets takes over its identity and what it remembers.

    Args:
        tracks: As they asked this frame.
        answers: What they said of it.
        segments: What the frame shows when asked afresh.
        believed: Voxels that each track is believed to fill.
        bounds: Least probability of a voxel of a mask; least sum of the IoU of a segment with the
            mask of a track and with the voxels that it is believed to fill.
    """
    min_mask, min_meeting = bounds
    own = torch.sigmoid(answers.mask_logits.flatten(1)) >= min_mask
    meeting = _ious(segments.filled, own) + _ious(segments.filled, believed)
    chosen = linear_sum_assignment(meeting.double().cpu().numpy(), maximize=True)
    row, column = (torch.from_numpy(index).to(meeting.device) for index in chosen)
    meets = meeting[row, column] >= min_meeting
    row, column = row[meets], column[meets]
    asking = segments.asking
    names = ("ids", "memory", "num_stored", "stored_s", "unseen_s")
    taken = {
        name: getattr(asking, name).index_copy(0, row, getattr(tracks, name)[column])
        for name in names
    }
    is_alone = torch.ones_like(tracks.ids, dtype=torch.bool)
    is_alone[column] = False
    alone = torch.nonzero(is_alone)[:, 0]
    return (
        tracks.chosen(alone).joined(replace(asking, **taken)),
        answers.chosen(alone).joined(segments.answers),
    )


def _ious(one: Bool[Tensor, "S N"], other: Bool[Tensor, "T N"]) -> Float[Tensor, "S T"]:
    shared = one.float() @ other.float().T
    union = one.sum(1)[:, None] + other.sum(1) - shared
    return shared / union.clamp_min(1.0)
