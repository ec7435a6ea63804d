# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sizes from like objects, on sizes worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.tracking.size_prototypes import (
    Prototypes,
    SizePrototypeConfig,
    completed_sizes,
    is_like_any,
    prototypes_of,
)

CONFIG = SizePrototypeConfig(likeness=0.2, min_sightings=10)
CAR, LONG_CAR, VAN, MAN = (4.5, 1.8, 1.5), (4.9, 1.9, 1.5), (5.4, 2.1, 2.4), (0.6, 0.6, 1.75)
UNKNOWN = [np.nan] * 3


def sizes(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, 3)


def completed(
    size: tuple[float, float, float], seen: tuple[bool, bool, bool], *known: tuple[float, ...]
) -> list[float]:
    prototypes = Prototypes(sizes=np.array(known, np.float64).reshape(-1, 3))
    answer = completed_sizes(sizes(size), np.array([seen]), prototypes, CONFIG)
    return [float(side) for side in answer[0]]


def test_only_objects_seen_whole_and_often_are_prototypes() -> None:
    seen = np.array([[True] * 3, [True, False, True], [True] * 3])
    found = prototypes_of(sizes(CAR, VAN, MAN), seen, np.array([10, 50, 9]), CONFIG)
    assert found.sizes.tolist() == [list(CAR)]


def test_a_rear_face_gets_the_length_of_a_car_like_it_and_keeps_its_own_width() -> None:
    answer = completed((0.4, 1.7, 1.5), (False, True, True), CAR, VAN, MAN)
    assert answer[0] == 4.5
    np.testing.assert_array_equal(answer[1:], UNKNOWN[1:])


def test_the_median_of_the_like_ones_counts() -> None:
    answer = completed((0.4, 1.8, 1.5), (False, True, True), CAR, LONG_CAR, (4.0, 1.7, 1.4))
    assert answer[0] == 4.5


def test_what_is_shorter_than_the_seen_part_by_more_than_a_fifth_is_not_alike() -> None:
    part = (5.5, 1.8, 1.5)  # 4.5 m * 1.2 = 5.4 m
    np.testing.assert_array_equal(completed(part, (False, True, True), CAR), UNKNOWN)
    assert completed(part, (False, True, True), CAR, (6.0, 1.9, 1.5))[0] == 6.0


def test_nothing_alike_or_no_prototype_at_all_leaves_what_was_seen() -> None:
    np.testing.assert_array_equal(completed((0.4, 1.7, 1.5), (False, True, True), MAN), UNKNOWN)
    np.testing.assert_array_equal(completed((0.4, 1.7, 1.5), (False, True, True)), UNKNOWN)


def test_what_was_seen_whole_is_left_alone() -> None:
    np.testing.assert_array_equal(completed(CAR, (True, True, True), LONG_CAR), UNKNOWN)


@pytest.mark.parametrize(
    ("factor", "alike"), [(1.19, True), (1.21, False), (0.84, True), (0.82, False)]
)
def test_likeness_is_a_ratio_to_both_sides(factor: float, alike: bool) -> None:
    """A fifth longer at most, and shorter by the same ratio: 1 / 1.2 = 0.833."""
    size = sizes((4.5 * factor, 1.8, 1.5))
    assert is_like_any(size, Prototypes(sizes=sizes(CAR)), CONFIG).tolist() == [alike]


def test_without_prototypes_nothing_is_like_one_and_no_object_has_no_answer() -> None:
    none = Prototypes(sizes=sizes())
    assert is_like_any(sizes(CAR), none, CONFIG).tolist() == [False]
    assert is_like_any(sizes(), Prototypes(sizes=sizes(CAR)), CONFIG).shape == (0,)
    assert completed_sizes(sizes(), np.zeros((0, 3), bool), none, CONFIG).shape == (0, 3)
