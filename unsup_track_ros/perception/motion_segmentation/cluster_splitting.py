# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cut a part out of clusters that are more than one object.

Connected points are not always one object: a pedestrian who walks along a wall is one cluster with
it, and so is a van with the parked car that it passes. Single points that behave otherwise than
their cluster tell where to cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from unsup_track_ros.compiled import compiled_for, read_only
from unsup_track_ros.perception.motion_segmentation.scan_facts import Clusters
from unsup_track_ros.shapes import Bool, Float32, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What is cut out.

    Attributes:
        cell_m: Side of the cells that are cut out.
        min_points: Fewest chosen points of a part.
        min_share: Share of a cell's asked points that must be chosen.
    """

    cell_m: float
    min_points: int
    min_share: float


def cut_out(
    clusters: Clusters,
    points_base: Float32[np.ndarray, "P 3"],
    asked: Bool[np.ndarray, " P"],
    chosen: Bool[np.ndarray, " P"],
    cut: Cut,
) -> Clusters:
    """Give compact groups of chosen points clusters of their own, behind the others.

    Args:
        clusters: Connected points.
        points_base: (P, 3) the scan in its level frame.
        asked: (P,) points that stand for their cells; clusters without any stay as they are.
        chosen: (P,) those of them that shall leave their cluster.
        cut: How much it takes.
    """
    num = len(clusters.sizes)
    counts = np.zeros(num, np.int64)
    _count(clusters.label, asked, chosen, counts)
    concerned = counts >= cut.min_points
    concerned[:1] = False
    if not concerned.any():
        return clusters
    row, flat, shape = _cells(clusters, concerned, points_base, cut.cell_m)
    told = asked[row]
    leaves = chosen[row] & told
    taken = np.empty(shape, np.uint8)
    _vote(flat, told, leaves, cut.min_share, taken.reshape(-1))
    num_parts, part = cv2.connectedComponents(taken, connectivity=8, ltype=cv2.CV_32S)
    part = part.reshape(-1)
    kept = np.bincount(part[flat[leaves]], minlength=num_parts) >= cut.min_points
    kept[0] = False
    label_of = np.where(kept, num - 1 + np.cumsum(kept), 0)
    new = label_of[part[flat]]
    moved = np.flatnonzero(new)
    return _relabelled(clusters, points_base, row[moved], new[moved])


def _cells(
    clusters: Clusters,
    wanted: Bool[np.ndarray, " C1"],
    points_base: Float32[np.ndarray, "P 3"],
    cell_m: float,
) -> tuple[Int[np.ndarray, " K"], Int[np.ndarray, " K"], tuple[int, int]]:
    """Return rows and flat cells of the points of some clusters, and the shape of their grid."""
    num = int(clusters.sizes[wanted].sum())
    row, cell = np.empty(num, np.int64), np.empty((2, num), np.int64)
    _locate(clusters.label, wanted, points_base, np.float32(cell_m), row, cell)
    low_x, low_y = cell.min(axis=1)
    rows, columns = int(cell[1].max() - low_y) + 1, int(cell[0].max() - low_x) + 1
    return row, (cell[1] - low_y) * columns + (cell[0] - low_x), (rows, columns)


def _relabelled(
    clusters: Clusters,
    points_base: Float32[np.ndarray, "P 3"],
    row: Int[np.ndarray, " M"],
    new: Int[np.ndarray, " M"],
) -> Clusters:
    """Give points new labels and measure these; the old clusters keep the extent they had."""
    first_new = len(clusters.sizes)
    label = clusters.label.copy()
    label[row] = new
    sizes = np.bincount(new, minlength=first_new)
    sizes[:first_new] += clusters.sizes - np.bincount(clusters.label[row], minlength=first_new)
    extents_m = np.zeros(len(sizes), clusters.extents_m.dtype)
    extents_m[:first_new] = clusters.extents_m
    if len(row):
        order = np.argsort(new, kind="stable")
        start = np.flatnonzero(np.diff(new[order], prepend=-1))
        places = points_base.take(row[order], axis=0)[:, :2]
        sides_m = np.maximum.reduceat(places, start) - np.minimum.reduceat(places, start)
        extents_m[new[order[start]]] = sides_m.max(axis=1)
    return Clusters(label=label, sizes=sizes, extents_m=extents_m)


_MASK = read_only("boolean")


@compiled_for(f"void({read_only('int64')}, {_MASK}, {_MASK}, int64[::1])")
def _count(label: np.ndarray, asked: np.ndarray, chosen: np.ndarray, counts: np.ndarray) -> None:
    """Count the chosen points of each cluster among those asked."""
    for k in range(len(label)):
        if chosen[k] and asked[k]:
            counts[label[k]] += 1


@compiled_for(
    f"void({read_only('int64')}, {_MASK}, {read_only('float32', 2)}, float32, int64[::1],"
    " int64[:, ::1])"
)
def _locate(
    label: np.ndarray,
    wanted: np.ndarray,
    points: np.ndarray,
    cell_m: np.float32,
    row: np.ndarray,
    cell: np.ndarray,
) -> None:
    """Write the rows of wanted labels and the cells (column, row) of their points in order."""
    count = 0
    for k in range(len(label)):
        if wanted[label[k]]:
            row[count] = k
            for axis in range(2):
                cell[axis, count] = int(np.floor(points[k, axis] / cell_m))
            count += 1


@compiled_for(f"void(int64[::1], {_MASK}, {_MASK}, float64, uint8[::1])")
def _vote(
    cell: np.ndarray, told: np.ndarray, leaves: np.ndarray, min_share: float, taken: np.ndarray
) -> None:
    """Mark the cells that enough of the points that tell leave."""
    here, leaving = np.zeros(len(taken), np.int32), np.zeros(len(taken), np.int32)
    for k in range(len(cell)):
        here[cell[k]] += told[k]
        leaving[cell[k]] += leaves[k]
    for c in range(len(taken)):
        taken[c] = leaving[c] > 0 and leaving[c] >= min_share * here[c]
