# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import ndimage

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.voxels import (
    DISCOVER_GRID,
    OUTSIDE,
    TRAIN_GRID,
    VoxelGrid,
    dense,
    flat_voxels,
    near_any,
    occupied_voxels,
    voxel_centres,
    voxel_index_zyx,
)

SMALL = VoxelGrid(minimum_m=(0.0, 0.0, 0.0), maximum_m=(4.0, 3.0, 2.0), shape_zyx=(2, 3, 4))


def points(*rows: Sequence[float]) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, 3)


def test_golden_voxel_index_of_the_train_grid() -> None:
    """SPECS §5: p = (0.0625, 1.125, 18.0625) lies in voxel x 128, y 4, z 128."""
    flat = flat_voxels(TRAIN_GRID, points((0.0625, 1.125, 18.0625)))
    np.testing.assert_array_equal(voxel_index_zyx(TRAIN_GRID, flat), [[128, 4, 128]])


def test_golden_first_voxel_of_the_train_grid_is_cleared() -> None:
    """SPECS §5: p = (-15.9375, 0.125, 2.0625) falls in (0, 0, 0), which is never occupied."""
    assert len(occupied_voxels(TRAIN_GRID, points((-15.9375, 0.125, 2.0625)))) == 0


def test_a_point_with_an_unrounded_z_index_of_zero_counts_as_padding() -> None:
    at_zero, beside = points((5.0, 1.0, 2.0625), (5.0, 1.0, 2.07))
    assert flat_voxels(TRAIN_GRID, at_zero[None])[0] == OUTSIDE
    assert flat_voxels(TRAIN_GRID, beside[None])[0] != OUTSIDE


def test_the_published_grids_have_the_published_voxels() -> None:
    assert DISCOVER_GRID.voxel_m == (0.125, 0.125, 0.125)
    assert TRAIN_GRID.voxel_m == (0.125, 0.25, 0.125)
    assert DISCOVER_GRID.minimum_m == (-16, 0, 4)
    assert DISCOVER_GRID.maximum_m == (16, 2, 36)


@pytest.mark.parametrize(
    "outside",
    [(-0.01, 1, 1), (4.0, 1, 1), (1, -0.01, 1), (1, 3.01, 1), (1, 1, 2.5), (np.nan, 1, 1)],
)
def test_points_beyond_the_outer_faces_are_in_no_voxel(outside: tuple[float, ...]) -> None:
    assert flat_voxels(SMALL, points(outside))[0] == OUTSIDE


def test_empty_one_and_many_points_become_ascending_distinct_voxels() -> None:
    assert occupied_voxels(SMALL, points()).tolist() == []
    assert occupied_voxels(SMALL, points((1.2, 0.1, 0.1))).tolist() == [1]
    many = points((3.9, 2.9, 1.9), (1.2, 0.1, 0.1), (1.8, 0.9, 0.9))
    assert occupied_voxels(SMALL, many).tolist() == [1, 23]


def test_centres_lead_back_to_their_voxels() -> None:
    every = np.arange(1, 24)
    centres = voxel_centres(SMALL, every)
    np.testing.assert_array_equal(centres[0], [1.5, 0.5, 0.5])
    np.testing.assert_array_equal(flat_voxels(SMALL, centres + np.array([0, 0, 0.01])), every)


def test_near_any_is_the_dense_dilation_read_at_the_voxels() -> None:
    grid = VoxelGrid(minimum_m=(0, 0, 0), maximum_m=(9, 5, 7), shape_zyx=(7, 5, 9))
    rng = np.random.default_rng(0)
    voxels = np.flatnonzero(rng.random(315) < 0.5)
    others = np.flatnonzero(rng.random(315) < 0.03)
    dilated = ndimage.binary_dilation(dense(grid, others), np.ones((3, 3, 3)))
    np.testing.assert_array_equal(near_any(grid, voxels, others), dilated.reshape(-1)[voxels])
    assert not near_any(grid, voxels, np.zeros(0, np.int64)).any()


def test_bad_grids_are_refused_with_the_reason() -> None:
    with pytest.raises(DataError, match="at least one voxel"):
        VoxelGrid(minimum_m=(0, 0, 0), maximum_m=(1, 1, 1), shape_zyx=(1, 0, 1))
    with pytest.raises(DataError, match="lower bounds"):
        VoxelGrid(minimum_m=(0, 0, 0), maximum_m=(1, 0, 1), shape_zyx=(1, 1, 1))
