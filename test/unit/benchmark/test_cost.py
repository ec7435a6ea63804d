# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scans with fewer and more points."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.cost import resampled
from unsup_track_ros.structures.frame import PointCloud


def scan(number: int = 100) -> PointCloud:
    places = np.arange(number, dtype=np.float32)
    return PointCloud(
        points_velo=np.stack([places, places, places], axis=1),
        intensity=places,
        ring=places.astype(int),
    )


@pytest.mark.parametrize(("factor", "expected"), [(0.5, 50), (1.0, 100), (1.5, 150), (2.0, 200)])
def test_a_scan_gets_as_many_points_as_asked_for_in_its_order(factor: float, expected: int) -> None:
    cloud = resampled(scan(), factor, np.random.default_rng(0))
    assert cloud.intensity is not None
    assert cloud.ring is not None
    assert cloud.time_offset_s is None
    assert len(cloud.points_velo) == len(cloud.ring) == expected
    assert (np.diff(cloud.intensity) >= 0).all()


def test_copies_lie_a_little_aside_and_the_originals_stay() -> None:
    cloud = resampled(scan(), 2.0, np.random.default_rng(0))
    np.testing.assert_array_equal(cloud.points_velo[::2], scan().points_velo)
    aside = np.linalg.norm(cloud.points_velo[1::2] - scan().points_velo, axis=1)
    assert (aside > 0).all()
    assert (aside < 0.1).all()


def test_the_input_is_left_alone() -> None:
    cloud = scan()
    resampled(cloud, 2.0, np.random.default_rng(0))
    np.testing.assert_array_equal(cloud.points_velo, scan().points_velo)
