# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The coarse-to-fine translation search against trying every shift."""

from __future__ import annotations

import numpy as np
import torch
from unsup_track_ros.perception.motion_segmentation.translation_search import (
    DistanceField,
    best_translations,
    height_layer,
)

CPU = torch.device("cpu")


def l_shape(x: float, y: float) -> np.ndarray:
    """Return two sides of a 4 x 1.8 m car at 0.05 m spacing, heights 0.4..1.4 m."""
    along = np.arange(0, 4, 0.05)
    across = np.arange(0, 1.8, 0.05)
    sides = np.concatenate(
        [np.stack([along, 0 * along], 1), np.stack([0 * across, across], 1)]
    ) + np.array([x, y])
    heights = np.array([0.4, 1.0, 1.4])
    return np.concatenate([np.column_stack([sides, np.full(len(sides), h)]) for h in heights])


def field_of(points: np.ndarray, reach_m: float = 6.0) -> DistanceField:
    points = points.astype(np.float32)
    return DistanceField(
        points, points[:, 2], half_side_m=30.0, reach_m=reach_m, cell_m=0.1, device=CPU
    )


def search(points: np.ndarray, field: DistanceField) -> np.ndarray:
    points = points.astype(np.float32)
    layer = torch.from_numpy(height_layer(points[:, 2]))
    found = best_translations(torch.from_numpy(points[None, :, :2]), layer[None], field)
    return np.asarray(found[0])


def test_the_search_finds_the_shift_that_trying_all_finds() -> None:
    generator = np.random.default_rng(1)
    for _ in range(10):
        shift = generator.uniform(-5, 5, 2)
        past = l_shape(3.0, 2.0) + generator.normal(0, 0.01, (348, 3))
        now = past + np.array([*shift, 0.0])
        field = field_of(past)
        found = search(now, field)
        axis = np.arange(-60, 61) * 0.1
        tried = np.array([[x, y] for x in axis for y in axis])
        place = torch.from_numpy(now[None, ::4, :2] - tried[:, None]).float()
        layer = torch.from_numpy(height_layer(now[::4, 2].astype(np.float32)))
        error = field.distance_m(field.index(place, layer[None])).mean(-1)
        best = tried[int(error.argmin())]
        np.testing.assert_allclose(found, best, atol=0.16)
        np.testing.assert_allclose(found, shift, atol=0.1)


def test_a_standing_car_beside_its_twin_is_not_shifted_onto_the_twin() -> None:
    row = np.concatenate([l_shape(0.0, 0.0), l_shape(5.0, 0.0)])
    np.testing.assert_allclose(search(l_shape(0.0, 0.0), field_of(row)), [0.0, 0.0], atol=0.05)


def test_a_bonnet_is_not_laid_on_a_roof() -> None:
    past = np.tile([3.0, 0.0, 2.0], (40, 1))
    past[:, 1] = np.linspace(-1, 1, 40)
    low = past + np.array([0.3, 0.0, -1.5])
    field = field_of(past)
    layer = torch.from_numpy(height_layer(low[:, 2].astype(np.float32)))
    distance = field.distance_m(field.index(torch.from_numpy(low[:, :2]).float(), layer))
    assert distance.min() == 1.0
