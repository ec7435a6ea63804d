# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry.grouped_rows import group_means, renumbered, rows_by_group


def test_rows_come_by_label_and_in_their_order_and_those_of_label_zero_stay_out() -> None:
    row, label = rows_by_group(np.array([3, 0, 1, 3, 1, 0]), 10)
    assert row.tolist() == [2, 4, 0, 3]
    assert label.tolist() == [1, 1, 3, 3]


def test_of_large_groups_an_even_share_is_picked() -> None:
    row, label = rows_by_group(np.repeat([1, 2], [10, 3]), 5)
    assert row.tolist() == [0, 2, 4, 6, 8, 10, 11, 12]
    assert label.tolist() == [1] * 5 + [2] * 3


def test_no_rows_and_no_groups_give_nothing() -> None:
    for labels in (np.zeros(0, np.int64), np.zeros(4, np.int64)):
        row, label = rows_by_group(labels, 5)
        assert len(row) == len(label) == 0


def test_small_groups_are_kept_whole_and_large_ones_thinned_evenly() -> None:
    group = np.array([0, 0, 2, 2, 2, 2, 2, 2, 5])
    assert rows_by_group(group + 1, 3)[0].tolist() == [0, 1, 2, 4, 6, 8]


@pytest.mark.parametrize("size", [1, 7, 99, 100, 101, 257, 1000])
def test_no_group_gives_more_than_its_share_nor_much_less(size: int) -> None:
    picked, _ = rows_by_group(np.ones(size, np.int64), 100)
    assert min(size, 50) <= len(picked) <= 100
    assert picked[0] == 0
    assert np.diff(picked, append=size).max() <= size / 100 + 1


def _picked_group_by_group(label: np.ndarray, most: int) -> list[int]:
    """Return the rows that pass a multiple of the stride of their group."""
    picked = []
    for name in np.unique(label[label > 0]):
        rows = np.flatnonzero(label == name)
        passed = np.floor(np.arange(len(rows)) / max(len(rows) / most, 1.0))
        picked += rows[np.diff(passed, prepend=-1.0) > 0].tolist()
    return picked


def test_the_rows_are_those_that_pass_a_multiple_of_the_stride() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        group = np.sort(rng.integers(0, 6, rng.integers(0, 400)))
        most = int(rng.integers(1, 50))
        picked, _ = rows_by_group(group + 1, most)
        assert picked.tolist() == _picked_group_by_group(group + 1, most)


def test_groups_that_are_not_wanted_stay_out() -> None:
    label = np.random.default_rng(1).integers(0, 6, 300)
    wanted = np.array([False, True, False, True, True, False, True])
    row, group = rows_by_group(label, 20, wanted)
    assert row.tolist() == _picked_group_by_group(np.where(wanted[label], label, 0), 20)
    np.testing.assert_array_equal(group, label[row])


@pytest.mark.parametrize("most", [1, 7, 64, 1000])
@pytest.mark.parametrize("kind", [np.int64, np.int32])
def test_rows_by_group_are_those_of_sorting_and_picking(most: int, kind: type) -> None:
    labels: np.ndarray = np.random.default_rng(most).integers(0, 9, 900).astype(kind)
    labels[labels == 4] = 0
    labels.setflags(write=False)
    member = _picked_group_by_group(labels, most)
    row, label = rows_by_group(labels, most)
    np.testing.assert_array_equal(row, member)
    np.testing.assert_array_equal(label, labels[member])


def test_means_are_of_finite_rows_and_nan_where_there_is_none() -> None:
    values = np.array([[1, 2], [3, np.nan], [5, 6], [np.inf, 1], [7, 7]], np.float32)
    means = group_means(values, np.array([1, 1, 1, 2, 3]), 5)
    expected = [[np.nan] * 2, [3, 4], [np.nan] * 2, [7, 7], [np.nan] * 2]
    np.testing.assert_array_equal(means, np.array(expected, np.float32))
    assert group_means(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), 2).shape == (2, 3)


def test_means_of_columns_of_a_larger_array_are_theirs() -> None:
    values = np.arange(12, dtype=np.float32).reshape(4, 3)[:, :2]
    means = group_means(values, np.array([0, 1, 1, 0]), 2)
    np.testing.assert_array_equal(means, [[4.5, 5.5], [4.5, 5.5]])


def test_kept_labels_are_numbered_in_their_order_and_others_are_none() -> None:
    label = np.array([0, 3, 1, 2, 3])
    assert renumbered(label, np.array([3, 1])).tolist() == [0, 1, 2, 0, 1]
    assert renumbered(label, np.zeros(0, np.int64)).tolist() == [0] * 5
    assert renumbered(np.zeros(0, np.int64), np.array([2])).tolist() == []
