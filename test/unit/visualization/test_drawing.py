# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.visualization import drawing

RED = (255, 0, 0)


def canvas() -> np.ndarray:
    return np.zeros((60, 100, 3), np.uint8)


def test_a_line_covers_its_points_in_its_color() -> None:
    image = canvas()
    drawing.polyline(image, np.array([[10.0, 20.0], [90.0, 20.0]]), RED, 1)
    assert image[20, 50, 0] > 200
    assert image[30].sum() == 0
    assert image[..., 1:].sum() == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_line_to_nowhere_is_left_out(bad: float) -> None:
    image = canvas()
    drawing.polyline(image, np.array([[10.0, 20.0], [bad, 20.0]]), RED)
    drawing.filled(image, np.array([[10.0, 20.0], [bad, 20.0], [5, 5]]), RED, 1.0)
    drawing.arrow(image, np.array([10.0, 20.0]), np.array([bad, 20.0]), RED)
    drawing.plate(image, "7", (bad, 20.0), color=RED)
    drawing.dashed(image, np.array([[10.0, 20.0], [bad, 20.0]]), RED)
    assert image.sum() == 0


def test_a_line_far_outside_does_not_wrap_into_the_image() -> None:
    image = canvas()
    drawing.polyline(image, np.array([[1e9, 1e9], [2e9, 1e9]]), RED)
    assert image.sum() == 0


def test_only_whole_segments_are_drawn() -> None:
    image = canvas()
    two = np.array([[[10.0, 10.0], [20.0, 10.0]], [[np.nan, 5.0], [9.0, 9.0]]])
    drawing.segments(image, two, RED)
    assert image[10, 15, 0] > 200
    drawing.segments(image, np.zeros((0, 2, 2)), RED)


def test_a_dashed_line_has_gaps() -> None:
    image = canvas()
    drawing.dashed(image, np.array([[0.0, 30.0], [99.0, 30.0]]), RED)
    row = image[30, :, 0]
    assert (row > 200).any()
    assert (row[3:-3] == 0).any()


def test_filling_mixes_and_stays_in_the_polygon() -> None:
    image = np.full((60, 100, 3), 100, np.uint8)
    square = np.array([[20.0, 20.0], [40.0, 20.0], [40.0, 40.0], [20.0, 40.0]])
    drawing.filled(image, square, (200, 100, 0), 0.5)
    assert tuple(image[30, 30]) == (150, 100, 50)
    assert tuple(image[50, 50]) == (100, 100, 100)


def test_filling_outside_the_image_changes_nothing() -> None:
    image = canvas()
    drawing.filled(image, np.array([[-50.0, -50.0], [-20.0, -50.0], [-20.0, -20.0]]), RED, 1.0)
    assert image.sum() == 0


def test_a_short_arrow_is_left_out_and_a_long_one_points_to_its_end() -> None:
    image = canvas()
    drawing.arrow(image, np.array([10.0, 10.0]), np.array([12.0, 10.0]), RED)
    assert image.sum() == 0
    drawing.arrow(image, np.array([10.0, 30.0]), np.array([80.0, 30.0]), RED)
    columns = np.flatnonzero(image[..., 0].any(axis=0))
    assert columns.min() >= 8
    assert columns.max() <= 82
    heights = (image[..., 0] > 0).sum(axis=0)
    assert heights[74] > heights[40]


def test_a_plate_stays_inside_the_image() -> None:
    for anchor in ((-500.0, -500.0), (5000.0, 5000.0)):
        image = canvas()
        drawing.plate(image, "#12", anchor, color=RED)
        assert (image[..., 0] == 255).sum() > 100


def test_text_is_written_above_its_baseline() -> None:
    image = canvas()
    drawing.write(image, "M", (10.0, 40.0), height_px=20, color=(255, 255, 255))
    rows = np.nonzero((image > 200).all(axis=2))[0]
    assert rows.max() <= 41
    assert 15 <= rows.max() - rows.min() <= 24


def test_a_panel_darkens_what_is_below_and_no_lines_need_none() -> None:
    image = np.full((60, 100, 3), 255, np.uint8)
    drawing.lines_of_text(image, [], (5, 5))
    assert (image == 255).all()
    drawing.lines_of_text(image, [("frame 1", (255, 255, 255))], (5, 5))
    assert image[8, 8, 0] < 150
