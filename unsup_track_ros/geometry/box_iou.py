# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Overlap of upright boxes (x, y, z, length, width, height, yaw) and of pixel rectangles.

Everything is done for all pairs at once; pairs whose circumscribed circles are apart cost nothing
but the test of the circles. Boxes of one call share a z-up frame, so no name here says which.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled_for, compiled_inner, read_only
from unsup_track_ros.shapes import Float, Float64, Int64

# Unit box seen from above, counter-clockwise: front right, front left, rear left, rear right.
_UNIT_CORNERS = np.array([[0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]])


def bev_corners(boxes: Float[np.ndarray, "N 7"]) -> Float64[np.ndarray, "N 4 2"]:
    """Return the corners seen from above: front right, front left, rear left, rear right."""
    boxes = np.asarray(boxes, np.float64)
    local = _UNIT_CORNERS * boxes[:, None, 3:5]
    cosine, sine = np.cos(boxes[:, 6])[:, None], np.sin(boxes[:, 6])[:, None]
    x = cosine * local[..., 0] - sine * local[..., 1]
    y = sine * local[..., 0] + cosine * local[..., 1]
    return np.asarray(np.stack([x, y], -1) + boxes[:, None, :2])


def corners(boxes: Float[np.ndarray, "N 7"]) -> Float64[np.ndarray, "N 8 3"]:
    """Return the corners: the four of `bev_corners` at the bottom, then the same at the top."""
    boxes = np.asarray(boxes, np.float64)
    around = np.tile(bev_corners(boxes), (1, 2, 1))
    half_height = np.repeat([-0.5, 0.5], 4) * boxes[:, None, 5]
    return np.concatenate([around, (boxes[:, None, 2] + half_height)[..., None]], -1)


@compiled_inner
def _mean_of_clamped_line(start: float, end: float, bound: float) -> float:
    """Return the mean of clip(y, -bound, bound) while y runs linearly from start to end."""
    change = end - start
    if change == 0.0:  # a level line has no kinks to find
        return min(max(start, -bound), bound)
    at_low, at_high = (-bound - start) / change, (bound - start) / change
    first = min(max(min(at_low, at_high), 0.0), 1.0)
    second = min(max(at_low, at_high, 0.0), 1.0)
    value0, value3 = min(max(start, -bound), bound), min(max(end, -bound), bound)
    value1 = min(max(start + first * change, -bound), bound)
    value2 = min(max(start + second * change, -bound), bound)
    doubled = (
        first * (value0 + value1)
        + (second - first) * (value1 + value2)
        + (1 - second) * (value2 + value3)
    )
    return 0.5 * doubled


@compiled_for(
    f"void(float64[:, :, ::1], float64[:, ::1], {read_only('int64', strided=True)},"
    f" {read_only('int64', strided=True)}, float64[::1])"
)
def _share_areas(
    outlines0: Float64[np.ndarray, "N 4 2"],
    frames1: Float64[np.ndarray, "M 6"],
    rows0: Int64[np.ndarray, " K"],
    rows1: Int64[np.ndarray, " K"],
    area: Float64[np.ndarray, " K"],
) -> None:
    """Write the area that each pair shares.

    Args:
        outlines0: Corners of the first boxes, counter-clockwise.
        frames1: x, y, cosine and sine of the yaw, half length and half width of the second boxes.
        rows0: First box of each pair.
        rows1: Second box of each pair.
        area: What is written.
    """
    x, y = np.empty(5), np.empty(5)  # the outline in the axes of the second box, closed
    for pair in range(len(rows0)):
        outline, box = rows0[pair], rows1[pair]
        cosine, sine = frames1[box, 2], frames1[box, 3]
        half_length, half_width = frames1[box, 4], frames1[box, 5]
        for k in range(5):
            dx = outlines0[outline, k % 4, 0] - frames1[box, 0]
            dy = outlines0[outline, k % 4, 1] - frames1[box, 1]
            x[k], y[k] = cosine * dx + sine * dy, cosine * dy - sine * dx
        shared = 0.0
        for k in range(4):
            start_x = min(max(x[k], -half_length), half_length)
            end_x = min(max(x[k + 1], -half_length), half_length)
            if x[k + 1] == x[k]:  # a vertical edge spans no dx
                continue
            run, rise = x[k + 1] - x[k], y[k + 1] - y[k]
            start_y = y[k] + min(max((start_x - x[k]) / run, 0.0), 1.0) * rise
            end_y = y[k] + min(max((end_x - x[k]) / run, 0.0), 1.0) * rise
            shared += (start_x - end_x) * _mean_of_clamped_line(start_y, end_y, half_width)
        area[pair] = max(shared, 0.0)


def bev_intersection_pairs(
    boxes0: Float[np.ndarray, "K 7"], boxes1: Float[np.ndarray, "K 7"]
) -> Float64[np.ndarray, " K"]:
    """Return the area (m^2) shared by box k of both sets, seen from above.

    In the axes of box 1, half sizes (a, b), the shared area is the boundary integral of
    -clip(y, -b, b) dx over the part of box 0's outline with |x| <= a (Green's theorem, clipped).
    Unlike clipping polygons it needs no sorting, and coincident edges are no special case.
    """
    row = np.arange(len(boxes0))
    return _shared_areas(boxes0, boxes1, row, row)


