# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rectangles around points seen from above: L-shape closeness and minimum area."""

from __future__ import annotations

import cv2
import numpy as np

from unsup_track_ros.compiled import compiled_for, read_only
from unsup_track_ros.shapes import Float, Float64, Int64


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
    and distances under `min_distance_m` count as that.

    Args:
        points_xy: Points sorted by group.
        group: (M,) ascending 0..G-1, every group with at least one point.
        angles_rad: Directions of the rectangle's first side.
        min_distance_m: Distance below which points lie on the side equally well.
    """
    begin = np.append(np.flatnonzero(np.diff(group, prepend=-1)), len(group))
    # In the points' own precision: sums alone need more.
    turns = np.stack([np.cos(angles_rad), np.sin(angles_rad)]).astype(points_xy.dtype)
    score = np.zeros((len(begin) - 1, len(angles_rad)))
    _score_directions(points_xy, begin, turns, points_xy.dtype.type(min_distance_m), score)
    return score


def _signature(real: str) -> str:
    return (
        f"void({read_only(real, 2, strided=True)}, int64[::1], {real}[:, ::1], {real},"
        " float64[:, ::1])"
    )


@compiled_for(_signature("float32"), _signature("float64"))
def _score_directions(
    points_xy: Float[np.ndarray, "M 2"],
    begin: Int64[np.ndarray, " G1"],
    turns: Float[np.ndarray, "2 A"],
    min_distance_m: float,
    score: Float64[np.ndarray, "G A"],
) -> None:
    """Add the closeness of each group's points to `score`.

    Args:
        points_xy: Points sorted by group.
        begin: Where each group begins, and the end.
        turns: Cosine and sine of each direction.
        min_distance_m: See `closeness`.
        score: Zeros.
    """
    cosine, sine = turns
    num = len(cosine)
    # The ends of each direction (along: low, high; across: low, high), and by how much the points
    # are off them in sum.
    ends, off = np.empty((4, num), turns.dtype), np.empty((4, num))
    for group in range(len(score)):
        for a in range(num):
            ends[0, a], ends[1, a], ends[2, a], ends[3, a] = np.inf, -np.inf, np.inf, -np.inf
            off[0, a], off[1, a], off[2, a], off[3, a] = 0.0, 0.0, 0.0, 0.0
        for point in range(begin[group], begin[group + 1]):
            x, y = points_xy[point, 0], points_xy[point, 1]
            for a in range(num):
                along, across = x * cosine[a] + y * sine[a], y * cosine[a] - x * sine[a]
                ends[0, a], ends[1, a] = min(ends[0, a], along), max(ends[1, a], along)
                ends[2, a], ends[3, a] = min(ends[2, a], across), max(ends[3, a], across)
        for point in range(begin[group], begin[group + 1]):
            x, y = points_xy[point, 0], points_xy[point, 1]
            for a in range(num):
                along, across = x * cosine[a] + y * sine[a], y * cosine[a] - x * sine[a]
                off[0, a] += along - ends[0, a]
                off[1, a] += ends[1, a] - along
                off[2, a] += across - ends[2, a]
                off[3, a] += ends[3, a] - across
        for point in range(begin[group], begin[group + 1]):
            x, y = points_xy[point, 0], points_xy[point, 1]
            for a in range(num):
                along, across = x * cosine[a] + y * sine[a], y * cosine[a] - x * sine[a]
                length = along - ends[0, a] if off[0, a] < off[1, a] else ends[1, a] - along
                width = across - ends[2, a] if off[2, a] < off[3, a] else ends[3, a] - across
                one = turns.dtype.type(1)
                score[group, a] += one / max(min(length, width), min_distance_m)


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
    order = np.argsort(coordinate)
    # Of few groups the numbers are short, and sorted by radix.
    short = group.astype(np.min_scalar_type(len(start))).take(order)
    ordered = coordinate.take(order.take(np.argsort(short, kind="stable")))
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
