# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Visible parts as measurements of whole objects."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.tracking import visible_extent
from unsup_track_ros.tracking.visible_extent import VisibleExtentConfig

CONFIG = VisibleExtentConfig()
SENSOR = np.zeros(3)
CAR = np.array([[12.25, 0, 0, 4.5, 1.8, 1.5, 0.0]])  # rear face at x = 10
SURE = np.eye(3)[None] * 1e-4


def measure(predicted: np.ndarray, detected: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    extent = visible_extent.visible_extent(predicted, detected)
    centre = visible_extent.measure_centre(predicted, covariance, extent, SENSOR, 0.15, CONFIG)
    return np.concatenate([centre.innovation_axes[0], centre.variance_axes[0]])


def test_a_box_turned_by_a_quarter_keeps_its_place_and_swaps_its_sides() -> None:
    rear = np.array([[10.2, 0, 0, 1.8, 0.4, 1.5, np.pi / 2]])
    low, high = visible_extent.visible_extent(CAR, rear)
    np.testing.assert_allclose(low, [[-2.25, -0.9, -0.75]])
    np.testing.assert_allclose(high, [[-1.85, 0.9, 0.75]])


def test_a_rear_face_where_it_is_expected_moves_nothing() -> None:
    rear = np.array([[10.2, 0, 0, 1.8, 0.4, 1.5, np.pi / 2]])
    np.testing.assert_allclose(measure(CAR, rear, SURE)[:3], 0.0, atol=1e-12)


def test_a_rear_face_further_away_moves_the_whole_car() -> None:
    rear = np.array([[10.5, 0, 0, 1.8, 0.4, 1.5, np.pi / 2]])
    result = measure(CAR, rear, SURE)
    assert result[0] == pytest.approx(0.3)
    assert result[3] == pytest.approx(0.15**2 + (0.1 * 4.1) ** 2)


def test_a_fragment_inside_the_object_hardly_moves_it() -> None:
    truck = np.array([[20.0, 0, 0, 12.0, 2.5, 3.0, 0.0]])
    part = np.array([[22.0, 0, 0, 2.0, 2.5, 3.0, 0.0]])
    result = measure(truck, part, SURE)
    assert result[0] == 0
    assert result[3] > 50  # ten metres of slack


def test_a_fragment_that_sticks_out_moves_the_object_until_it_is_inside() -> None:
    truck = np.array([[20.0, 0, 0, 12.0, 2.5, 3.0, 0.0]])
    part = np.array([[26.0, 0, 0, 2.0, 2.5, 3.0, 0.0]])
    assert measure(truck, part, SURE)[0] == pytest.approx(1.0)


def test_beside_the_sensor_the_middle_counts_less_the_more_is_missing() -> None:
    bus = np.array([[0.0, 5.0, 0, 12.0, 2.5, 3.0, 0.0]])
    whole = np.array([[0.2, 5.0, 0, 12.0, 2.5, 3.0, 0.0]])
    half = np.array([[0.2, 5.0, 0, 6.0, 2.5, 3.0, 0.0]])
    assert measure(bus, whole, SURE)[0] == pytest.approx(0.2)
    assert measure(bus, whole, SURE)[3] == pytest.approx(0.15**2)
    assert measure(bus, half, SURE)[3] == pytest.approx(0.15**2 + 36 / 12)


def follow(measured: tuple[float, float, float], predicted: np.ndarray = CAR) -> np.ndarray:
    ages_s = np.array([5.0])
    sizes = visible_extent.follow_size(predicted, np.array([measured]), ages_s, SENSOR, 0.1, CONFIG)
    return np.asarray(sizes[0])


def test_sizes_grow_faster_than_they_shrink() -> None:
    aside = np.array([[0.0, 12.0, 0, 4.5, 1.8, 1.5, 0.0]])
    grown, shrunk = follow((5.5, 1.8, 1.5), aside)[0], follow((3.5, 1.8, 1.5), aside)[0]
    assert grown - 4.5 == pytest.approx(1 - np.exp(-0.1 / 0.2))
    assert 4.5 - shrunk == pytest.approx((1 - np.exp(-0.1 / 4.0)) * (12 - 0.9) / 12)


def test_the_length_of_a_car_seen_from_behind_is_kept() -> None:
    np.testing.assert_allclose(follow((0.4, 1.8, 1.5)), [4.5, 1.8, 1.5])


def test_the_second_look_counts_as_much_as_the_first() -> None:
    size = visible_extent.follow_size(
        CAR, np.array([[6.5, 1.8, 1.5]]), np.array([0.1]), SENSOR, 0.1, CONFIG
    )
    assert size[0, 0] == pytest.approx(5.5)


def test_growth_leaves_the_face_that_faces_the_sensor_in_place() -> None:
    extent = visible_extent.visible_extent(CAR, CAR)
    sizes = np.array([[6.5, 1.8, 1.5]])
    shift = visible_extent.growth_shift(CAR, extent, sizes, SENSOR)
    np.testing.assert_allclose(shift, [[1.0, 0, 0]])
    coming = CAR.copy()
    coming[0, 6] = np.pi  # its front faces the sensor
    shift = visible_extent.growth_shift(coming, extent, sizes, SENSOR)
    np.testing.assert_allclose(shift, [[-1.0, 0, 0]], atol=1e-12)


def test_beside_the_sensor_growth_goes_where_more_is_seen() -> None:
    bus = np.array([[0.0, 5.0, 0, 6.0, 2.5, 3.0, 0.0]])
    seen = np.array([[2.0, 5.0, 0, 10.0, 2.5, 3.0, 0.0]])
    extent = visible_extent.visible_extent(bus, seen)
    shift = visible_extent.growth_shift(bus, extent, np.array([[7.0, 2.5, 3.0]]), SENSOR)
    np.testing.assert_allclose(shift, [[0.5, 0, 0]])


WHOLE = VisibleExtentConfig(whole_boxes=True, growth_time_s=1.0)


def test_the_centre_of_a_whole_box_is_measured_wherever_its_faces_are() -> None:
    """A box that is 1 m shorter moves nothing; a visible extent would keep its near face."""
    shorter = np.array([[12.25, 0.1, 0.2, 3.5, 1.8, 1.5, 0.0]])
    extent = visible_extent.visible_extent(CAR, shorter)
    centre = visible_extent.measure_centre(CAR, SURE, extent, SENSOR, 0.3, WHOLE)
    np.testing.assert_allclose(centre.innovation_axes, [[0.0, 0.1, 0.2]], atol=1e-12)
    np.testing.assert_allclose(centre.variance_axes, 0.09)
    visible = visible_extent.measure_centre(CAR, SURE, extent, SENSOR, 0.3, CONFIG)
    assert visible.innovation_axes[0, 0] == pytest.approx(0.5)
