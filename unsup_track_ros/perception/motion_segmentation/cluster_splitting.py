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
    chosen = chosen & asked & (clusters.label > 0)
    concerned = np.bincount(clusters.label[chosen], minlength=num) >= cut.min_points
    row = np.flatnonzero(concerned[clusters.label])
    if not len(row):
        return clusters
    flat, shape = _cells(points_base.take(row, axis=0)[:, :2], cut.cell_m)
    here = np.bincount(flat[asked[row]], minlength=shape[0] * shape[1])
    leaving = np.bincount(flat[chosen[row]], minlength=len(here))
    taken = (leaving > 0) & (leaving >= cut.min_share * here)
    _, group = cv2.connectedComponents(
        taken.reshape(shape).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    part = group.reshape(-1)[flat].astype(np.int64)
    support = np.bincount(part[chosen[row]], minlength=int(group.max()) + 1)
    kept = support >= cut.min_points
    kept[0] = False
    new = np.where(kept, num - 1 + np.cumsum(kept), 0)[part]
    label = clusters.label.copy()
    label[row[new > 0]] = new[new > 0]
    return _measured(label, points_base, clusters)


def _cells(
    places: Float32[np.ndarray, "K 2"], cell_m: float
) -> tuple[Int[np.ndarray, " K"], tuple[int, int]]:
    """Return the flat cell of each place on a grid around all of them, and the grid's shape."""
    column, row = (np.floor(places[:, axis] / cell_m).astype(np.int64) for axis in (0, 1))
    column -= column.min()
    row -= row.min()
    rows, columns = int(row.max()) + 1, int(column.max()) + 1
    return row * columns + column, (rows, columns)


def _measured(
    label: Int[np.ndarray, " P"], points_base: Float32[np.ndarray, "P 3"], before: Clusters
) -> Clusters:
    """Measure the new clusters; the old ones keep the extent they had."""
    first_new = len(before.sizes)
    sizes = np.bincount(label, minlength=first_new)
    row = np.flatnonzero(label >= first_new)
    row = row[np.argsort(label[row], kind="stable")]
    start = np.flatnonzero(np.diff(label[row], prepend=-1))
    places = points_base.take(row, axis=0)[:, :2]
    extents_m = np.zeros(len(sizes), before.extents_m.dtype)
    extents_m[:first_new] = before.extents_m
    if len(row):
        sides_m = np.maximum.reduceat(places, start) - np.minimum.reduceat(places, start)
        extents_m[label[row[start]]] = sides_m.max(axis=1)
    return Clusters(label=label, sizes=sizes, extents_m=extents_m)
