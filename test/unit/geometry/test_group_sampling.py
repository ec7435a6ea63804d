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
