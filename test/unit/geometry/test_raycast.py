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
    seen = raycast.seen_ground(POLAR, torch.tensor([1]), torch.tensor([8.5]), 0.5)
    assert seen.nonzero().tolist() == [[1, ring] for ring in (5, 6, 7, 8)]


def test_no_rays_show_no_ground() -> None:
    nothing = torch.zeros(0)
    assert not raycast.seen_ground(POLAR, nothing.long(), nothing, 0.5).any()


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
