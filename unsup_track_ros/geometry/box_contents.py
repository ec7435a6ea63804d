# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which points lie in which upright boxes (x, y, z, length, width, height, yaw).

The rectangle around all boxes is cut into buckets, and a point is held against the boxes that reach
into its bucket: that is seldom more than one, however many boxes there are.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled_for, compiled_inner, read_only
from unsup_track_ros.geometry.box_iou import expand_ranges
from unsup_track_ros.shapes import Bool, Float, Float64, Int64

_BUCKETS = 64  # a side: a few metres each, where boxes lie all around a vehicle
_SLACK_BUCKETS = 1e-6  # how much further boxes reach, for points that rounding puts on a face


def points_in_boxes(
    points: Float[np.ndarray, "P 3"], boxes: Float[np.ndarray, "N 7"], margin_m: float = 0.0
) -> Bool[np.ndarray, "P N"]:
    """Tell which point lies in which box, faces included; the margin grows all sides of a box."""
    inside = np.zeros((len(points), len(boxes)), bool)
    _search(points, boxes, margin_m, inside)
    return inside


def box_of_points(
    points: Float[np.ndarray, "P 3"], boxes: Float[np.ndarray, "N 7"], margin_m: float = 0.0
) -> Int64[np.ndarray, " P"]:
    """Return the row of the first box each point lies in, -1 for none."""
    return _search(points, boxes, margin_m, np.zeros((0, len(boxes)), bool))


def _search(
    points: Float[np.ndarray, "P 3"],
    boxes: Float[np.ndarray, "N 7"],
    margin_m: float,
    inside: Bool[np.ndarray, "Q N"],
) -> Int64[np.ndarray, " P"]:
    """Return the first box of each point, and mark all of them in `inside` if it has rows."""
    first = np.full(len(points), -1, np.int64)
    boxes = np.asarray(boxes, np.float64)
    holding = np.flatnonzero(np.isfinite(boxes).all(axis=1))  # the others hold nothing
    if not len(points) or not len(holding):
        return first
    half = 0.5 * (boxes[:, 3:6] + 2 * margin_m)
    solids = np.column_stack([boxes[:, :3], half, np.cos(boxes[:, 6]), np.sin(boxes[:, 6])])
    cosine, sine = np.abs(solids[holding, 6:].T)
    length, width = half[holding, :2].T
    reach = np.stack([cosine * length + sine * width, sine * length + cosine * width], axis=1)
    low, high = boxes[holding, :2] - reach, boxes[holding, :2] + reach
    origin = low.min(axis=0)
    per_m = (_BUCKETS - 1) / max(float((high.max(axis=0) - origin).max()), 1e-6)
    begin, box = _boxes_of_buckets((low - origin) * per_m, (high - origin) * per_m)
    places = points.astype(np.float64, copy=False)
    buckets, grid = (begin, holding[box]), (*origin, per_m)
    _search_buckets(places, np.ascontiguousarray(solids), buckets, grid, first, inside)
    return first


def _boxes_of_buckets(
    low: Float64[np.ndarray, "N 2"], high: Float64[np.ndarray, "N 2"]
) -> tuple[Int64[np.ndarray, " C"], Int64[np.ndarray, " K"]]:
    """Return where the boxes of each bucket (row-major, x slowest) begin, and these, ascending."""
    first = np.clip(np.floor(low - _SLACK_BUCKETS), 0, _BUCKETS - 1).astype(np.int64)
    count = np.clip(np.floor(high + _SLACK_BUCKETS), 0, _BUCKETS - 1).astype(np.int64) + 1 - first
    box, column = expand_ranges(first[:, 0], count[:, 0])
    strip, row = expand_ranges(first[box, 1], count[box, 1])
    bucket = column[strip] * _BUCKETS + row
    order = np.argsort(bucket.astype(np.uint16), kind="stable")  # by radix
    begin = np.zeros(_BUCKETS * _BUCKETS + 1, np.int64)
    np.cumsum(np.bincount(bucket, minlength=len(begin) - 1), out=begin[1:])
    return begin, box[strip[order]]


@compiled_inner
def _holds(solids: Float64[np.ndarray, "N 8"], box: int, x: float, y: float, z: float) -> bool:
    """Tell whether a place lies in a box, on its faces included."""
    dx, dy = x - solids[box, 0], y - solids[box, 1]
    cosine, sine = solids[box, 6], solids[box, 7]
    return bool(
        abs(z - solids[box, 2]) <= solids[box, 5]
        and abs(cosine * dx + sine * dy) <= solids[box, 3]
        and abs(cosine * dy - sine * dx) <= solids[box, 4]
    )


@compiled_for(
    f"void({read_only('float64', 2, strided=True)}, float64[:, ::1], UniTuple(int64[::1], 2),"
    " UniTuple(float64, 3), int64[::1], boolean[:, ::1])"
)
def _search_buckets(
    points: Float64[np.ndarray, "P 3"],
    solids: Float64[np.ndarray, "N 8"],
    buckets: tuple[Int64[np.ndarray, " C"], Int64[np.ndarray, " K"]],
    grid: tuple[float, float, float],
    first: Int64[np.ndarray, " P"],
    inside: Bool[np.ndarray, "Q N"],
) -> None:
    """Hold each point against the boxes of its bucket; writes `first` and `inside`.

    Args:
        points: What to look up.
        solids: Centre, half sides, cosine and sine of the yaw of each box.
        buckets: Where the boxes of each bucket begin, and these.
        grid: Outer corner x, y of the first bucket, and buckets per metre.
        first: The first box of each point; what lies in none stays as it is.
        inside: Set where a point lies in a box; without rows it is not wanted.
    """
    begin, boxes = buckets
    origin_x, origin_y, per_m = grid
    for row in range(len(points)):
        x, y, z = points[row, 0], points[row, 1], points[row, 2]
        along, across = (x - origin_x) * per_m, (y - origin_y) * per_m
        if not (-1.0 < along < _BUCKETS and -1.0 < across < _BUCKETS):  # nor what is not a number
            continue
        bucket = int(along) * _BUCKETS + int(across)
        for k in range(begin[bucket], begin[bucket + 1]):
            if _holds(solids, boxes[k], x, y, z):
                if first[row] < 0:
                    first[row] = boxes[k]
                if not len(inside):
                    break
                inside[row, boxes[k]] = True
