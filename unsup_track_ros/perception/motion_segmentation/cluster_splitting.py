# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cut what entered free space out of clusters that otherwise stand.

Connected points are not always one object: a pedestrian who walks along a wall is one cluster with
it. The points that lie in proven free space tell where the wall ends.
"""

from __future__ import annotations

import cv2
import numpy as np

from unsup_track_ros.perception.motion_segmentation.scan_facts import Clusters
from unsup_track_ros.shapes import Bool, Float32, Int


def split_clusters(
    clusters: Clusters,
    points_base: Float32[np.ndarray, "P 3"],
    entered: Bool[np.ndarray, " P"],
    *,
    cell_m: float,
    min_points: int,
    min_share: float,
) -> Clusters:
    """Give compact groups of entered points clusters of their own, behind the others.

    Args:
        clusters: Connected points.
        points_base: (P, 3) the scan in its level frame.
        entered: (P,) points in proven free space.
        cell_m: Side of the cells that are cut out.
        min_points: Fewest entered points of a group.
        min_share: Clusters of which this share entered stay whole, and cells need this share.
    """
    num = len(clusters.sizes)
    count = np.bincount(clusters.label[entered], minlength=num)
    mixed = (count >= min_points) & (count < min_share * clusters.sizes)
    mixed[0] = False
    row = np.flatnonzero(mixed[clusters.label])
    if not len(row):
        return clusters
    cell = np.floor(points_base[row, :2] / cell_m).astype(np.int64)
    cell -= cell.min(axis=0)
    shape = (int(cell[:, 1].max()) + 1, int(cell[:, 0].max()) + 1)
    flat = cell[:, 1] * shape[1] + cell[:, 0]
    here = np.bincount(flat, minlength=shape[0] * shape[1])
    of_them = np.bincount(flat[entered[row]], minlength=len(here))
    taken = (of_them > 0) & (of_them >= min_share * here)
    _, group = cv2.connectedComponents(
        taken.reshape(shape).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    of_point = group.reshape(-1)[flat].astype(np.int64)
    support = np.bincount(of_point[entered[row]], minlength=int(group.max()) + 1)
    kept = support >= min_points
    kept[0] = False
    new = np.where(kept, num - 1 + np.cumsum(kept), 0)[of_point]
    label = clusters.label.copy()
    label[row[new > 0]] = new[new > 0]
    return _measured(label, points_base, clusters)


def _measured(
    label: Int[np.ndarray, " P"], points_base: Float32[np.ndarray, "P 3"], before: Clusters
) -> Clusters:
    """Measure the new clusters; the old ones keep the extent they had."""
    first_new = len(before.sizes)
    sizes = np.bincount(label, minlength=first_new)
    low = np.full((len(sizes), 2), np.inf, np.float32)
    high = np.full((len(sizes), 2), -np.inf, np.float32)
    row = np.flatnonzero(label >= first_new)
    np.minimum.at(low, label[row], points_base[row, :2])
    np.maximum.at(high, label[row], points_base[row, :2])
    extents_m = (high - low).max(axis=1).astype(before.extents_m.dtype)
    extents_m[:first_new] = before.extents_m
    return Clusters(label=label, sizes=sizes, extents_m=extents_m)