def _touching_pairs(
    boxes0: Float[np.ndarray, "N 7"], boxes1: Float[np.ndarray, "M 7"]
) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
    """Return the rows of the pairs whose circumscribed circles meet."""
    radius0, radius1 = (
        0.5 * np.hypot(boxes0[:, 3], boxes0[:, 4]),
        0.5 * np.hypot(boxes1[:, 3], boxes1[:, 4]),
    )
    squared = np.square(boxes0[:, None, 0] - boxes1[:, 0])  # a root for every pair costs most
    squared += np.square(boxes0[:, None, 1] - boxes1[:, 1])
    rows0, rows1 = np.nonzero(squared < np.square(radius0[:, None] + radius1))
    return rows0, rows1


def bev_intersection(
    boxes0: Float[np.ndarray, "N 7"], boxes1: Float[np.ndarray, "M 7"]
) -> Float64[np.ndarray, "N M"]:
    """Return the shared area (m^2) of every pair, seen from above."""
    shared = np.zeros((len(boxes0), len(boxes1)))
    rows0, rows1 = _touching_pairs(boxes0, boxes1)
    shared[rows0, rows1] = _shared_areas(boxes0, boxes1, rows0, rows1)
    return shared


def _shared_areas(
    boxes0: Float[np.ndarray, "N 7"],
    boxes1: Float[np.ndarray, "M 7"],
    rows0: Int64[np.ndarray, " K"],
    rows1: Int64[np.ndarray, " K"],
) -> Float64[np.ndarray, " K"]:
    """Return what boxes of the first and second set share, pair by pair, seen from above."""
    area = np.empty(len(rows0))
    boxes1 = np.asarray(boxes1, np.float64)
    frames1 = np.column_stack(
        [boxes1[:, :2], np.cos(boxes1[:, 6]), np.sin(boxes1[:, 6]), 0.5 * boxes1[:, 3:5]]
    )
    outlines0 = np.ascontiguousarray(bev_corners(boxes0))
    _share_areas(outlines0, np.ascontiguousarray(frames1), rows0, rows1, area)
    return area


def _ratio(
    shared: Float64[np.ndarray, "*S"], whole: Float64[np.ndarray, "*S"]
) -> Float64[np.ndarray, "*S"]:
    """Divide, with 0 for the empty union of boxes without extent and at most 1 after rounding."""
    ratio = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    return np.asarray(np.minimum(ratio, 1.0))


def bev_iou(
    boxes0: Float[np.ndarray, "N 7"], boxes1: Float[np.ndarray, "M 7"]
) -> Float64[np.ndarray, "N M"]:
    """Return intersection over union of every pair seen from above; 0 for boxes without extent."""
    shared = bev_intersection(boxes0, boxes1)
    area0, area1 = boxes0[:, 3] * boxes0[:, 4], boxes1[:, 3] * boxes1[:, 4]
    return _ratio(shared, area0[:, None] + area1 - shared)


def iou_3d(
    boxes0: Float[np.ndarray, "N 7"], boxes1: Float[np.ndarray, "M 7"]
) -> Float64[np.ndarray, "N M"]:
    """Return intersection over union of the volumes of every pair; 0 for boxes without extent."""
    top = np.minimum(
        (boxes0[:, 2] + 0.5 * boxes0[:, 5])[:, None], boxes1[:, 2] + 0.5 * boxes1[:, 5]
    )
    bottom = np.maximum(
        (boxes0[:, 2] - 0.5 * boxes0[:, 5])[:, None], boxes1[:, 2] - 0.5 * boxes1[:, 5]
    )
    shared = bev_intersection(boxes0, boxes1) * np.maximum(top - bottom, 0.0)
    volume0, volume1 = boxes0[:, 3:6].prod(1), boxes1[:, 3:6].prod(1)
    return _ratio(shared, volume0[:, None] + volume1 - shared)


def enclosing_rectangle_pairs(
    boxes0: Float[np.ndarray, "K 7"], boxes1: Float[np.ndarray, "K 7"]
) -> tuple[Float64[np.ndarray, " K"], Float64[np.ndarray, " K"]]:
    """Return area and squared diagonal (m^2) of the smallest rectangle around both boxes of a pair.

    The smallest rectangle shares a direction with an edge of the convex hull, and every such edge
    is a box edge or joins a corner of one box with a corner of the other: 18 directions hold the
    optimum.
    """
    outline0, outline1 = bev_corners(boxes0), bev_corners(boxes1)
    bridges = (outline1[:, None] - outline0[:, :, None]).reshape(len(boxes0), 16, 2)
    yaws = np.stack([boxes0[:, 6], boxes1[:, 6]], 1).astype(np.float64)
    angles = np.concatenate([yaws, np.arctan2(bridges[..., 1], bridges[..., 0])], 1)[:, :, None]
    both = np.concatenate([outline0, outline1], 1)[:, None] - outline0[:, None, :1]
    along = np.cos(angles) * both[..., 0] + np.sin(angles) * both[..., 1]
    across = np.cos(angles) * both[..., 1] - np.sin(angles) * both[..., 0]
    length, width = np.ptp(along, 2), np.ptp(across, 2)
    best = np.argmin(length * width, 1)[:, None]
    length, width = (
        np.take_along_axis(length, best, 1)[:, 0],
        np.take_along_axis(width, best, 1)[:, 0],
    )
    return length * width, length**2 + width**2


