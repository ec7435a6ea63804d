# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The walk: against a dense walk over all pairs of nodes, and by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from unsup_track_ros.networks.random_walk_memory import local_edges, one_hot, walk
from unsup_track_ros.networks.random_walk_memory import walk as walk_function
from unsup_track_ros.networks.random_walk_memory.tracker import belief_peak_px


def dense_matrix(
    nodes0: torch.Tensor, nodes1: torch.Tensor, reach: int, temperature: float
) -> torch.Tensor:
    """The slow oracle: the whole matrix of nodes x nodes, with what is too far left out."""
    _, rows, columns = nodes0.shape
    matrix = torch.zeros(rows * columns, rows * columns, dtype=torch.float64)
    for i in range(rows * columns):
        row, column = divmod(i, columns)
        weights = {}
        for j in range(rows * columns):
            other_row, other_column = divmod(j, columns)
            if abs(other_row - row) <= reach and abs(other_column - column) <= reach:
                likeness = (nodes0[:, row, column] * nodes1[:, other_row, other_column]).sum()
                weights[j] = torch.exp(likeness.double() / temperature)
        for j, weight in weights.items():
            matrix[i, j] = weight / sum(weights.values())
    return matrix


def some_nodes(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(shape, generator=generator), dim=1)


@pytest.mark.parametrize("reach", [1, 2, 7])
def test_a_walk_along_local_edges_is_a_walk_by_the_dense_matrix(reach: int) -> None:
    nodes0, nodes1 = some_nodes(2, 5, 4, 6), some_nodes(2, 5, 4, 6, seed=1)
    state = torch.rand(2, 3, 4, 6, generator=torch.Generator().manual_seed(2))
    moved = walk(state, local_edges(nodes0, nodes1, reach, 0.1))
    for batch in range(2):
        matrix = dense_matrix(nodes0[batch], nodes1[batch], reach, 0.1)
        expected = state[batch].flatten(1).double() @ matrix
        torch.testing.assert_close(moved[batch].flatten(1).double(), expected, rtol=1e-5, atol=1e-6)


def test_a_walker_is_somewhere_after_any_number_of_steps() -> None:
    state = one_hot(torch.tensor([[0, 23]]), 4, 6)
    for step in range(20):
        edges = local_edges(some_nodes(1, 8, 4, 6, seed=step), some_nodes(1, 8, 4, 6), 2, 0.1)
        state = walk(state, edges)
        torch.testing.assert_close(state.sum((2, 3)), torch.ones(1, 2))


def test_a_walker_follows_the_node_that_looks_the_same() -> None:
    nodes0 = functional.normalize(torch.eye(24).reshape(1, 24, 4, 6), dim=1)
    nodes1 = torch.roll(nodes0, shifts=(1, -1), dims=(2, 3))
    moved = walk(one_hot(torch.tensor([[8]]), 4, 6), local_edges(nodes0, nodes1, 1, 0.02))
    assert int(moved.argmax()) == 8 + 6 - 1
    assert float(moved.max()) > 0.99


def test_no_step_is_longer_than_the_reach() -> None:
    edges = local_edges(some_nodes(1, 8, 9, 9), some_nodes(1, 8, 9, 9, seed=1), 2, 0.1)
    moved = walk(one_hot(torch.tensor([[40]]), 9, 9), edges)[0, 0]
    assert int((moved[2:7, 2:7] > 0).sum()) == 25
    assert float(moved.sum() - moved[2:7, 2:7].sum()) == 0.0


@pytest.mark.parametrize("most", [1, 300, 1 << 26])
def test_stripes_of_the_window_change_nothing(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules[walk_function.__module__]
    nodes0, nodes1 = some_nodes(1, 4, 5, 7), some_nodes(1, 4, 5, 7, seed=1)
    state = torch.rand(1, 2, 5, 7, generator=torch.Generator().manual_seed(2))
    whole = walk(state, local_edges(nodes0, nodes1, 3, 0.1))
    monkeypatch.setattr(module, "_MOST_AT_ONCE", most)
    torch.testing.assert_close(walk(state, local_edges(nodes0, nodes1, 3, 0.1)), whole)


def test_the_peak_of_a_belief_lies_between_nodes_that_share_it() -> None:
    belief = torch.zeros(4, 6)
    belief[1, 2] = belief[1, 3] = 0.5
    row, column = belief_peak_px(belief, stride_px=4)
    assert abs(row - 6.0) <= 1.0
    assert 10.0 <= column <= 14.0
