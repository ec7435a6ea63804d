# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Outlines of the one box definition (x, y, z, length, width, height, yaw) for drawing."""

from __future__ import annotations

from typing import Final

import numpy as np

from unsup_track_ros.shapes import Float64

# Corner order: front left, rear left, rear right, front right of the floor, then of the roof.
_CORNER_SIGNS: Final = np.array(
    [
        [1, 1, -1],
        [-1, 1, -1],
        [-1, -1, -1],
        [1, -1, -1],
        [1, 1, 1],
        [-1, 1, 1],
        [-1, -1, 1],
        [1, -1, 1],
    ],
    float,
)
EDGES: Final = np.array(
    [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]]
)
FRONT_FACE: Final = np.array([0, 3, 7, 4])
FLOOR: Final = np.array([0, 1, 2, 3])


def corners(boxes: Float64[np.ndarray, "N 7"]) -> Float64[np.ndarray, "N 8 3"]:
    """Return the eight corners of each box in the frame of the boxes."""
    local = _CORNER_SIGNS * boxes[:, None, 3:6] / 2.0
    cosine, sine = np.cos(boxes[:, 6])[:, None], np.sin(boxes[:, 6])[:, None]
    turned = np.stack(
        [
            cosine * local[..., 0] - sine * local[..., 1],
            sine * local[..., 0] + cosine * local[..., 1],
            local[..., 2],
        ],
        axis=-1,
    )
    placed: Float64[np.ndarray, "N 8 3"] = turned + boxes[:, None, :3]
    return placed


def clipped_edges(
    corners_cam: Float64[np.ndarray, "8 3"], nearest_m: float
) -> Float64[np.ndarray, "E 2 3"]:
    """Return the box edges in front of the camera, cut off at depth `nearest_m`.

    A box beside the vehicle reaches behind the camera; projecting such an edge uncut would draw it
    across the whole picture.
    """
    edges = corners_cam[EDGES]
    start, end = edges[:, 0], edges[:, 1]
    ahead_start, ahead_end = start[:, 2] >= nearest_m, end[:, 2] >= nearest_m
    depth_change = end[:, 2] - start[:, 2]
    crossing = ahead_start != ahead_end
    share = np.where(
        crossing, (nearest_m - start[:, 2]) / np.where(crossing, depth_change, 1.0), 0.0
    )
    cut = start + share[:, None] * (end - start)
    clipped_start = np.where(ahead_start[:, None], start, cut)
    clipped_end = np.where(ahead_end[:, None], end, cut)
    clipped = np.stack([clipped_start, clipped_end], axis=1)
    return np.asarray(clipped[ahead_start | ahead_end])
