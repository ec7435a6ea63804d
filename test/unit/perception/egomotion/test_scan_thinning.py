# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.perception.egomotion.scan_thinning import first_per_voxel, in_range

SCAN = np.random.default_rng(0).normal(0.0, 20.0, (5000, 3)).astype(np.float32)


def test_points_between_two_ranges_are_chosen_and_nan_is_not() -> None:
    points = SCAN.copy()
    points[7, 1] = np.nan
    points[8] = (3.0, 0.0, 0.0)  # the nearest range itself lies outside
    scan = in_range(points, 3.0, 30.0)
    squared = (points * points).sum(1)
    np.testing.assert_array_equal(scan.chosen, np.flatnonzero((squared > 9.0) & (squared < 900.0)))
    assert 7 not in scan.chosen
    assert 8 not in scan.chosen


@pytest.mark.parametrize("most", [10, 999, 1000, 1001, 10**6])
def test_thinning_takes_every_so_many_th_point_in_range(most: int) -> None:
    scan = in_range(SCAN, 5.0, 30.0)
    stride = max(-(-len(scan) // most), 1)
    np.testing.assert_array_equal(scan.thinned(most), SCAN[scan.chosen[::stride]])
    assert scan.thinned(most).dtype == np.float64
    assert len(scan.thinned(most)) <= most


def test_an_empty_scan_has_no_points_in_range() -> None:
    scan = in_range(np.zeros((0, 3), np.float32), 3.0, 30.0)
    assert len(scan) == 0
    assert scan.thinned(10).shape == (0, 3)
    assert first_per_voxel(scan.thinned(10), 0.5).shape == (0, 3)


@pytest.mark.parametrize("voxel_m", [0.5, 7.0, 1000.0])
def test_the_first_point_of_each_voxel_is_kept_in_the_order_of_the_scan(voxel_m: float) -> None:
    points = SCAN.astype(np.float64)
    _, first = np.unique(np.floor(points / voxel_m), axis=0, return_index=True)
    np.testing.assert_array_equal(first_per_voxel(points, voxel_m), points[np.sort(first)])
