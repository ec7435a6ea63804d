# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry.group_sampling import evenly_picked


def test_nothing_has_no_sample() -> None:
    assert evenly_picked(np.zeros(0, np.int64), 3).tolist() == []


def test_small_groups_are_kept_whole_and_large_ones_thinned_evenly() -> None:
    group = np.array([0, 0, 2, 2, 2, 2, 2, 2, 5])
    assert evenly_picked(group, 3).tolist() == [0, 1, 2, 4, 6, 8]


@pytest.mark.parametrize("size", [1, 7, 99, 100, 101, 257, 1000])
def test_no_group_gives_more_than_its_share_nor_much_less(size: int) -> None:
    picked = evenly_picked(np.zeros(size, np.int64), 100)
    assert min(size, 50) <= len(picked) <= 100
    assert picked[0] == 0
    assert np.diff(picked, append=size).max() <= size / 100 + 1


def test_the_rows_are_those_that_pass_a_multiple_of_the_stride() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        group = np.sort(rng.integers(0, 6, rng.integers(0, 400)))
        most = int(rng.integers(1, 50))
        expected = []
        for name in np.unique(group):
            rows = np.flatnonzero(group == name)
            passed = np.floor(np.arange(len(rows)) / max(len(rows) / most, 1.0))
            expected += rows[np.diff(passed, prepend=-1.0) > 0].tolist()
        assert evenly_picked(group, most).tolist() == expected
