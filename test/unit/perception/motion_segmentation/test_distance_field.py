# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of distances: single points, so that every entry can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unsup_track_ros.perception.motion_segmentation.distance_field import (
    DistanceField,
    height_layer,
)

CELL_M = 0.1


def field_of(*points: tuple[float, float, float], reach_m: float = 3.0) -> DistanceField:
    array = np.array(points, np.float32).reshape(-1, 3)
    return DistanceField(
        array,
        array[:, 2],
        half_side_m=10.0,
        reach_m=reach_m,
        cell_m=CELL_M,
        device=torch.device("cpu"),
    )


def distance_m(field: DistanceField, x: float, y: float, height_m: float = 0.5) -> float:
    layer = torch.from_numpy(height_layer(np.array([height_m], np.float32)))
    return float(field.distance_m(field.index(torch.tensor([[x, y]]), layer)))


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


def test_what_lies_outside_the_covered_square_is_far_from_everything() -> None:
    field = field_of((9.95, 0.05, 0.5), (10.45, 0.05, 0.5))  # the second is not covered
    assert distance_m(field, 9.95, 0.05) == 0.0
    assert distance_m(field, 10.45, 0.05) == 1.0
    assert distance_m(field, 1e4, -1e4) == 1.0


def test_a_scan_without_points_is_far_from_everything() -> None:
    assert distance_m(field_of(), 0.0, 0.0) == 1.0


def test_a_shift_of_the_index_is_a_look_up_at_the_shifted_place() -> None:
    field = field_of((2.05, 1.05, 0.5))
    layer = torch.zeros(1, dtype=torch.int64)
    index = field.index(torch.tensor([[3.05, 0.05]]), layer)
    cells = field.whole_cells(torch.tensor([[1.04, -0.97]]))
    assert cells.tolist() == [[10, -10]]
    assert float(field.distance_m(field.shifted(index, cells))) == 0.0


def test_the_longest_shift_of_the_farthest_place_stays_in_the_table() -> None:
    field = field_of((2.05, 1.05, 0.5))
    layer = torch.tensor([0, 2])
    far = field.index(torch.tensor([[1e5, 1e5], [-1e5, -1e5]]), layer)
    for shift in ([1e5, 1e5], [-1e5, -1e5]):
        cells = field.whole_cells(torch.tensor([shift, shift]))
        assert cells.abs().max() == int(3.0 / CELL_M)
        assert (field.distance_m(field.shifted(far, cells)) == 1.0).all()


def test_the_mean_is_over_the_points() -> None:
    field = field_of((2.05, 1.05, 0.5))
    places = torch.tensor([[[2.05, 1.05], [2.45, 1.05]], [[2.05, 1.05], [2.05, 1.05]]])
    index = field.index(places, torch.zeros(2, 2, dtype=torch.int64))
    np.testing.assert_allclose(field.mean_distance_m(index).numpy(), [0.2, 0.0], atol=1e-6)
