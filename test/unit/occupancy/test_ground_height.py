# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ground height from the lowest points."""

from __future__ import annotations

import numpy as np
import torch

from unsup_track_ros.geometry.raycast import PolarGrid, polar_coordinates
from unsup_track_ros.occupancy.ground_height import GroundHeightConfig, ground_height

CONFIG = GroundHeightConfig(max_slope=0.15)
POLAR = PolarGrid(num_sectors=180, num_rings=40, ring_m=1.0)


def heights_above(points: np.ndarray) -> np.ndarray:
    """Return the height of every point above the ground found in the same points."""
    azimuth, distance = polar_coordinates(*torch.from_numpy(points[:, :2].T.copy()))
    cell = POLAR.cell(azimuth, distance)
    height = torch.from_numpy(points[:, 2])
    return (height - ground_height(POLAR, cell, height, CONFIG).view(-1)[cell]).numpy()


def plane(slope: float) -> np.ndarray:
    x, y = np.meshgrid(np.arange(-24, 24, 0.5) + 0.1, np.arange(-24, 24, 0.5) + 0.1)
    return np.stack([x.ravel(), y.ravel(), slope * x.ravel()], 1)


def test_level_ground_has_no_height() -> None:
    np.testing.assert_allclose(heights_above(plane(0.0)), 0.0, atol=1e-6)


def test_sloping_ground_stays_below_the_rise_across_one_cell() -> None:
    above = heights_above(plane(0.1))
    assert above.min() >= -1e-6
    assert above.max() < 0.1 * (1.0 + 34 * 2 * np.pi / 180) + 1e-6  # depth and width of a cell


def test_ground_is_carried_under_an_obstacle_that_hides_it() -> None:
    ground = plane(0.0)
    ground = ground[(ground[:, 0] < 10) | (abs(ground[:, 1]) > 0.3 * ground[:, 0])]
    wall = np.array([[10.5, y, z] for y in np.arange(-2, 2.1, 0.2) for z in (0.5, 1.0, 2.0)])
    above = heights_above(np.concatenate([ground, wall]))[len(ground) :]
    np.testing.assert_allclose(above, wall[:, 2], atol=0.3)
    assert above.min() > 0.3


def test_a_single_return_from_below_the_ground_does_not_dig_a_pit() -> None:
    ground = plane(0.0)
    above = heights_above(np.concatenate([ground, [[12.0, 0.3, -3.0]]]))[: len(ground)]
    assert above.max() < 0.3


def test_a_lone_sector_and_a_scan_without_points_are_answered() -> None:
    np.testing.assert_allclose(heights_above(np.array([[5.0, 0.1, 0.7]])), 0.0, atol=1e-6)
    nothing = torch.zeros(0)
    assert torch.isinf(ground_height(POLAR, nothing.long(), nothing, CONFIG)).all()
