# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Local search around boxes: returns of an object lie on the sides of its box, none outside.

A network sees one scan; a standing object has been scanned many times. Its box is moved, turned,
stretched by small amounts, many candidates at a time, and the one that its gathered returns favour
stays (after the reward search of DRIFT, BEYOND 9.2 G). No size is preferred: where returns say
nothing, as on the side that nobody saw, the box keeps what it had.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.grouped_rows import rows_by_group
from unsup_track_ros.shapes import Float, Float64, Int64

_REACHES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1)  # of the largest change, pass by pass
_LEAST_SIDE_M = 0.2


class BoxSearchConfig(Config):
    """The search."""

    enabled: bool = parameter(True, "Fit the boxes of added standing objects to their returns.")
    log2_candidates: int = parameter(
        6, "Two to the power of this: candidates of a pass.", ge=2, le=10
    )
    max_shift_m: float = parameter(
        0.5, "Largest change of place, length and width.", unit="m", gt=0
    )
    min_length_m: float = parameter(
        2.5, "Shorter boxes stay as they are: people have no straight sides.", unit="m", ge=0
    )
    max_turn_rad: float = parameter(0.17, "Largest turn.", unit="rad", ge=0)
    side_m: float = parameter(
        0.15, "A return so far from a side counts little as lying on it.", unit="m", gt=0
    )
    outside_weight: float = parameter(
        2.0, "Cost of a return left outside; one on a side is 1.", ge=0
    )
    max_outside_m: float = parameter(
        0.3, "Returns farther outside belong to something else.", unit="m", gt=0
    )
    change_weight: float = parameter(0.1, "Cost of the largest change.", ge=0)
    max_points: int = parameter(400, "Most returns of an object that are asked.", ge=16)
    min_points: int = parameter(16, "With fewer returns a box stays as it is.", ge=4)


def searched_boxes(
    boxes: Float64[np.ndarray, "N 7"],
    points: Float[np.ndarray, "M 3"],
    group: Int64[np.ndarray, " M"],
    config: BoxSearchConfig,
) -> Float64[np.ndarray, "N 7"]:
    """Return the boxes with the place, size and direction that their returns favour.

    Args:
        boxes: The boxes, in any frame with z up; height and z are kept.
        points: Returns of the objects, without ground, in the same frame.
        group: (M,) the box that each belongs to.
        config: Parameters.
    """
    picked, _ = rows_by_group(group + 1, config.max_points)
    count = np.bincount(group[picked], minlength=len(boxes))
    sided = (count >= config.min_points) & (boxes[:, 3] >= config.min_length_m)
    picked = picked[sided[group[picked]]]
    if not len(picked):
        return boxes
    owner, rows = np.unique(group[picked], return_inverse=True)
    found = _pass_by_pass(boxes[owner], points[picked, :2].astype(np.float64), rows, config)
    searched = boxes.copy()
    searched[owner] = found
    return searched


def _pass_by_pass(
    start: Float64[np.ndarray, "K 7"],
    points_xy: Float64[np.ndarray, "M 2"],
    group: Int64[np.ndarray, " M"],
    config: BoxSearchConfig,
) -> Float64[np.ndarray, "K 7"]:
    """Search in passes of smaller and smaller changes; groups are ascending and none is empty."""
    largest = np.array([*[config.max_shift_m] * 4, config.max_turn_rad])
    # The same low-discrepancy changes for every box: no chance, and none of them twice. The first
    # is no change at all.
    spread = 2 * qmc.Sobol(5, scramble=False).random_base2(config.log2_candidates) - 1
    spread[0] = 0
    changes = np.zeros((len(start), 5))
    for reach in _REACHES:
        tried = changes[:, None] + reach * spread * largest  # (K, C, 5)
        tried = np.clip(tried, -largest, largest)
        reward = _rewards(start, tried, points_xy, group, config)
        reward -= config.change_weight * np.abs(tried / largest).mean(axis=2)
        best = reward.argmax(axis=1)
        changes = tried[np.arange(len(start)), best]
    return _changed(start, changes[:, None])[:, 0]


def _changed(
    start: Float64[np.ndarray, "K 7"], changes: Float64[np.ndarray, "K C 5"]
) -> Float64[np.ndarray, "K C 7"]:
    """Apply changes: along and across the box, of length and width, of yaw."""
    along, across, longer, wider, turn = np.moveaxis(changes, 2, 0)
    cosine, sine = np.cos(start[:, 6])[:, None], np.sin(start[:, 6])[:, None]
    boxes = np.repeat(start[:, None], changes.shape[1], axis=1)
    boxes[..., 0] += cosine * along - sine * across
    boxes[..., 1] += sine * along + cosine * across
    boxes[..., 3] = np.maximum(boxes[..., 3] + longer, _LEAST_SIDE_M)
    boxes[..., 4] = np.maximum(boxes[..., 4] + wider, _LEAST_SIDE_M)
    boxes[..., 6] = se3.wrap_angle_rad(boxes[..., 6] + turn)
    return boxes


def _rewards(
    start: Float64[np.ndarray, "K 7"],
    changes: Float64[np.ndarray, "K C 5"],
    points_xy: Float64[np.ndarray, "M 2"],
    group: Int64[np.ndarray, " M"],
    config: BoxSearchConfig,
) -> Float64[np.ndarray, "K C"]:
    """Return per box and candidate the mean over its returns: on a side 1, outside a cost."""
    centre_x, centre_y, _, length, width, _, yaw = np.moveaxis(_changed(start, changes), 2, 0)
    cosine, sine = np.cos(yaw)[group], np.sin(yaw)[group]  # (M, C)
    x = points_xy[:, :1] - centre_x[group]
    y = points_xy[:, 1:] - centre_y[group]
    depth_m = np.minimum(
        length[group] / 2 - np.abs(cosine * x + sine * y),
        width[group] / 2 - np.abs(cosine * y - sine * x),
    )
    reward = np.exp(-((depth_m / config.side_m) ** 2))
    # Returns farther off are another thing's: a hedge beside a car must not draw its box.
    outside = (depth_m < 0) & (depth_m > -config.max_outside_m)
    reward -= config.outside_weight * (1 - reward) * outside
    begin = np.flatnonzero(np.diff(group, prepend=-1))
    count = np.diff(begin, append=len(group))
    return np.asarray(np.add.reduceat(reward, begin, axis=0) / count[:, None])
