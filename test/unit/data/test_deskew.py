# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Motion compensation of a scan."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.data.deskew import deskew
from unsup_track_ros.data.transforms import TransformTooNewError, TransformTree
from unsup_track_ros.geometry.se3 import inverse, rigid, rotation_about_z, transform
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.frame import PointCloud

S = 1_000_000_000
BIN_S = 0.002


def pose(second: float) -> Float64[np.ndarray, "4 4"]:
    """Drive 20 m/s along x and turn by 0.5 rad/s."""
    return rigid(rotation_about_z(0.5 * second), np.array([20.0 * second, 0.0, 0.0]))


def tree() -> TransformTree:
    grown = TransformTree()
    for step in range(101):
        grown.insert("odom", "velo", step * S // 100, pose(step / 100))
    return grown


def test_the_points_of_a_wall_come_back_to_where_they_are_at_the_stamp() -> None:
    rng = np.random.default_rng(0)
    wall_odom = rng.uniform([20, -5, 0], [20, 5, 3], size=(500, 3))
    times = np.sort(rng.uniform(-0.1, 0.1, 500))
    seen = [
        transform(inverse(pose(0.5 + at)), point[None])[0]
        for at, point in zip(times, wall_odom, strict=True)
    ]
    raw = PointCloud(
        points_velo=np.array(seen, np.float32),
        intensity=np.arange(500, dtype=np.float32),
        time_offset_s=times.astype(np.float32),
    )
    expected = transform(inverse(pose(0.5)), wall_odom)
    compensated = deskew(raw, S // 2, ("velo", "odom"), tree(), BIN_S)
    assert np.abs(raw.points_velo - expected).max() > 1.0
    # Half a bin at 20 m/s is 2 cm.
    assert np.abs(compensated.points_velo - expected).max() < 0.025
    np.testing.assert_array_equal(compensated.intensity, raw.intensity)
    assert compensated.points_velo.dtype == np.float32


def test_a_compensated_scan_is_not_compensated_again() -> None:
    raw = PointCloud(
        points_velo=np.ones((2, 3), np.float32), time_offset_s=np.array([0.0, 0.1], np.float32)
    )
    once = deskew(raw, S // 2, ("velo", "odom"), tree(), BIN_S)
    assert once.time_offset_s is None
    assert deskew(once, S // 2, ("velo", "odom"), tree(), BIN_S) is once


def test_an_empty_scan_comes_back_as_it_is() -> None:
    raw = PointCloud(
        points_velo=np.empty((0, 3), np.float32), time_offset_s=np.empty(0, np.float32)
    )
    assert deskew(raw, S // 2, ("velo", "odom"), tree(), BIN_S) is raw


def test_a_scan_that_outlasts_the_poses_is_refused() -> None:
    raw = PointCloud(
        points_velo=np.ones((2, 3), np.float32), time_offset_s=np.array([0.0, 0.1], np.float32)
    )
    with pytest.raises(TransformTooNewError):
        deskew(raw, S, ("velo", "odom"), tree(), BIN_S)


def test_bins_reach_no_further_than_the_points() -> None:
    # Poses end exactly at the last point, whose bin centre would lie behind them.
    raw = PointCloud(
        points_velo=np.ones((2, 3), np.float32), time_offset_s=np.array([-0.0011, 0], np.float32)
    )
    late = deskew(raw, S, ("velo", "odom"), tree(), BIN_S)
    np.testing.assert_allclose(late.points_velo[1], 1.0, atol=1e-6)
