# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Overlap of the static occupancy grid with the occupied cells of the true static world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.evaluation.metric import Metric, not_available, ratio
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.geometry.se3 import inverse, transform
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.grids import OccupancyGrids

UNKNOWN = -1  # nav_msgs/OccupancyGrid


class OccupancyEvaluationConfig(Config):
    """Scoring of the static grid."""

    occupied_from: int = parameter(
        65,
        "Cell value from which a cell counts as occupied (nav2's map server uses 65).",
        gt=0,
        le=100,
    )
    tolerance_cells: int = parameter(
        1, "Distance in cells of the truth that the tolerant scores forgive.", ge=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """Cells of one frame or of all."""

    hits: int = 0
    claimed: int = 0
    true_known: int = 0
    true_all: int = 0
    near_claims: int = 0
    near_truths: int = 0

    def plus(self, other: _Counts) -> _Counts:
        return _Counts(
            hits=self.hits + other.hits,
            claimed=self.claimed + other.claimed,
            true_known=self.true_known + other.true_known,
            true_all=self.true_all + other.true_all,
            near_claims=self.near_claims + other.near_claims,
            near_truths=self.near_truths + other.near_truths,
        )


def evaluate_occupancy(
    pairs: Sequence[LabelledTruth], config: OccupancyEvaluationConfig
) -> tuple[Metric, ...]:
    """Score the static grid within the cells the label knows, pooled over frames.

    `iou`, `precision`, `recall` compare cell by cell; `*_tolerant` forgive claims and misses within
    `tolerance_cells` (square neighbourhood). `known_share` is the part of the truly occupied cells
    that the label knows at all.
    """
    total, frames = _Counts(), 0
    for pair in pairs:
        counts = _frame_counts(pair, config)
        if counts is not None:
            total, frames = total.plus(counts), frames + 1
    if not frames:
        names = (
            "iou",
            "precision",
            "recall",
            "precision_tolerant",
            "recall_tolerant",
            "known_share",
        )
        reason = "no frame with a grid, a pose and true occupancy"
        return tuple(not_available(f"occupancy.static.{name}", reason) for name in names)
    union = total.claimed + total.true_known - total.hits
    claimed, occupied = "no cell was claimed occupied", "no known cell is truly occupied"
    return (
        ratio("occupancy.static.iou", total.hits, union, occupied),
        ratio("occupancy.static.precision", total.hits, total.claimed, claimed),
        ratio("occupancy.static.recall", total.hits, total.true_known, occupied),
        ratio("occupancy.static.precision_tolerant", total.near_claims, total.claimed, claimed),
        ratio("occupancy.static.recall_tolerant", total.near_truths, total.true_known, occupied),
        ratio(
            "occupancy.static.known_share",
            total.true_known,
            total.true_all,
            "nothing is truly occupied",
        ),
    )


def _frame_counts(pair: LabelledTruth, config: OccupancyEvaluationConfig) -> _Counts | None:
    sampled = _label_at_truth_cells(pair)
    if sampled is None or pair.truth.occupied_static_odom is None:
        return None
    known = sampled != UNKNOWN
    occupied = np.asarray(pair.truth.occupied_static_odom, bool)
    claimed = sampled >= config.occupied_from
    true_known = occupied & known
    return _Counts(
        hits=int((claimed & occupied).sum()),
        claimed=int(claimed.sum()),
        true_known=int(true_known.sum()),
        true_all=int(occupied.sum()),
        near_claims=int((claimed & _grown(occupied, config.tolerance_cells)).sum()),
        near_truths=int((true_known & _grown(claimed, config.tolerance_cells)).sum()),
    )


def _grown(cells: Bool[np.ndarray, "Y X"], radius_cells: int) -> Bool[np.ndarray, "Y X"]:
    side = 2 * radius_cells + 1
    return np.asarray(binary_dilation(cells, np.ones((side, side), bool)))


def _label_at_truth_cells(pair: LabelledTruth) -> Int64[np.ndarray, "Y X"] | None:
    """Read the label's static grid at the centres of the truth's cells; outside of it is unknown.

    The label's odom and the truth's world are two frames that drift apart: they are laid on top of
    each other with the two poses of this frame's sensor, so that the map around the vehicle is
    scored and not the odometry (which has its own metrics).
    """
    label, truth = pair.label, pair.truth
    occupied, origin, side_m = (
        truth.occupied_static_odom,
        truth.occupancy_origin_odom,
        truth.occupancy_resolution_m,
    )
    if occupied is None or origin is None or side_m is None or truth.odom_T_velo is None:
        return None
    if label.grids is None or label.egomotion.odom_T_velo1 is None:
        return None
    world_T_velo = truth.odom_T_velo  # frames: the truth's odom is not the label's, so it is world
    odom_T_world = label.egomotion.odom_T_velo1 @ inverse(world_T_velo)
    # The cells stand at the sensor's height: a slope then shifts them least where the vehicle is.
    corner_world = np.array([[*(origin + 0.5 * side_m), world_T_velo[2, 3]]])
    corner_odom = transform(odom_T_world, corner_world)[0, :2]
    column_step, row_step = side_m * odom_T_world[:2, 0], side_m * odom_T_world[:2, 1]
    rows, columns = np.arange(occupied.shape[0])[:, None], np.arange(occupied.shape[1])
    centre_x, centre_y = (
        corner_odom[axis] + rows * row_step[axis] + columns * column_step[axis] for axis in (0, 1)
    )
    return _sample(label.grids, centre_x, centre_y)


def _sample(
    grids: OccupancyGrids, x_odom: Float64[np.ndarray, "Y X"], y_odom: Float64[np.ndarray, "Y X"]
) -> Int64[np.ndarray, "Y X"]:
    column = np.floor((x_odom - grids.origin_odom[0]) / grids.resolution_m).astype(np.int64)
    row = np.floor((y_odom - grids.origin_odom[1]) / grids.resolution_m).astype(np.int64)
    height, width = grids.static.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    values = np.full(inside.shape, UNKNOWN, np.int64)
    values[inside] = grids.static[row[inside], column[inside]]
    return values
