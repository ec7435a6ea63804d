# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ConnComp: connected regions of a colour, followed by distance."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.perception.color_components import (
    ColorComponentsConfig,
    ColorComponentsTracker,
)


def image_with(*squares: tuple[int, int, int]) -> np.ndarray:
    """Squares of 4 px at row, column in a channel."""
    image = np.zeros((40, 40, 3), np.uint8)
    for row, column, channel in squares:
        image[row : row + 4, column : column + 4, channel] = 255
    return image


def test_regions_of_one_colour_are_objects() -> None:
    tracker = ColorComponentsTracker(ColorComponentsConfig())
    _, boxes_px = tracker.step(image_with((2, 3, 0), (20, 30, 0)))
    assert sorted(boxes_px.tolist()) == [[2, 3, 6, 7], [20, 30, 24, 34]]


def test_touching_regions_are_two_where_colours_differ_and_one_where_not() -> None:
    tracker = ColorComponentsTracker(ColorComponentsConfig())
    assert len(tracker.step(image_with((2, 3, 0), (2, 7, 1)))[0]) == 2
    assert len(tracker.step(image_with((2, 3, 0), (2, 7, 0)))[0]) == 1


def test_identities_follow_the_nearest_centre() -> None:
    tracker = ColorComponentsTracker(ColorComponentsConfig())
    first, before = tracker.step(image_with((2, 3, 0), (20, 30, 0)))
    second, now = tracker.step(image_with((4, 3, 0), (20, 28, 0)))
    names = {tuple(np.rint(box / 10)): name for name, box in zip(first, before, strict=True)}
    assert names == {tuple(np.rint(box / 10)): n for n, box in zip(second, now, strict=True)}


def test_what_jumps_too_far_is_new() -> None:
    tracker = ColorComponentsTracker(ColorComponentsConfig(max_move_px=5.0))
    first, _ = tracker.step(image_with((2, 3, 0)))
    second, _ = tracker.step(image_with((30, 3, 0)))
    assert second[0] != first[0]


def test_a_black_image_has_no_objects() -> None:
    ids, boxes_px = ColorComponentsTracker(ColorComponentsConfig()).step(image_with())
    assert len(ids) == 0
    assert boxes_px.shape == (0, 4)
