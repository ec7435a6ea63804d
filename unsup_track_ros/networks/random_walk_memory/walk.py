# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The walk: local edges between the nodes of consecutive frames, and states that go along them.

RAM, equations 1, 2 and 5. Only edges inside a square window exist. They are stored by offset,
(window²) numbers per node: memory and time grow with nodes x window, no matrix of nodes x nodes is
ever made. Divergence from equation 5, after SPECS 3.1: the window is a square, not a diamond.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from unsup_track_ros.shapes import Float

# Numbers in one intermediate tensor; wider windows go in stripes of rows.
_MOST_AT_ONCE: Final = 1 << 26


def local_edges(
    nodes0: Float[Tensor, "B D H W"],
    nodes1: Float[Tensor, "B D H W"],
    reach: int,
    temperature: float,
) -> Float[Tensor, "B O H W"]:
    """Return the probability of each step from a node to its neighbours in the next frame.

    Args:
        nodes0: Embeddings of the past frame, of length one.
        nodes1: Embeddings of the present frame.
        reach: R, how many nodes a step goes at most, down and across.
        temperature: τ of equation 1.

    Returns:
        Per node of the past frame the O = (2R+1)² offsets, row by row from (-R, -R); they sum to
        one, and steps that leave the grid have none.
    """
    num, depth, rows, columns = nodes0.shape
    side = 2 * reach + 1
    around = functional.pad(nodes1, (reach, reach, reach, reach))
    stripe = _stripe(num * depth * side * rows * columns, side)
    parts = []
    for first in range(0, side, stripe):
        last = min(first + stripe, side)
        band = around[:, :, first : rows + last - 1]
        neighbours = band.unfold(2, last - first, 1).unfold(3, side, 1)
        likeness = torch.einsum("bdhw,bdhwyx->byxhw", nodes0, neighbours)
        parts.append(likeness.flatten(1, 2))
    likeness = torch.cat(parts, dim=1).float() / temperature
    outside = ~_inside(rows, columns, reach, nodes0.device)
    return likeness.masked_fill(outside, -torch.inf).softmax(dim=1)


def walk(
    state: Float[Tensor, "B K H W"], edges: Float[Tensor, "B O H W"]
) -> Float[Tensor, "B K H W"]:
    """Take one step: state · A (equation 2).

    Args:
        state: Where each of K walkers is, as probabilities.
        edges: Of `local_edges`.
    """
    num, many, rows, columns = state.shape
    side = round(edges.shape[1] ** 0.5)
    reach = side // 2
    stripe = _stripe(num * many * side * rows * columns, side)
    arrived = state.new_zeros(num, many, rows + 2 * reach, columns + 2 * reach)
    for first in range(0, side, stripe):
        height = min(stripe, side - first)
        some = edges[:, None, first * side : (first + height) * side]
        going = (state[:, :, None] * some).reshape(1, -1, rows * columns)
        size = (rows + height - 1, columns + 2 * reach)
        # One "image" with a channel per walker: folding adds up what arrives at each node.
        landed = functional.fold(going, size, (height, side)).reshape(num, many, *size)
        below = arrived.shape[2] - first - size[0]
        arrived = arrived + functional.pad(landed, (0, 0, first, below))
    return arrived[:, :, reach : reach + rows, reach : reach + columns]


def one_hot(
    index: Tensor, rows: int, columns: int, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "*shape H W"]:
    """Return states of walkers that are at known nodes, given as row * columns + column."""
    state = functional.one_hot(index, rows * columns).to(dtype)
    return state.reshape(*index.shape, rows, columns)


def _inside(rows: int, columns: int, reach: int, device: torch.device) -> Tensor:
    """Tell which steps stay on the grid, (O, H, W)."""
    offset = torch.arange(-reach, reach + 1, device=device)
    row = torch.arange(rows, device=device) + offset[:, None]
    column = torch.arange(columns, device=device) + offset[:, None]
    fits_row = ((row >= 0) & (row < rows))[:, None, :, None]
    fits_column = ((column >= 0) & (column < columns))[None, :, None]
    return (fits_row & fits_column).flatten(0, 1)


def _stripe(per_row: int, side: int) -> int:
    """Return how many rows of a window go at once."""
    return max(min(_MOST_AT_ONCE // max(per_row, 1), side), 1)