def ro_gdiou_pairs(
    boxes0: Float[np.ndarray, "K 7"],
    boxes1: Float[np.ndarray, "K 7"],
    *,
    gap_weight: float = 1.0,
    distance_weight: float = 1.0,
) -> Float64[np.ndarray, " K"]:
    """Return Ro-GDIoU of box k of both sets, seen from above, in (-1 - gap - distance weight, 1].

    IoU - w1 (|C| - |U|) / |C| - w2 d^2 / diag(C)^2 with C the smallest enclosing rectangle, U the
    union and d the distance of the centres (MCTrack). `distance_weight=0` leaves the rotated GIoU,
    whose C is the rectangle here and not the convex hull of the original GIoU: Ro-GDIoU defines it
    so.
    """
    shared = bev_intersection_pairs(boxes0, boxes1)
    union = boxes0[:, 3] * boxes0[:, 4] + boxes1[:, 3] * boxes1[:, 4] - shared
    area, diagonal_squared = enclosing_rectangle_pairs(boxes0, boxes1)
    distance_squared = np.sum((boxes0[:, :2] - boxes1[:, :2]) ** 2, 1)
    gap = _ratio(np.maximum(area - union, 0.0), area)
    return (
        _ratio(shared, union)
        - gap_weight * gap
        - distance_weight * _ratio(distance_squared, diagonal_squared)
    )


def _all_pairs(num0: int, num1: int) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
    return np.repeat(np.arange(num0), num1), np.tile(np.arange(num1), num0)


def bev_giou(
    boxes0: Float[np.ndarray, "N 7"], boxes1: Float[np.ndarray, "M 7"]
) -> Float64[np.ndarray, "N M"]:
    """Return the rotated GIoU of every pair (see `ro_gdiou_pairs`)."""
    rows0, rows1 = _all_pairs(len(boxes0), len(boxes1))
    values = ro_gdiou_pairs(boxes0[rows0], boxes1[rows1], distance_weight=0.0)
    return values.reshape(len(boxes0), len(boxes1))


def ro_gdiou(
    boxes0: Float[np.ndarray, "N 7"], boxes1: Float[np.ndarray, "M 7"]
) -> Float64[np.ndarray, "N M"]:
    """Return Ro-GDIoU with unit weights of every pair (see `ro_gdiou_pairs`)."""
    rows0, rows1 = _all_pairs(len(boxes0), len(boxes1))
    return ro_gdiou_pairs(boxes0[rows0], boxes1[rows1]).reshape(len(boxes0), len(boxes1))


def rectangle_iou(
    rectangles0: Float[np.ndarray, "N 4"], rectangles1: Float[np.ndarray, "M 4"]
) -> Float64[np.ndarray, "N M"]:
    """Return the IoU of all pairs of pixel rectangles (left, top, right, bottom); 0 where nan."""
    first, second = (
        np.asarray(rectangles0, np.float64)[:, None],
        np.asarray(rectangles1, np.float64)[None],
    )
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )
    shared = np.nan_to_num(np.maximum(sides, 0.0)).prod(-1)
    areas = (first[..., 2:] - first[..., :2]).prod(-1) + (second[..., 2:] - second[..., :2]).prod(
        -1
    )
    return _ratio(shared, np.nan_to_num(areas - shared))


def expand_ranges(
    starts: Int64[np.ndarray, " N"], counts: Int64[np.ndarray, " N"]
) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
    """Return (row, value) of the ranges starts[row] .. starts[row] + counts[row] - 1 in a line."""
    rows = np.repeat(np.arange(len(starts)), counts)
    first_of_row = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - first_of_row[rows] + np.asarray(starts)[rows]


def nms(
    boxes: Float[np.ndarray, "N 7"], scores: Float[np.ndarray, " N"], max_iou: float
) -> Int64[np.ndarray, " K"]:
    """Return the rows that survive greedy suppression by rotated IoU, best score first.

    A box is dropped when a better one that was kept overlaps it by more than `max_iou`; equal
    scores are taken in the order given.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    overlaps = bev_iou(boxes[order], boxes[order]) > max_iou
    alive = np.ones(len(order), bool)
    for rank in range(
        len(order)
    ):  # each decision depends on the better ones: sequential by definition
        if alive[rank]:
            alive[rank + 1 :] &= ~overlaps[rank, rank + 1 :]
    return order[alive]
