# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.components import (
    component_labels,
    connected_components,
    large_components,
)

SHAPE = (6, 6, 6)


def label(volume: np.ndarray) -> list[int]:
    return [int(n) for n in connected_components(SHAPE, np.flatnonzero(volume))]


def block(*slices: int | slice) -> np.ndarray:
    volume = np.zeros(SHAPE, bool)
    volume[slices] = True
    return volume


def test_nothing_has_no_component() -> None:
    assert label(np.zeros(SHAPE, bool)) == []


def test_one_voxel_is_one_component() -> None:
    assert label(block(2, 3, 4)) == [1]


def test_voxels_that_touch_at_a_corner_join() -> None:
    assert label(block(0, 0, 0) | block(1, 1, 1)) == [1, 1]


def test_voxels_one_empty_voxel_apart_do_not_join() -> None:
    assert label(block(0, 0, 0) | block(0, 0, 2)) == [1, 2]


def test_the_end_of_a_row_does_not_join_the_start_of_the_next() -> None:
    assert label(block(2, 2, 5) | block(2, 3, 0)) == [1, 2]


def test_labels_follow_the_first_voxel_of_each_component() -> None:
    assert label(block(0, 5, 5) | block(1, 0, 0) | block(2, 0, 1)) == [1, 2, 2]


def test_graph_components_are_numbered_by_their_first_node() -> None:
    labels = component_labels(5, np.array([4, 1]), np.array([2, 3]))
    assert labels.tolist() == [1, 2, 3, 2, 3]


def large(
    volume: np.ndarray, *, counted: np.ndarray | None = None, min_side: int = 1, min_voxels: int = 3
) -> list[int]:
    voxels = np.flatnonzero(volume)
    index = np.stack(np.unravel_index(voxels, SHAPE), axis=1)
    labels = connected_components(SHAPE, voxels)
    mask = np.ones(len(voxels), bool) if counted is None else counted.reshape(-1)[voxels]
    large = large_components(index, labels, mask, min_side=min_side, min_voxels=min_voxels)
    return [int(n) for n in large]


def test_a_component_needs_an_extent_over_the_minimum_along_each_axis() -> None:
    """Three voxels have an index difference of 2, two have 1."""
    three, two = slice(0, 3), slice(0, 2)
    assert large(block(three, three, three)) == [1]
    assert large(block(two, three, three)) == []
    assert large(block(three, two, three)) == []
    assert large(block(three, three, two)) == []
    assert large(block(two, two, two), min_side=0) == [1]


def test_a_component_needs_more_counted_voxels_than_the_minimum() -> None:
    cube = block(slice(0, 3), slice(0, 3), slice(0, 3))
    assert large(cube, min_voxels=26) == [1]
    assert large(cube, min_voxels=27) == []
    only_three = block(0, 0, slice(0, 3))
    assert large(cube, counted=only_three, min_voxels=2) == [1]
    assert large(cube, counted=only_three, min_voxels=3) == []


def test_the_best_supported_component_comes_first() -> None:
    small, big = (
        block(slice(0, 2), slice(0, 2), slice(0, 2)),
        block(slice(3, 6), slice(3, 6), slice(3, 6)),
    )
    assert large(small | big, min_side=0) == [2, 1]


def test_no_voxels_have_no_large_component() -> None:
    assert large(np.zeros(SHAPE, bool)) == []
