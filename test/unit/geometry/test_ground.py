# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Height over the local ground."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.ground import height_above_ground


def slope_level(grade: float) -> np.ndarray:
    x, y = (a.ravel() for a in np.meshgrid(np.arange(-20, 20, 0.25), np.arange(-20, 20, 0.25)))
    return np.stack([x, y, grade * x - 1.7], 1).astype(np.float32)


def test_a_point_over_level_ground_has_its_height() -> None:
    points = np.concatenate([slope_level(0.0), [[3.0, 1.0, -0.5]]]).astype(np.float32)
    np.testing.assert_allclose(height_above_ground(points)[-1], 1.2, atol=1e-5)


def test_a_five_percent_slope_stays_within_its_rise_over_the_neighbourhood() -> None:
    heights = height_above_ground(slope_level(0.05))
    assert heights.min() >= 0.0
    assert heights.max() <= 0.05 * 3.0 + 1e-4


def test_a_single_reflection_below_the_road_does_not_lift_its_surroundings() -> None:
    points = np.concatenate([slope_level(0.0), [[5.0, 5.0, -9.0]]]).astype(np.float32)
    near = np.hypot(points[:-1, 0] - 5, points[:-1, 1] - 5) < 3
    assert height_above_ground(points)[:-1][near].max() < 0.05


def test_an_empty_scan_has_no_heights() -> None:
    assert height_above_ground(np.zeros((0, 3), np.float32)).shape == (0,)
