# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Linked points against the test of every pair of points."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry.linked_points import linked_points

CELL_M, LINK_M, LINK_MPS = 0.25, 0.8, 1.5


def linked(points: np.ndarray, velocity: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    return linked_points(
        points, velocity, cluster, cell_m=CELL_M, link_m=LINK_M, link_velocity_mps=LINK_MPS
    )


def linked_by_pairs(points: np.ndarray, velocity: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Join whole cells pair by pair until nothing changes, and number groups by their cells."""
    keys = [
        (*np.floor(p[:2] / np.float32(CELL_M)).astype(int).tolist(), int(c))
        for p, c in zip(points, cluster, strict=True)
    ]
    cells = sorted(set(keys))
    rows = [np.array([k == cell for k in keys]) for cell in cells]
    centre = [points[r, :2].astype(np.float64).mean(0).astype(np.float32) for r in rows]
    speed = []
    for row in rows:
        known = velocity[row][np.isfinite(velocity[row]).all(1)]
        speed.append(known.mean(0) if len(known) else np.full(3, np.nan))
    group = list(range(len(cells)))
    for i in range(len(cells)):
        for j in range(i):
            near = np.hypot(*(centre[i].astype(float) - centre[j])) <= LINK_M
            apart = np.linalg.norm(speed[i] - speed[j]) > LINK_MPS
            if (near and not apart) or cells[i][2] == cells[j][2] > 0:
                old, new = max(group[i], group[j]), min(group[i], group[j])
                group = [new if g == old else g for g in group]
    order = {g: n for n, g in enumerate(sorted(set(group)), 1)}
    return np.array([order[group[cells.index(k)]] for k in keys])


@pytest.mark.parametrize("seed", range(6))
def test_points_are_linked_as_by_the_test_of_every_pair(seed: int) -> None:
    generator = np.random.default_rng(seed)
    points = generator.uniform(-4, 4, (120, 3)).astype(np.float32)
    velocity = generator.choice(np.array([0, 1, 5, np.nan], np.float32), (120, 3))
    cluster = generator.integers(0, 5, 120) * (generator.random(120) < 0.2)
    labels = linked(points, velocity, cluster)
    np.testing.assert_array_equal(labels, linked_by_pairs(points, velocity, cluster))
    assert 1 < labels.max() < 120


def test_no_point_and_one_point_are_labelled() -> None:
    nothing = np.zeros((0, 3), np.float32)
    assert linked(nothing, nothing, np.zeros(0, np.int64)).tolist() == []
    one = np.array([[-1.0, 2.0, 0.0]], np.float32)
    assert linked(one, one * np.nan, np.zeros(1, np.int64)).tolist() == [1]


def test_links_reach_exactly_as_far_as_they_should() -> None:
    points = np.array([[0, 0, 0], [0.8, 0, 0], [1.7, 0, 0]], np.float32)
    reach = float(np.float32(0.8))
    labels = linked_points(
        points, points * np.nan, np.zeros(3, np.int64),
        cell_m=CELL_M, link_m=reach, link_velocity_mps=LINK_MPS,
    )  # fmt: skip
    assert labels.tolist() == [1, 1, 2]
