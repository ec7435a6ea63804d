# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Connected components of sparse voxels (SPECS §0.6)."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from unsup_track_ros.shapes import Bool, Int64

# Half of the 26 neighbours; the other half is the same edge seen from its other end.
_HALF_NEIGHBOURS_ZYX = np.array(
    [(z, y, x) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1) if (z, y, x) > (0, 0, 0)]
)


def connected_components(
    shape_zyx: tuple[int, int, int], voxels: Int64[np.ndarray, " V"]
) -> Int64[np.ndarray, " V"]:
    """Label voxels 1..K by their 26-connected component, in order of each component's first voxel.

    The labels equal those of `scipy.ndimage.label` with a full 3 x 3 x 3 structure on the dense
    volume, but the cost grows with the voxels and not with the volume.

    Args:
        shape_zyx: Voxels of the volume along z, y, x.
        voxels: Ascending flat row-major indices.
    """
    num = len(voxels)
    if num == 0:
        return np.zeros(0, np.int64)
    padded_shape = tuple(n + 2 for n in shape_zyx)  # a border, so that no neighbour wraps around
    stride = np.array([padded_shape[1] * padded_shape[2], padded_shape[2], 1])
    flat = (np.stack(np.unravel_index(voxels, shape_zyx), axis=1) + 1) @ stride
    position = np.zeros(int(np.prod(padded_shape)), np.int32)
    position[flat] = np.arange(1, num + 1)
    neighbour = position[flat[:, None] + _HALF_NEIGHBOURS_ZYX @ stride]
    start, which = np.nonzero(neighbour)
    end = neighbour[start, which] - 1
    return component_labels(num, start, end)


def component_labels(
    num: int, start: Int64[np.ndarray, " E"], end: np.ndarray
) -> Int64[np.ndarray, " V"]:
    """Label the nodes 0..num-1 of an undirected graph 1..K, in order of the first nodes.

    Args:
        num: Number of nodes.
        start: (E,) one node of each edge.
        end: (E,) the other node of each edge.
    """
    graph = sparse.coo_matrix((np.ones(len(start), bool), (start, end)), shape=(num, num))
    _, arbitrary = csgraph.connected_components(graph, directed=False)
    _, first, inverse = np.unique(arbitrary, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(1, len(first) + 1)
    return rank[inverse]


def large_components(
    index_zyx: Int64[np.ndarray, "V 3"],
    labels: Int64[np.ndarray, " V"],
    counted: Bool[np.ndarray, " V"],
    *,
    min_side: int,
    min_voxels: int,
) -> Int64[np.ndarray, " K"]:
    """Return the labels of components that are large enough, most counted voxels first.

    A component stays if its index extent (largest minus smallest) exceeds `min_side` along each
    axis and more than `min_voxels` of its voxels are counted.
    """
    num = int(labels.max(initial=0))
    lowest = np.full((num + 1, 3), np.iinfo(np.int64).max)
    highest = np.full((num + 1, 3), np.iinfo(np.int64).min)
    np.minimum.at(lowest, labels, index_zyx)
    np.maximum.at(highest, labels, index_zyx)
    support = np.bincount(labels[counted], minlength=num + 1)[1:]
    kept = ((highest[1:] - lowest[1:]) > min_side).all(axis=1) & (support > min_voxels)
    order = np.argsort(-support, kind="stable")
    return np.asarray(order[kept[order]] + 1)
