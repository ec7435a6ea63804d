# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of distances: single points, so that every entry can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.perception.motion_segmentation.distance_field import (
    LAYER_TOPS_M,
    DistanceField,
    height_layer,
)

CELL_M = 0.1


def field_of(*points: tuple[float, float, float], half_side_m: float = 10.0) -> DistanceField:
    array = np.array(points, np.float32).reshape(-1, 3)
    return DistanceField(
        array,
        np.ascontiguousarray(array[:, 2]),
        clearance_m=0.3,
        half_side_m=half_side_m,
        cell_m=CELL_M,
    )


def distance_m(field: DistanceField, x: float, y: float, height_m: float = 0.5) -> float:
    """Return the distance by asking for ever larger limits."""
    place = np.array([[x, y, 0.0]], np.float32)
    layer = height_layer(np.array([height_m], np.float32))
    limits_m = [0.1 * k for k in range(10)]
    return next((d for d in limits_m if not field.is_farther(place, layer, d + 0.05)[0]), 1.0)


def test_heights_fall_into_bumpers_bodies_and_roofs() -> None:
    heights = np.array([0.0, 0.9, 0.91, 1.6, 1.61, 9.0], np.float32)
    assert height_layer(heights).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("x", "y", "expected_m"),
    [
        (2.05, 1.05, 0.0),
        (2.35, 1.05, 0.3),
        (2.05, 0.65, 0.4),
        (2.35, 0.65, 0.7),  # along the blocks, not 0.5 m as the crow flies
        (5.05, 1.05, 1.0),  # farther is not worse
        (-9.95, -9.95, 1.0),
    ],
)
def test_distances_are_those_along_city_blocks_up_to_one_metre(
    x: float, y: float, expected_m: float
) -> None:
    assert distance_m(field_of((2.05, 1.05, 0.5)), x, y) == pytest.approx(expected_m)


def test_every_height_band_has_its_own_distances() -> None:
    field = field_of((2.05, 1.05, 0.5), (4.05, 1.05, 2.0))
    assert distance_m(field, 2.05, 1.05, 0.5) == 0.0
    assert distance_m(field, 2.05, 1.05, 2.0) == 1.0
    assert distance_m(field, 4.05, 1.05, 2.0) == 0.0
    assert distance_m(field, 4.05, 1.05, 1.2) == 1.0


def test_points_on_the_ground_are_not_measured_to() -> None:
    field = field_of((2.05, 1.05, 0.3), (4.05, 1.05, np.nan), (6.05, 1.05, 0.31))
    assert distance_m(field, 2.05, 1.05) == distance_m(field, 4.05, 1.05) == 1.0
    assert distance_m(field, 6.05, 1.05) == 0.0


def test_what_lies_outside_the_covered_square_is_far_from_everything() -> None:
    field = field_of((9.95, 0.05, 0.5), (10.45, 0.05, 0.5))  # the second is not covered
    assert distance_m(field, 9.95, 0.05) == 0.0
    assert distance_m(field, 10.45, 0.05) == 1.0
    assert distance_m(field, 1e4, -1e4) == 1.0
    assert distance_m(field, 1e30, np.nan) == 1.0


def test_a_scan_without_points_is_far_from_everything() -> None:
    assert distance_m(field_of(), 0.0, 0.0) == 1.0


def test_nothing_is_known_to_be_farther_than_what_is_far() -> None:
    place, layer = np.zeros((1, 3), np.float32), np.zeros(1, np.int32)
    assert field_of().is_farther(place, layer, 0.95).all()
    assert not field_of().is_farther(place, layer, 1.05).any()


@pytest.mark.parametrize("num", [0, 1, 40])
def test_the_table_holds_the_distance_to_the_nearest_of_all_points(num: int) -> None:
    rng = np.random.default_rng(num)
    points = np.concatenate(
        [rng.uniform(-2.2, 2.2, (num, 2)), rng.uniform(0.0, 2.5, (num, 1))], 1
    ).astype(np.float32)
    field = field_of(*points, half_side_m=2.0)
    cell = np.floor((points[:, :2] + np.float32(2.0)) / np.float32(CELL_M)).astype(int)
    covered = (cell >= 0).all(axis=1) & (cell < 40).all(axis=1) & (points[:, 2] > 0.3)
    band = np.digitize(points[:, 2], LAYER_TOPS_M, right=True)
    row, column = np.mgrid[:40, :40]
    for layer in range(len(LAYER_TOPS_M) + 1):
        expected = np.full((40, 40), 10)
        for x, y in cell[covered & (band == layer)]:
            expected = np.minimum(expected, abs(column - x) + abs(row - y))
        np.testing.assert_array_equal(field.cells[layer], expected)
