# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.base_voxels import (
    OUTSIDE,
    SMALL_EGO_GRID,
    EgoGridConfig,
    base_voxel_centres,
    base_voxel_of,
)


def test_the_default_grid_is_that_of_the_paper() -> None:
    grid = EgoGridConfig().grid
    assert grid.shape_zyx == (16, 200, 200)
    assert grid.minimum_m == (-40.0, -40.0, -1.0)
    np.testing.assert_allclose(grid.maximum_m, (40.0, 40.0, 5.4))
    np.testing.assert_allclose(grid.voxel_m, 0.4)


def test_lower_faces_belong_to_a_voxel_and_upper_ones_to_the_next() -> None:
    grid = SMALL_EGO_GRID.grid
    points = np.array([[-20.0, -20.0, -1.0], [-19.2, -20.0, -1.0], [20.0, 0.0, 0.0], [0, 0, -1.1]])
    np.testing.assert_array_equal(base_voxel_of(grid, points), [0, 1, OUTSIDE, OUTSIDE])


def test_every_centre_lies_in_its_own_voxel() -> None:
    grid = SMALL_EGO_GRID.grid
    centres = base_voxel_centres(grid)
    assert centres.shape == (8, 50, 50, 3)
    np.testing.assert_allclose(centres[0, 0, 1], [-18.8, -19.6, -0.6])
    np.testing.assert_array_equal(
        base_voxel_of(grid, centres.reshape(-1, 3)), np.arange(8 * 50 * 50)
    )


def test_no_points_lie_in_no_voxels() -> None:
    assert len(base_voxel_of(SMALL_EGO_GRID.grid, np.zeros((0, 3)))) == 0
