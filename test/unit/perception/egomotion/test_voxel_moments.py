# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sums per voxel, against adding up point by point."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry.se3 import rotation_about, transform
from unsup_track_ros.perception.egomotion.voxel_moments import (
    VoxelMoments,
    coarsened,
    empty_moments,
    moments_of,
    overlap_ratio,
    restored_moments,
    updated,
)
from unsup_track_ros.perception.egomotion.voxel_table import _BITS, _MASK, _SHIFT

Voxel = tuple[int, int, int]
RNG = np.random.default_rng(0)
POINTS = RNG.normal(0.0, 2.0, (3000, 3))
ROWS, COLUMNS = np.triu_indices(3)


def by_voxel(moments: VoxelMoments) -> dict[Voxel, np.ndarray]:
    """Return the sums of each voxel by its indices."""
    keys = moments.keys
    index = np.stack([keys >> 2 * _BITS, (keys >> _BITS) & _MASK, keys & _MASK], 1) - _SHIFT
    found = {(int(i), int(j), int(k)): s for (i, j, k), s in zip(index, moments.sums, strict=True)}
    assert len(found) == len(moments.keys)
    return found


def point_by_point(points: np.ndarray, voxel_m: float) -> dict[Voxel, np.ndarray]:
    sums: dict[Voxel, np.ndarray] = {}
    for point in points:
        index = np.floor(point / voxel_m).astype(int)
        local = point - (index + 0.5) * voxel_m
        row = np.concatenate([[1.0], local, np.outer(local, local)[ROWS, COLUMNS]])
        voxel = (int(index[0]), int(index[1]), int(index[2]))
        sums[voxel] = sums.get(voxel, np.zeros(10)) + row
    return sums


def assert_same(found: VoxelMoments, expected: dict[Voxel, np.ndarray]) -> None:
    sums = by_voxel(found)
    assert sums.keys() == expected.keys()
    for voxel, row in expected.items():
        np.testing.assert_allclose(sums[voxel], row, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("num", [0, 1, 2, 3000])
@pytest.mark.parametrize("voxel_m", [0.5, 1.5, 100.0])
def test_moments_are_sums_about_the_voxel_centres(num: int, voxel_m: float) -> None:
    assert_same(moments_of(POINTS[:num], voxel_m), point_by_point(POINTS[:num], voxel_m))


def test_voxels_far_apart_do_not_share_a_row() -> None:
    # Indices that differ in their upper bits only: a poor hash would put all into few slots.
    points = np.stack(np.meshgrid(*[np.arange(-4, 5) * 8192.0 + 0.1] * 3), -1).reshape(-1, 3)
    moments = moments_of(points, 1.0)
    assert len(moments.keys) == len(points)
    assert overlap_ratio(np.eye(4), points, moments, 1.0) == 1.0


def test_a_map_fades_takes_the_moved_scan_in_and_forgets_what_faded_away() -> None:
    old, new = POINTS[:40], POINTS[1500:1600]
    odom_T_velo = rotation_about(np.array([0.0, 0.0, 1.0]), 0.3)
    odom_T_velo[:3, 3] = (0.5, -0.25, 0.1)
    expected = {v: 0.45 * row for v, row in point_by_point(old, 0.5).items()}
    for voxel, row in point_by_point(transform(odom_T_velo, new), 0.5).items():
        expected[voxel] = expected.get(voxel, np.zeros(10)) + row
    left = {v: row for v, row in expected.items() if row[0] > 0.5}
    assert 0 < len(left) < len(expected)
    assert_same(updated(moments_of(old, 0.5), new, odom_T_velo, 0.5, 0.45), left)


def test_merged_voxels_are_those_of_twice_the_side() -> None:
    assert_same(coarsened(moments_of(POINTS, 0.5), 0.5), point_by_point(POINTS, 1.0))
    assert len(coarsened(empty_moments(), 0.5).keys) == 0


def test_overlap_is_the_share_of_points_in_seen_voxels() -> None:
    moments = moments_of(POINTS[:50], 0.5)
    odom_T_velo = np.eye(4)
    odom_T_velo[0, 3] = 0.5
    seen = point_by_point(POINTS[:50], 0.5)
    points_velo = POINTS - odom_T_velo[:3, 3]
    expected = np.mean([tuple(np.floor(p / 0.5).astype(int)) in seen for p in POINTS])
    assert 0 < expected < 1
    assert overlap_ratio(odom_T_velo, points_velo, moments, 0.5) == expected
    assert overlap_ratio(odom_T_velo, points_velo[:0], moments, 0.5) == 0.0
    assert overlap_ratio(odom_T_velo, points_velo, empty_moments(), 0.5) == 0.0


def test_a_restored_map_has_the_same_rows_in_the_same_order() -> None:
    moments = moments_of(POINTS, 0.5)
    again = restored_moments(moments.keys, moments.sums)
    np.testing.assert_array_equal(again.keys, moments.keys)
    np.testing.assert_array_equal(again.sums, moments.sums)
    assert overlap_ratio(np.eye(4), POINTS, again, 0.5) == 1.0
