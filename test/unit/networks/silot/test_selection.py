# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The choice of the objects to keep."""

from __future__ import annotations

import torch

from unsup_track_ros.networks.silot import Objects, SilotConfig
from unsup_track_ros.networks.silot.objects import no_objects, select, unpacked

CONFIG = SilotConfig(what_size=1, memory_size=1)


def objects(presences: list[float], first_name: int) -> Objects:
    """Objects whose appearance is their name."""
    empty = no_objects(torch.zeros(1, 1, 12, 12), len(presences), CONFIG)
    packed = empty.packed().clone()
    packed[..., 4] = first_name + torch.arange(len(presences))
    packed[..., 6] = torch.tensor(presences)
    return unpacked(packed, CONFIG)


def chosen(propagated: list[float], discovered: list[float]) -> tuple[list[float], list[bool]]:
    """Names and newness of the slots; propagated are named from 0, discovered from 100."""
    kept, is_new = select(objects(propagated, 0), objects(discovered, 100), CONFIG)
    return kept.what[0, :, 0].tolist(), is_new[0].tolist()


def test_the_surest_are_kept_and_survivors_keep_their_slot() -> None:
    names, is_new = chosen([0.9, 0.1, 0.8], [0.5, 0.0, 0.7])
    assert names == [0, 102, 2]
    assert is_new == [False, True, False]


def test_newcomers_fill_free_slots_in_the_order_of_their_cells() -> None:
    names, _ = chosen([0.0, 0.9, 0.0], [0.6, 0.1, 0.8])
    assert names == [100, 1, 102]


def test_ties_go_to_the_propagated() -> None:
    names, is_new = chosen([0.5, 0.5], [0.5, 0.5, 0.5])
    assert names == [0, 1]
    assert not any(is_new)


def test_with_nothing_propagated_all_slots_are_new() -> None:
    names, is_new = chosen([0.0, 0.0], [0.9, 0.2, 0.4])
    assert names == [100, 102]
    assert all(is_new)
