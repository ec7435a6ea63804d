# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rays collected in azimuth and range: hand-made cases."""

from __future__ import annotations

import math

import torch

from unsup_track_ros.geometry import raycast
from unsup_track_ros.geometry.raycast import PolarGrid

POLAR = PolarGrid(num_sectors=4, num_rings=10, ring_m=1.0)


def test_sectors_start_at_minus_pi_and_both_ends_of_the_circle_are_inside() -> None:
    directions = torch.tensor([-math.pi, -0.1, 0.1, math.pi], dtype=torch.float64)
    assert POLAR.sector(directions).tolist() == [0, 1, 2, 3]


def test_the_nearest_return_of_a_sector_counts_and_an_empty_sector_is_infinite() -> None:
    nearest = raycast.nearest_per_sector(torch.tensor([0, 0, 2]), torch.tensor([5.0, 3.0, 7.0]), 4)
    assert nearest.tolist() == [3.0, math.inf, 7.0, math.inf]


def test_a_ray_shows_the_ground_only_where_it_runs_low() -> None:
    # A return at 8.5 m, low from 0.5 * 9 = 4.5 m on: rings 5..8 of its sector.
    place = POLAR.cell(torch.tensor([-0.1]), torch.tensor([8.5]))
    seen = raycast.seen_ground(POLAR, raycast.reached_cells(POLAR, place, place >= 0), 0.5)
    assert seen.nonzero().tolist() == [[1, ring] for ring in (5, 6, 7, 8)]


def test_no_rays_show_no_ground() -> None:
    assert not raycast.seen_ground(POLAR, torch.zeros((4, 10), dtype=torch.bool), 0.5).any()


def test_seen_ground_is_what_each_ray_shows_in_its_own_sector() -> None:
    generator = torch.Generator().manual_seed(0)
    ends = torch.rand((4, 10), generator=generator) < 0.3
    expected = torch.zeros_like(ends)
    for sector, ring in ends.nonzero().tolist():
        low = min(math.ceil((ring + 1) * 0.7), ring)
        expected[sector, low : ring + 1] = True
    assert raycast.seen_ground(POLAR, ends, 0.7).tolist() == expected.tolist()
    assert expected.any()
    assert not expected.all()


def test_only_what_counts_reaches_a_cell_and_the_last_ring_has_no_end() -> None:
    places = POLAR.cell(torch.tensor([-0.1, 0.1, -3.0]), torch.tensor([8.5, 2.0, 1e20]))
    assert places.tolist() == [1 * 10 + 8, 2 * 10 + 2, 0 * 10 + 9]
    unknown = torch.tensor([math.nan])
    assert 0 <= POLAR.cell(unknown, unknown).item() < 40  # it may not count, but must not fail
    reached = raycast.reached_cells(POLAR, places, torch.tensor([True, False, True]))
    assert reached.nonzero().tolist() == [[0, 9], [1, 8]]


def test_free_cells_end_before_the_first_obstacle() -> None:
    seen = torch.ones((4, 10), dtype=torch.bool)
    free = raycast.free_polar_cells(seen, torch.tensor([3.0, 3.5, 0.5, math.inf]), 1.0)
    assert free.sum(1).tolist() == [3, 3, 0, 10]


def test_cells_are_read_at_their_centre_and_outside_the_reach_nothing_is_free() -> None:
    free = torch.ones((4, 10), dtype=torch.bool)
    free[2] = False  # from +x a quarter turn to the left
    read = raycast.read_polar(POLAR, free, (-1.0, -1.0), 1.0, (2, 2))
    assert read.tolist() == [[True, True], [True, False]]
    assert not raycast.read_polar(POLAR, free, (11.0, 0.0), 1.0, (2, 2)).any()
    assert not raycast.read_polar(POLAR, ~free & free, (-1.0, -1.0), 1.0, (2, 2)).any()


def test_cells_near_the_sensor_are_read_as_if_all_were() -> None:
    near = torch.rand((4, 10), generator=torch.Generator().manual_seed(1)) < 0.5
    near[:, 4:] = False
    read = raycast.read_polar(POLAR, near, (-9.3, -8.8), 0.5, (36, 37))
    for row, column in ((y, x) for y in range(36) for x in range(37)):
        x, y = -9.3 + 0.5 * (column + 0.5), -8.8 + 0.5 * (row + 0.5)
        place = torch.tensor([math.atan2(y, x)]), torch.tensor([math.hypot(x, y)])
        inside = place[1] < 10
        assert read[row, column] == (inside & near.view(-1)[POLAR.cell(*place)]).item()
    assert read.any()
