# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a scan sees through."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry.range_image import RangeImage


def wall_velo(distance_m: float) -> np.ndarray:
    y, z = np.meshgrid(np.linspace(-3, 3, 301), np.linspace(-1, 1, 101))
    return np.stack([np.full(y.size, distance_m), y.ravel(), z.ravel()], 1).astype(np.float32)


def test_places_before_a_wall_are_free_and_places_behind_are_not() -> None:
    image = RangeImage(wall_velo(10.0))
    places = np.array([[5, 0, 0], [9.8, 0, 0], [10, 0, 0], [12, 0, 0]], np.float32)
    np.testing.assert_array_equal(image.sees_through(places, 0.35), [True, False, False, False])


def test_a_direction_without_returns_proves_nothing() -> None:
    image = RangeImage(wall_velo(10.0))
    assert not image.sees_through(np.array([[-5, 0, 0], [0, 5, 0]], np.float32), 0.35).any()


def test_a_thin_post_keeps_the_directions_beside_it_from_being_free() -> None:
    post = np.stack([np.full(50, 4.0), np.zeros(50), np.linspace(-1, 1, 50)], 1).astype(np.float32)
    image = RangeImage(np.concatenate([wall_velo(10.0), post]))
    assert not image.sees_through(np.array([[6.0, 0.0, 0.0]], np.float32), 0.35).any()
    assert image.sees_through(np.array([[6.0, 1.0, 0.0]], np.float32), 0.35).all()


def test_an_empty_scan_sees_through_nothing() -> None:
    image = RangeImage(np.zeros((0, 3), np.float32))
    assert not image.sees_through(np.array([[6.0, 0.0, 0.0]], np.float32), 0.35).any()


@pytest.mark.parametrize("num", [1, 3000])
def test_a_place_is_held_against_the_nearest_return_beside_its_direction(num: int) -> None:
    rng = np.random.default_rng(num)
    points = rng.normal(size=(num, 3)) * [10, 10, 2]
    places = np.concatenate([points[:1] * 0.5, rng.normal(size=(400, 3)) * [8, 8, 2]])

    def pixel(points_velo: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x, y, z = points_velo.T
        range_m = np.linalg.norm(points_velo, axis=1)
        row = np.clip(np.floor((np.arcsin(z / range_m) + 0.8) / 0.007), 0, 228)
        column = np.floor((np.arctan2(y, x) + np.pi) * 1440 / (2 * np.pi))
        return row, column, range_m

    row, column, range_m = pixel(points)
    image = RangeImage(points)
    free, blocked = image.sees_through(places, 0.5), image.is_blocked(places, 0.5)
    for k, (at_row, at_column, at_m) in enumerate(zip(*pixel(places), strict=True)):
        around = (column - at_column + 1) % 1440
        nearest_m = range_m[(abs(row - at_row) <= 1) & (around <= 2)].min(initial=np.inf)
        if at_row in (0, 228):  # beside them is nothing that stops a ray
            nearest_m = min(nearest_m, np.finfo(np.float32).max)
        assert free[k] == (np.isfinite(nearest_m) and nearest_m > at_m + 0.5)
        assert blocked[k] == (nearest_m < at_m - 0.5)
    assert free.any()


def test_points_that_must_not_be_written_to_are_read_and_unknown_ones_are_left_out() -> None:
    points = wall_velo(10.0)
    points[:10] = np.nan
    points.setflags(write=False)
    places = np.array([[5, 0, 0], [np.nan, 0, 0]], np.float32)
    assert RangeImage(points).sees_through(places, 0.35).tolist() == [True, False]


def test_the_seam_behind_the_sensor_has_neighbours_on_both_sides() -> None:
    just_left = np.array([[-10.0, 0.01, 0.0]], np.float32)
    just_right = np.array([[-5.0, -0.01, 0.0]], np.float32)
    assert RangeImage(just_left).sees_through(just_right, 0.35).all()
    assert RangeImage(just_right).is_blocked(just_left, 0.35).all()
