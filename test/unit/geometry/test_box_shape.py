# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from unsup_track_ros.geometry.box_shape import (
    closeness,
    extents_along,
    minimum_area_rectangle,
    rectangle_angles,
)


def l_shape(
    length: float,
    width: float,
    yaw: float,
    centre: Sequence[float] | np.ndarray = (0.0, 0.0),
    step: float = 0.1,
) -> np.ndarray:
    """Return the near long side and the rear of a box, as a scanner sees them."""
    along = np.arange(-length / 2, length / 2 + 1e-9, step)
    across = np.arange(-width / 2, width / 2 + 1e-9, step)
    local = np.concatenate(
        [
            np.stack([along, np.full_like(along, -width / 2)], 1),
            np.stack([np.full_like(across, -length / 2), across], 1),
        ]
    )
    c, s = np.cos(yaw), np.sin(yaw)
    return np.asarray(local @ np.array([[c, s], [-s, c]]) + centre)


def test_one_degree_steps_cover_a_quarter_turn_without_its_end() -> None:
    angles = rectangle_angles(np.radians(1))
    assert len(angles) == 90
    assert angles[0] == 0
    assert angles[-1] == pytest.approx(np.radians(89))


def test_closeness_of_three_points_by_hand() -> None:
    """Points (0,0), (2,0), (0,1): at 0 deg each lies on a seen side, at the least distance."""
    points = np.array([[0.0, 0], [2, 0], [0, 1]])
    score = closeness(points, np.zeros(3, np.int64), np.array([0.0, np.pi / 4]), 0.1)
    assert score[0, 0] == pytest.approx(3 / 0.1)
    assert score[0, 1] < score[0, 0]


@pytest.mark.parametrize("yaw_deg", [0, 17, 44, 45, 46, 73, 89])
def test_closeness_finds_the_direction_of_an_l(yaw_deg: float) -> None:
    points = l_shape(4.2, 1.8, np.radians(yaw_deg))
    angles = rectangle_angles(np.radians(1))
    best = np.argmax(closeness(points, np.zeros(len(points), np.int64), angles, 0.02))
    assert best == yaw_deg


def test_groups_are_scored_as_if_alone() -> None:
    first, second = l_shape(4, 2, 0.3), l_shape(3, 1, 1.1, centre=(20.0, -5.0))
    angles = rectangle_angles(np.radians(3))
    group = np.repeat([0, 1], [len(first), len(second)])
    both = closeness(np.concatenate([first, second]), group, angles, 0.02)
    for row, points in enumerate((first, second)):
        alone = closeness(points, np.zeros(len(points), np.int64), angles, 0.02)
        np.testing.assert_allclose(both[row], alone[0])


def closeness_of_one(points: np.ndarray, angle: float, min_distance: float) -> float:
    """Score one direction around one group by the definition."""
    cosine, sine = np.cos(angle), np.sin(angle)
    distances = []
    for place in (points @ [cosine, sine], points @ [-sine, cosine]):
        to_low, to_high = place - place.min(), place.max() - place
        distances.append(to_low if to_low.sum() < to_high.sum() else to_high)
    return float((1 / np.maximum(np.minimum(*distances), min_distance)).sum())


@pytest.mark.parametrize(("precision", "rounding"), [(np.float32, 1e-4), (np.float64, 1e-9)])
def test_closeness_is_that_of_its_definition(precision: type, rounding: float) -> None:
    generator = np.random.default_rng(4)
    group = np.repeat([0, 1, 2, 3], [1, 2, 40, 300])
    points: np.ndarray = generator.uniform(-5, 5, (len(group), 3)).astype(precision)[:, :2]
    angles = rectangle_angles(np.radians(7))
    expected = [
        [closeness_of_one(points[group == g].astype(float), a, 0.05) for a in angles]
        for g in range(4)
    ]
    np.testing.assert_allclose(closeness(points, group, angles, 0.05), expected, rtol=rounding)


def test_no_group_has_no_score_and_no_extent() -> None:
    nothing = np.zeros((0, 2)), np.zeros(0, np.int64)
    assert closeness(*nothing, rectangle_angles(0.1), 0.1).shape == (0, 16)
    assert extents_along(*nothing, np.zeros(0), 0.1)[1].shape == (0, 2)


@pytest.mark.parametrize("num", [1, 7, 300])  # of groups: their numbers have one byte or two
def test_a_share_of_each_group_is_left_out_at_each_end(num: int) -> None:
    generator = np.random.default_rng(num)
    group = np.sort(np.concatenate([np.arange(num), generator.integers(0, num, 20 * num)]))
    points = generator.normal(size=(len(group), 2))
    centre, size = extents_along(points, group, np.zeros(num), 0.1)
    for row in range(num):
        place = np.sort(points[group == row], axis=0)
        out = int(0.1 * len(place))
        np.testing.assert_array_equal(size[row], place[-1 - out] - place[out])
        np.testing.assert_allclose(centre[row], (place[-1 - out] + place[out]) / 2)


def test_extents_along_a_direction_are_those_of_the_turned_rectangle() -> None:
    points = l_shape(4.0, 2.0, 0.5, centre=(3.0, 1.0))
    centre, size = extents_along(points, np.zeros(len(points), np.int64), np.array([0.5]))
    np.testing.assert_allclose(centre, [[3, 1]], atol=1e-9)
    np.testing.assert_allclose(size, [[4, 2]], atol=1e-9)


def test_the_smallest_rectangle_names_its_long_side() -> None:
    centre, length, width, angle = minimum_area_rectangle(l_shape(5.0, 2.0, 2.0, centre=(1.0, 2.0)))
    np.testing.assert_allclose(centre, [1, 2], atol=1e-5)
    assert length == pytest.approx(5, abs=1e-5)
    assert width == pytest.approx(2, abs=1e-5)
    assert np.sin(angle - 2.0) == pytest.approx(0, abs=1e-5)


def test_points_on_a_line_make_a_rectangle_without_width() -> None:
    _, length, width, angle = minimum_area_rectangle(np.array([[0.0, 0], [1, 1], [3, 3]]))
    assert length == pytest.approx(3 * np.sqrt(2), abs=1e-5)
    assert width == pytest.approx(0, abs=1e-5)
    assert np.tan(angle) == pytest.approx(1)
