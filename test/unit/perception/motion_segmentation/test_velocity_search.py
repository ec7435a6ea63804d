# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parts of the search, against plain counting."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.perception.motion_segmentation import velocity_search
from unsup_track_ros.perception.motion_segmentation.distance_field import DistanceField
from unsup_track_ros.perception.motion_segmentation.velocity_search import PastView

CELL_M, HALF_SIDE_M, REACH_M = 0.5, 5.0, 4.0


def view(num_clusters: int, rng: np.random.Generator, seconds: float = 0.5) -> PastView:
    """A field of some random points, and random samples of which some lie outside of it."""
    points = rng.uniform(-5, 5, (30, 3)).astype(np.float32)
    field = DistanceField(
        points,
        rng.uniform(0.5, 2.5, 30).astype(np.float32),
        clearance_m=0.3,
        half_side_m=HALF_SIDE_M,
        cell_m=CELL_M,
    )
    turn = 0.3
    return PastView(
        places=rng.uniform(-7, 7, (num_clusters, 8, 2)).astype(np.float32),
        layers=rng.integers(0, 3, (num_clusters, 8)).astype(np.int32),
        base0_R_base1=np.array(
            [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32
        ),
        seconds=seconds,
        field=field,
    )


def looked_up(field: DistanceField, place: np.ndarray, layer: int) -> int:
    x, y = np.floor((place + HALF_SIDE_M) / CELL_M)
    num = field.cells.shape[1]
    inside = 0 <= x < num and 0 <= y < num
    return int(field.cells[layer, int(y), int(x)]) if inside else field.far_cells


@pytest.mark.parametrize("num_clusters", [0, 1, 3])
@pytest.mark.parametrize("seconds", [0.5, -0.5])
def test_the_misfit_is_the_mean_distance_of_places_moved_back(
    num_clusters: int, seconds: float
) -> None:
    seen = view(num_clusters, np.random.default_rng(7), seconds)
    rng = np.random.default_rng(8)
    velocities = rng.uniform(-12, 12, (num_clusters, 20, 2)).astype(np.float32)
    whole, exact = seen.misfit_m(velocities, REACH_M), seen.exact_misfit_m(velocities)
    assert whole.shape == exact.shape == (num_clusters, 20)
    for k in range(num_clusters):
        for c in range(20):
            way = seen.base0_R_base1 @ velocities[k, c] * seconds
            cells = np.clip(np.rint(way / CELL_M), -REACH_M / CELL_M, REACH_M / CELL_M)
            for found, moved in ((whole, cells * CELL_M), (exact, way)):
                told = [
                    looked_up(seen.field, place - moved, layer)
                    for place, layer in zip(seen.places[k], seen.layers[k], strict=True)
                ]
                assert found[k, c] == pytest.approx(np.mean(told) * CELL_M, abs=1e-6)


def test_one_list_of_velocities_serves_all_clusters() -> None:
    seen = view(3, np.random.default_rng(1))
    grid = np.random.default_rng(2).uniform(-8, 8, (1, 9, 2)).astype(np.float32)
    each = seen.misfit_m(np.repeat(grid, 3, axis=0), REACH_M)
    np.testing.assert_array_equal(seen.misfit_m(grid, REACH_M), each)


def test_the_lowest_valleys_come_first_and_the_first_of_equals_leads() -> None:
    rng = np.random.default_rng(3)
    grid = velocity_search._square(3)
    cost = rng.integers(0, 6, (5, 49)).astype(np.float32)  # many are equal
    cost[4] = 2.0
    velocities, lowest = velocity_search._lowest_valleys(grid, cost)
    for k, image in enumerate(cost.reshape(-1, 7, 7)):
        valleys = [
            (image[y, x], 7 * y + x)
            for y in range(7)
            for x in range(7)
            if image[y, x] == image[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].min()
        ]
        expected = sorted(valleys)[:5]
        assert lowest[k, : len(expected)].tolist() == [value for value, _ in expected]
        assert np.isinf(lowest[k, len(expected) :]).all()
        np.testing.assert_array_equal(
            velocities[k, : len(expected)], grid[[index for _, index in expected]]
        )


def test_of_equal_answers_the_slowest_is_given() -> None:
    """Nothing is near whatever the velocity, so that standing is as good as anything."""
    seen = view(2, np.random.default_rng(4))
    lost = PastView(
        places=seen.places + 100,
        layers=seen.layers,
        base0_R_base1=seen.base0_R_base1,
        seconds=0.1,
        field=seen.field,
    )
    found = velocity_search.best_velocities([lost], 30.0, REACH_M)
    np.testing.assert_allclose(found, 0.0, atol=1e-6)
