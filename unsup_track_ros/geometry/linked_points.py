# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points that are near each other and move alike, as groups."""

from __future__ import annotations

import math

import numpy as np

from unsup_track_ros.compiled import compiled_for, compiled_inner
from unsup_track_ros.geometry.grouped_rows import group_means
from unsup_track_ros.shapes import Float32, Int64


def linked_points(
    points: Float32[np.ndarray, "M 3"],
    velocity: Float32[np.ndarray, "M 3"],
    cluster: Int64[np.ndarray, " M"],
    *,
    cell_m: float,
    link_m: float,
    link_velocity_mps: float,
) -> Int64[np.ndarray, " M"]:
    """Label points 1..K: cells that are near and move alike, and cells of one cluster, join.

    Args:
        points: Places; those of one cluster in one cell (x, y) are taken as one.
        velocity: nan where unknown: what is unknown parts nobody.
        cluster: 0 for none.
        cell_m: Side of a cell.
        link_m: Cells whose means are no further apart join,
        link_velocity_mps: unless their mean velocities differ by more.

    Returns:
        Labels in the order of each group's first cell, x slowest.
    """
    if len(points) == 0:
        return np.zeros(0, np.int64)
    key = np.floor(points[:, :2] / cell_m).astype(np.int64)
    key -= key.min(axis=0)
    rows, clusters = int(key[:, 1].max()) + 1, int(cluster.max()) + 1
    flat = (key[:, 0] * rows + key[:, 1]) * clusters + cluster
    flat, cell = np.unique(flat, return_inverse=True)
    label = np.empty(len(flat), np.int64)
    _link(
        np.stack([flat // (rows * clusters), flat % clusters]),
        group_means(points[:, :2], cell, len(flat)),
        group_means(velocity, cell, len(flat)),
        (int(link_m / cell_m) + 2, link_m, link_velocity_mps),
        np.full(clusters, -1),
        label,
    )
    return label[cell]


@compiled_inner
def _first_of(parent: Int64[np.ndarray, " C"], cell: int) -> int:
    """Return the first cell of the group that a cell is in so far, and shorten the way to it."""
    while parent[cell] != cell:
        parent[cell] = parent[parent[cell]]
        cell = parent[cell]
    return cell


@compiled_inner
def _join(parent: Int64[np.ndarray, " C"], cell0: int, cell1: int) -> None:
    first0, first1 = _first_of(parent, cell0), _first_of(parent, cell1)
    parent[max(first0, first1)] = min(first0, first1)


@compiled_inner
def _are_linked(
    centre: Float32[np.ndarray, "C 2"],
    velocity: Float32[np.ndarray, "C 3"],
    limits: tuple[int, float, float],
    cell0: int,
    cell1: int,
) -> bool:
    """Tell whether two cells are near each other and do not move differently."""
    _, link_m, link_velocity_mps = limits
    dx = np.float64(centre[cell0, 0]) - np.float64(centre[cell1, 0])
    dy = np.float64(centre[cell0, 1]) - np.float64(centre[cell1, 1])
    if dx * dx + dy * dy > link_m * link_m:
        return False
    du = velocity[cell0, 0] - velocity[cell1, 0]
    dv = velocity[cell0, 1] - velocity[cell1, 1]
    dw = velocity[cell0, 2] - velocity[cell1, 2]
    return not math.sqrt(du * du + dv * dv + dw * dw) > np.float32(link_velocity_mps)


@compiled_for(
    "void(int64[:, ::1], float32[:, ::1], float32[:, ::1], Tuple((int64, float64, float64)),"
    " int64[::1], int64[::1])"
)
def _link(
    cells: Int64[np.ndarray, "2 C"],
    centre: Float32[np.ndarray, "C 2"],
    velocity: Float32[np.ndarray, "C 3"],
    limits: tuple[int, float, float],
    latest: Int64[np.ndarray, " K"],
    label: Int64[np.ndarray, " C"],
) -> None:
    """Write the label of each cell.

    Args:
        cells: Column of each cell, ascending, and its cluster, 0 for none.
        centre: Mean place.
        velocity: Mean velocity.
        limits: Columns to look ahead, distance and difference of velocity up to which cells join.
        latest: -1 for each cluster.
        label: What is written.
    """
    column, cluster = cells
    parent = label  # until all are linked: each cell's way to the first of its group
    for cell in range(len(label)):
        parent[cell] = cell
    for cell in range(len(label)):
        before = latest[cluster[cell]]
        if cluster[cell] > 0 and before >= 0:
            _join(parent, before, cell)
        latest[cluster[cell]] = cell
        other = cell + 1
        while other < len(label) and column[other] <= column[cell] + limits[0]:
            if _are_linked(centre, velocity, limits, cell, other):
                _join(parent, cell, other)
            other += 1
    num = 0
    for cell in range(len(label)):
        if parent[cell] == cell:
            num += 1
            label[cell] = num
        else:  # what it leads to comes before it and has its label
            label[cell] = label[parent[cell]]
