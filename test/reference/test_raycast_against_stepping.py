# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Free space by polar look-up against stepping along every ray."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation

from unsup_track_ros.geometry import raycast
from unsup_track_ros.geometry.raycast import PolarGrid

RESOLUTION_M, SIDE, RATIO = 0.5, 64, 0.7
CORNER = (-16.2, -15.9)  # the sensor is not on a cell border
POLAR = PolarGrid(num_sectors=180, num_rings=48, ring_m=RESOLUTION_M)
STEP_M = 0.02


def scene(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return azimuth and range of ground and obstacle returns; obstacles hide the ground behind."""
    generator = np.random.default_rng(seed)
    azimuth = np.repeat(np.linspace(-math.pi, math.pi, 720, endpoint=False) + 0.004, 12)
    radius = np.tile(np.geomspace(4, 15, 12), 720) + generator.normal(0, 0.05, len(azimuth))
    edges = np.sort(generator.uniform(-math.pi, math.pi, 8))
    walls = np.where(np.searchsorted(edges, azimuth) % 2 == 1, 9.3, np.inf)
    return azimuth[radius < walls], radius[radius < walls], azimuth[walls < 99], walls[walls < 99]


def sector_of(azimuth: float) -> int:
    return min(int((azimuth + math.pi) / (2 * math.pi) * POLAR.num_sectors), POLAR.num_sectors - 1)


def step_along_rays(seed: int) -> np.ndarray:
    ground_azimuth, ground_m, wall_azimuth, wall_m = scene(seed)
    first = np.full(POLAR.num_sectors, np.inf)
    for azimuth, distance in zip(wall_azimuth, wall_m, strict=True):
        first[sector_of(azimuth)] = min(first[sector_of(azimuth)], distance)
    free = np.zeros((SIDE, SIDE), bool)
    for azimuth, distance in zip(ground_azimuth, ground_m, strict=True):
        end = min(distance, first[sector_of(azimuth)])
        along = np.arange(distance * RATIO, end, STEP_M)
        column = np.floor((along * math.cos(azimuth) - CORNER[0]) / RESOLUTION_M).astype(int)
        row = np.floor((along * math.sin(azimuth) - CORNER[1]) / RESOLUTION_M).astype(int)
        inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
        free[row[inside], column[inside]] = True
    return free


def look_up(seed: int) -> np.ndarray:
    ground_azimuth, ground_m, wall_azimuth, wall_m = (torch.from_numpy(a) for a in scene(seed))
    first = raycast.nearest_per_sector(POLAR.sector(wall_azimuth), wall_m, POLAR.num_sectors)
    place = POLAR.cell(ground_azimuth, ground_m)
    seen = raycast.seen_ground(POLAR, raycast.reached_cells(POLAR, place, place >= 0), RATIO)
    free = raycast.free_polar_cells(seen, first, POLAR.ring_m)
    return raycast.read_polar(POLAR, free, CORNER, RESOLUTION_M, (SIDE, SIDE)).numpy()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_look_up_marks_the_cells_that_rays_step_through_up_to_their_border(seed: int) -> None:
    stepped, looked_up = step_along_rays(seed), look_up(seed)
    around = np.ones((3, 3), bool)
    assert not (looked_up & ~binary_dilation(stepped, around)).any()
    assert not (stepped & ~binary_dilation(looked_up, around)).any()
    assert (looked_up & stepped).sum() > 0.85 * stepped.sum() > 200
