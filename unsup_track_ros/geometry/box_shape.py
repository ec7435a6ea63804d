# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rectangles around points seen from above: L-shape closeness and minimum area."""

from __future__ import annotations

import cv2
import numpy as np

from unsup_track_ros.shapes import Bool, Float, Float64, Int64


def rectangle_angles(step_rad: float) -> Float64[np.ndarray, " A"]:
    """Return directions in [0, pi / 2), at most `step_rad` apart: a quarter turn repeats them."""
    num = int(np.ceil(np.pi / 2 / step_rad - 1e-9))
    return np.arange(num) * (np.pi / 2 / num)


def closeness(
    points_xy: Float[np.ndarray, "M 2"],
    group: Int64[np.ndarray, " M"],
    angles_rad: Float64[np.ndarray, " A"],
    min_distance_m: float,
) -> Float64[np.ndarray, "G A"]:
    """Score every direction of a rectangle around every group by 1 / distance to its sides.

    The closeness criterion of L-shape fitting (Zhang et al., 2017): along each axis the side that
    the group as a whole is nearer to is the seen one; a point's distance is the smaller of its two,
    and distances under `min_distance_m` count as that. All groups and angles are scored at once.

    Args:
        points_xy: Points sorted by group.
        group: (M,) ascending 0..G-1, every group with at least one point.
        angles_rad: Directions of the rectangle's first side.
        min_distance_m: Distance below which points lie on the side equally well.
    """
    start = np.flatnonzero(np.diff(group, prepend=-1))
    # In the points' own precision: in float64 all of this takes twice as long.
    cosine, sine = (turn(angles_rad).astype(points_xy.dtype) for turn in (np.cos, np.sin))
    along = points_xy[:, :1] * cosine + points_xy[:, 1:] * sine
    across = points_xy[:, 1:] * cosine - points_xy[:, :1] * sine
    distance_m = np.minimum(
        _distance_to_seen_side(along, group, start), _distance_to_seen_side(across, group, start)
    )
    near = 1.0 / np.maximum(distance_m, points_xy.dtype.type(min_distance_m))
    return np.add.reduceat(near, start, axis=0, dtype=np.float64)


def _distance_to_seen_side(
    coordinate: Float[np.ndarray, "M A"],
    group: Int64[np.ndarray, " M"],
    start: Int64[np.ndarray, " G"],
) -> Float[np.ndarray, "M A"]:
    """Return each point's distance to that end of its group which the group is nearer to."""
    to_low = coordinate - np.minimum.reduceat(coordinate, start, axis=0).take(group, axis=0)
    to_high = np.maximum.reduceat(coordinate, start, axis=0).take(group, axis=0) - coordinate
    low_is_seen: Bool[np.ndarray, "G A"] = np.add.reduceat(to_low, start, axis=0) < np.add.reduceat(
        to_high, start, axis=0
    )
    return np.asarray(np.where(low_is_seen.take(group, axis=0), to_low, to_high))


def extents_along(
    points_xy: Float[np.ndarray, "M 2"],
    group: Int64[np.ndarray, " M"],
    yaw_rad: Float64[np.ndarray, " G"],
    trim_share: float = 0.0,
) -> tuple[Float64[np.ndarray, "G 2"], Float64[np.ndarray, "G 2"]]:
    """Return centre (x, y) and size (along, across) of each group's rectangle in a given direction.

    Args:
        points_xy: Points sorted by group.
        group: (M,) ascending 0..G-1, every group with at least one point.
        yaw_rad: (G,) direction of each rectangle.
        trim_share: Share of a group's points left out at each end of each axis: a few returns that
            belong to nothing would stretch the rectangle.
    """
    cosine, sine = np.cos(yaw_rad), np.sin(yaw_rad)
    x, y = points_xy[:, 0].astype(np.float64), points_xy[:, 1].astype(np.float64)
    along = x * cosine[group] + y * sine[group]
    across = y * cosine[group] - x * sine[group]
    low, high = np.stack(
        [_ends(along, group, trim_share), _ends(across, group, trim_share)], axis=2
    )
    middle_along, middle_across = ((low + high) / 2).T
    centre = np.stack(
        [
            middle_along * cosine - middle_across * sine,
            middle_along * sine + middle_across * cosine,
        ],
        axis=1,
    )
    return centre, high - low


def _ends(
    coordinate: Float64[np.ndarray, " M"], group: Int64[np.ndarray, " M"], trim_share: float
) -> tuple[Float64[np.ndarray, " G"], Float64[np.ndarray, " G"]]:
    """Return the lowest and highest coordinate of each group, without a share at each end."""
    start = np.flatnonzero(np.diff(group, prepend=-1))
    if trim_share == 0:
        return np.minimum.reduceat(coordinate, start), np.maximum.reduceat(coordinate, start)
    size = np.diff(start, append=len(group))
    trimmed = np.floor(trim_share * size).astype(np.int64)
    ordered = coordinate[np.lexsort((coordinate, group))]
    return ordered[start + trimmed], ordered[start + size - 1 - trimmed]


def minimum_area_rectangle(
    points_xy: Float[np.ndarray, "M 2"],
) -> tuple[Float64[np.ndarray, " 2"], float, float, float]:
    """Return centre, long side, short side and long side's direction of the smallest rectangle.

    The direction comes from the rectangle's corners: OpenCV changed the meaning of its own angle at
    4.5.1. It is known up to half a turn.
    """
    corners = cv2.boxPoints(cv2.minAreaRect(np.ascontiguousarray(points_xy, np.float32)))
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    long, short = (
        (first, second) if np.linalg.norm(first) >= np.linalg.norm(second) else (second, first)
    )
    return (
        corners.mean(axis=0).astype(np.float64),
        float(np.linalg.norm(long)),
        float(np.linalg.norm(short)),
        float(np.arctan2(long[1], long[0])),
    )
