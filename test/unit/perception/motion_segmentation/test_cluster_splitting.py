# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cutting parts out of clusters, on points laid out by hand in cells of 1 m."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from unsup_track_ros.perception.motion_segmentation.cluster_splitting import Cut, cut_out
from unsup_track_ros.perception.motion_segmentation.scan_facts import Clusters

CUT = Cut(cell_m=1.0, min_points=3, min_share=0.5)


def row_of_points(num: int, per_cell: int = 2) -> np.ndarray:
    """Return points along x, `per_cell` in each cell of 1 m."""
    x = (np.arange(num) + 0.5) / per_cell
    return np.column_stack([x, np.full(num, 0.5), np.zeros(num)]).astype(np.float32)


def one_cluster(label: list[int]) -> Clusters:
    of_point = np.array(label, np.int64)
    sizes = np.bincount(of_point)
    return Clusters(label=of_point, sizes=sizes, extents_m=np.full(len(sizes), 9.0))


def cut(
    clusters: Clusters,
    points: np.ndarray,
    chosen: list[int],
    asked: list[int] | None = None,
    how: Cut = CUT,
) -> Clusters:
    masks = np.zeros((2, len(points)), bool)
    masks[0, range(len(points)) if asked is None else asked] = True
    masks[1, chosen] = True
    return cut_out(clusters, points, masks[0], masks[1], how)


def test_a_compact_part_gets_a_cluster_of_its_own_behind_the_others() -> None:
    points = row_of_points(10)
    answer = cut(one_cluster([1] * 10), points, [6, 7, 8, 9])
    assert answer.label.tolist() == [1] * 6 + [2] * 4
    assert answer.sizes.tolist() == [0, 6, 4]
    np.testing.assert_allclose(answer.extents_m, [9.0, 9.0, 1.5])


def test_two_parts_apart_are_two_clusters() -> None:
    points = row_of_points(16)
    answer = cut(one_cluster([1] * 16), points, [0, 1, 2, 3, 10, 11, 12, 13])
    assert answer.label.tolist() == [2] * 4 + [1] * 6 + [3] * 4 + [1] * 2


def test_cells_leave_whole_if_half_of_their_asked_points_are_chosen() -> None:
    points = row_of_points(12, per_cell=4)
    answer = cut(one_cluster([1] * 12), points, [4, 5, 6, 8])  # 3 of 4, and 1 of 4
    assert answer.label.tolist() == [1] * 4 + [2] * 4 + [1] * 4


def test_points_that_were_not_asked_do_not_outvote_those_that_were() -> None:
    """Of the 12 points of a cell 4 were asked and 3 chosen: it leaves with all 12."""
    away = row_of_points(2) + np.array([3, 0, 0], np.float32)
    points = np.concatenate([row_of_points(12, per_cell=12), away])
    answer = cut(one_cluster([1] * 14), points, [0, 1, 2], asked=[0, 1, 2, 3, 12, 13])
    assert answer.label.tolist() == [2] * 12 + [1] * 2


def test_too_few_chosen_points_change_nothing() -> None:
    clusters = one_cluster([1] * 10)
    assert cut(clusters, row_of_points(10), [6, 7]) is clusters
    scattered = cut(clusters, row_of_points(10), [0, 4, 9])  # enough, but not in one part
    assert scattered.label.tolist() == [1] * 10


def test_points_of_no_cluster_and_points_that_were_not_asked_are_not_cut_out() -> None:
    points = row_of_points(10)
    assert cut(one_cluster([0] * 10), points, [0, 1, 2, 3]).label.tolist() == [0] * 10
    answer = cut(one_cluster([1] * 10), points, [0, 1, 2, 3], asked=[6, 7, 8, 9])
    assert answer.label.tolist() == [1] * 10


def test_a_scan_without_points_has_no_parts() -> None:
    clusters = one_cluster([])
    assert cut(clusters, row_of_points(0), []) is clusters


def test_a_random_scan_is_cut_as_plain_counting_says() -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform(-6, 6, (600, 3)).astype(np.float32)
    label = rng.integers(0, 4, 600)
    before = Clusters(
        label=label, sizes=np.bincount(label), extents_m=np.array([12.0, 9.0, 8.0, 7.0])
    )
    asked, chosen = rng.random(600) < 0.8, (points[:, 0] > 2) & (rng.random(600) < 0.7)
    answer = cut_out(before, points, asked, chosen, CUT)

    cell = np.floor(points[:, :2]).astype(int)
    here, leaving = np.zeros((2, 12, 12))
    for k in np.flatnonzero(asked & (label > 0)):
        here[tuple(cell[k] + 6)] += 1
        leaving[tuple(cell[k] + 6)] += chosen[k]
    taken = (leaving > 0) & (leaving >= 0.5 * here)
    parts, _ = ndimage.label(taken, np.ones((3, 3)))
    part = np.where(label > 0, parts[tuple(cell.T + 6)], 0)
    large = [p for p in range(1, part.max() + 1) if (chosen & asked & (part == p)).sum() >= 3]
    np.testing.assert_array_equal(answer.label > 3, np.isin(part, large))
    np.testing.assert_array_equal(answer.label[answer.label <= 3], label[answer.label <= 3])
    np.testing.assert_array_equal(answer.sizes, np.bincount(answer.label))
    for new in range(4, len(answer.sizes)):
        own = answer.label == new
        assert len(np.unique(part[own])) == 1
        assert answer.extents_m[new] == np.ptp(points[own, :2], axis=0).max()
    np.testing.assert_array_equal(answer.extents_m[:4], before.extents_m)
