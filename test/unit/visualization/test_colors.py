# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import colorsys
import itertools

import numpy as np

from unsup_track_ros.visualization.colors import BACKGROUND, MOVING, dimmed, ramp, track_color


def hue(color: tuple[int, int, int]) -> float:
    return colorsys.rgb_to_hsv(*(channel / 255 for channel in color))[0]


def test_a_track_keeps_its_color() -> None:
    assert track_color(7) == track_color(7)


def test_neighbouring_ids_differ_clearly() -> None:
    hues = [hue(track_color(i)) for i in range(200)]
    apart = [min(abs(a - b), 1 - abs(a - b)) for a, b in itertools.pairwise(hues)]
    assert min(apart) > 0.2


def test_no_track_has_the_color_of_moving_points() -> None:
    nearest = min(abs(hue(track_color(i)) - hue(MOVING)) for i in range(1000))
    assert nearest > 0.03


def test_dimming_mixes_with_the_background() -> None:
    assert dimmed((200, 100, 0), 1.0) == (200, 100, 0)
    assert dimmed((200, 100, 0), 0.0) == BACKGROUND


def test_a_ramp_starts_and_ends_with_its_colors() -> None:
    found = ramp((0, 0, 0), (10, 20, 30), 11)
    np.testing.assert_array_equal(found[[0, 5, 10]], [[0, 0, 0], [5, 10, 15], [10, 20, 30]])
