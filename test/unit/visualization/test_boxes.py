# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.visualization.boxes import EDGES, FLOOR, FRONT_FACE, clipped_edges, corners


def test_corners_of_a_box_along_the_axes_are_its_half_sizes() -> None:
    found = corners(np.array([[10.0, 2.0, 1.0, 4.0, 2.0, 1.5, 0.0]]))[0]
    np.testing.assert_allclose(found.min(axis=0), [8.0, 1.0, 0.25])
    np.testing.assert_allclose(found.max(axis=0), [12.0, 3.0, 1.75])
    np.testing.assert_allclose(found[FLOOR, 2], 0.25)
    np.testing.assert_allclose(found[FRONT_FACE, 0], 12.0)


def test_a_quarter_turn_to_the_left_swaps_length_and_width() -> None:
    found = corners(np.array([[0.0, 0, 0, 4.0, 2.0, 1.5, np.pi / 2]]))[0]
    np.testing.assert_allclose(found.max(axis=0), [1.0, 2.0, 0.75])
    np.testing.assert_allclose(found[FRONT_FACE, 1], 2.0)


def test_no_box_has_no_corners() -> None:
    assert corners(np.zeros((0, 7))).shape == (0, 8, 3)


def test_the_edges_have_the_lengths_of_the_sides() -> None:
    found = corners(np.array([[3.0, -2.0, 0.5, 4.0, 2.0, 1.5, 0.7]]))[0]
    lengths = np.linalg.norm(found[EDGES[:, 0]] - found[EDGES[:, 1]], axis=1)
    np.testing.assert_allclose(np.sort(lengths), [1.5] * 4 + [2.0] * 4 + [4.0] * 4)


def box_at_depth(depth_m: float) -> np.ndarray:
    """A cube of 2 m whose corners are given in cam axes, centre `depth_m` ahead."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    # The drawing's corner order does not matter for depths alone, but the edges must be edges.
    order = corners(np.array([[0.0, 0, 0, 2, 2, 2, 0]]))[0]
    assert {tuple(row) for row in order} == {tuple(row) for row in signs}
    return np.stack([order[:, 1], order[:, 2], order[:, 0] + depth_m], axis=1)


@pytest.mark.parametrize(("depth_m", "number"), [(10.0, 12), (-10.0, 0)])
def test_edges_all_ahead_stay_and_all_behind_go(depth_m: float, number: int) -> None:
    assert len(clipped_edges(box_at_depth(depth_m), 0.3)) == number


def test_edges_through_the_camera_plane_are_cut_at_the_nearest_depth() -> None:
    found = clipped_edges(box_at_depth(0.0), 0.3)
    assert len(found) == 8  # four ahead, four cut, four behind
    np.testing.assert_allclose(found[..., 2].min(), 0.3)
    np.testing.assert_allclose(found[..., 2].max(), 1.0)
    np.testing.assert_allclose(np.abs(found[..., :2]), 1.0)
