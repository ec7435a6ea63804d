# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which segment renews which track, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from unit.networks.trackocc.scenes import TINY_GRID

from unsup_track_ros.geometry.base_voxels import base_voxel_centres
from unsup_track_ros.networks.trackocc.decoder import Answers, Queries
from unsup_track_ros.networks.trackocc.renewal import Segments, TrackVoxels, renewed
from unsup_track_ros.networks.trackocc.tracks import NO_ID, TrackQueries

_GRID = TINY_GRID.grid
_SHAPE = _GRID.shape_zyx
_NUM = _SHAPE[0] * _SHAPE[1] * _SHAPE[2]
_BOUNDS = (0.5, 0.1)


def _filled(*voxels: list[int]) -> torch.Tensor:
    table = torch.zeros(len(voxels), _NUM, dtype=torch.bool)
    for row, of_row in enumerate(voxels):
        table[row, of_row] = True
    return table


def _tracks(ids: list[int], *, start: float = 0.0) -> TrackQueries:
    """Tracks whose features and memories say which they are."""
    num = len(ids)
    named = start + torch.arange(num, dtype=torch.float32)[:, None].expand(num, 4)
    queries = Queries(
        features=named,
        positions=named,
        centres_base=torch.zeros(num, 3),
        frame=torch.zeros(num, dtype=torch.int64),
    )
    tracks = TrackQueries.fresh(queries, 2)
    remembered = named[:, None].expand(num, 2, 4)
    return replace(
        tracks,
        ids=torch.tensor(ids, dtype=torch.int64),
        memory=remembered,
        num_stored=tracks.frame + 1,
    )


def _answers(tracks: TrackQueries, masks: torch.Tensor) -> Answers:
    num = len(tracks)
    return Answers(
        frame=tracks.frame,
        features=tracks.features,
        positions=tracks.positions,
        class_logits=torch.zeros(num, 4),
        mask_logits=torch.unflatten(torch.where(masks, 5.0, -5.0), 1, _SHAPE),
        centres_base=tracks.centres_base,
        velocities_base=torch.zeros(num, 3),
    )


def _segments(filled: torch.Tensor) -> Segments:
    fresh = replace(
        _tracks([NO_ID] * len(filled), start=100.0),
        memory=torch.zeros(len(filled), 2, 4),
        num_stored=torch.zeros(len(filled), dtype=torch.int64),
    )
    return Segments(asking=fresh, answers=_answers(fresh, filled), filled=filled)


def test_a_segment_takes_over_identity_and_memory_of_the_track_it_meets_and_keeps_its_query() -> (
    None
):
    tracks = _tracks([7, 8, 9])
    said = _filled([0, 1], [20, 21], [40, 41])
    segments = _segments(_filled([20, 21], [300, 301], [0, 1, 2]))
    asking, answers = renewed(
        tracks, _answers(tracks, said), segments, _filled([], [], []), _BOUNDS
    )
    assert asking.ids.tolist() == [9, 8, NO_ID, 7]  # who met none first, then the segments
    assert asking.features[:, 0].tolist() == [2.0, 100.0, 101.0, 102.0]
    assert asking.memory[:, 0, 0].tolist() == [2.0, 1.0, 0.0, 0.0]
    assert asking.num_stored.tolist() == [1, 1, 0, 1]
    assert answers.features[:, 0].tolist() == asking.features[:, 0].tolist()


def test_both_the_mask_of_a_query_and_its_moved_voxels_bring_a_segment_to_its_track() -> None:
    tracks = _tracks([7, 8])
    segments = _segments(_filled([0, 1, 2, 3]))
    # Track 7 is right by its mask (3 of 4), track 8 by half of both (2 of 4, twice).
    said, believed = _filled([0, 1, 2], [0, 1]), _filled([], [2, 3])
    asking, _ = renewed(tracks, _answers(tracks, said), segments, believed, _BOUNDS)
    assert asking.ids.tolist() == [7, 8]


@pytest.mark.parametrize(("min_meeting", "ids"), [(0.24, [7]), (0.26, [7, NO_ID])])
def test_a_meeting_must_reach_its_least_overlap(min_meeting: float, ids: list[int]) -> None:
    tracks = _tracks([7])
    segments = _segments(_filled([0, 1, 2, 3]))
    said = _filled([0])  # 1 of 4
    asking, _ = renewed(tracks, _answers(tracks, said), segments, _filled([]), (0.5, min_meeting))
    assert asking.ids.tolist() == ids


def test_with_nothing_found_all_tracks_stay_and_with_no_track_all_segments_are_new() -> None:
    tracks, none = _tracks([7, 8]), _tracks([])
    empty = torch.zeros(0, _NUM, dtype=torch.bool)
    stayed, _ = renewed(
        tracks, _answers(tracks, _filled([0], [1])), _segments(empty), _filled([0], [1]), _BOUNDS
    )
    assert stayed.ids.tolist() == [7, 8]
    born, _ = renewed(none, _answers(none, empty), _segments(_filled([0])), empty, _BOUNDS)
    assert born.ids.tolist() == [NO_ID]


def test_voxels_of_a_track_move_with_its_velocity_and_the_vehicle_and_leave_the_grid() -> None:
    middles = torch.from_numpy(base_voxel_centres(_GRID).reshape(-1, 3)).float()
    at = [int(torch.argmin((middles - torch.tensor(place)).norm(dim=1))) for place in
          ([0.5, 0.5, 0.5], [0.5, 3.5, 0.5], [7.5, 0.5, 0.5])]  # fmt: skip
    segments = _segments(_filled([at[0]], [at[1], at[2]]))
    ids = torch.tensor([9, 4])  # not in order
    voxels = TrackVoxels.none(torch.device("cpu")).renewed(ids, segments, ids, _GRID)
    tracks = replace(_tracks([4, 9]), velocities_base=torch.tensor([[4.0, 0, 0], [0, 0, 0]]))
    drove = torch.eye(4)[None].clone()
    drove[0, 0, 3] = -1.0  # the vehicle drove 1 m ahead
    moved = voxels.handed_over(tracks, drove, torch.tensor([0.5])).filled(tracks.ids, _GRID)
    places = [middles[row].tolist() for row in moved]
    assert places == [[[1.5, 3.5, 0.5]], [[-0.5, 0.5, 0.5]]]  # 7.5 + 2 - 1 is outside


def test_voxels_of_a_track_that_met_none_stay_and_those_of_a_dead_one_go() -> None:
    ids = torch.tensor([2, 3, 4])
    voxels = TrackVoxels.none(torch.device("cpu")).renewed(
        ids, _segments(_filled([0], [1], [2])), ids, _GRID
    )
    later = voxels.renewed(
        torch.tensor([3, 4]), _segments(_filled([5, 6])), torch.tensor([4]), _GRID
    )
    filled = later.filled(torch.tensor([4, 3]), _GRID)
    assert [row.nonzero()[:, 0].tolist() for row in filled] == [[5, 6], [1]]
