# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a scan sees through."""

from __future__ import annotations

import numpy as np

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
