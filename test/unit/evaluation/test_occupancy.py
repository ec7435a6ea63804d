# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Occupancy overlap, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from unit.evaluation.scenes import egomotion, label, truth

from unsup_track_ros.evaluation.metric import Metric
from unsup_track_ros.evaluation.occupancy import OccupancyEvaluationConfig, evaluate_occupancy
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.geometry.se3 import rigid, rotation_about_z
from unsup_track_ros.structures.grids import OccupancyGrids


def grids(static: np.ndarray, origin: tuple[float, float] = (0, 0)) -> OccupancyGrids:
    cells = np.asarray(static, np.int8)
    return OccupancyGrids(
        stamp_ns=0,
        resolution_m=0.5,
        origin_odom=np.array(origin, np.float64),
        static=cells,
        dynamic=np.full_like(cells, -1),
        combined=cells,
        log_odds=np.zeros(cells.shape, np.float32),
    )


def world(occupied: np.ndarray, **changes: object) -> dict[str, Any]:
    members: dict[str, Any] = {
        "occupied_static_odom": np.asarray(occupied, bool),
        "occupancy_origin_odom": np.zeros(2),
        "occupancy_resolution_m": 0.5,
        "odom_T_velo": np.eye(4),
    }
    members.update(changes)
    return members


def scores(
    one: OccupancyGrids | None, there: dict[str, Any], **changes: object
) -> dict[str, Metric]:
    pair = LabelledTruth(label=label(0, grids=one, **changes), truth=truth(0, **there))
    metrics = evaluate_occupancy([pair], OccupancyEvaluationConfig())
    return {metric.key.removeprefix("occupancy.static."): metric for metric in metrics}


def test_cells_are_compared_only_where_the_label_knows() -> None:
    static = np.array([[100, 100, 0, -1, 0, 0]])
    occupied = np.array([[1, 0, 0, 1, 0, 1]])
    metrics = scores(grids(static), world(occupied))
    assert metrics["precision"].value == 0.5
    assert metrics["recall"].value == 0.5  # the unknown cell is not a miss
    assert metrics["iou"].value == pytest.approx(1 / 3)
    assert metrics["known_share"].value == pytest.approx(2 / 3)


def test_tolerant_scores_forgive_one_cell() -> None:
    static = np.array([[0, 100, 0, 0, 0, 100]])
    occupied = np.array([[1, 0, 0, 1, 0, 0]])
    metrics = scores(grids(static), world(occupied))
    assert metrics["iou"].value == 0.0
    assert metrics["precision_tolerant"].value == 0.5
    assert metrics["recall_tolerant"].value == 0.5


def test_the_label_is_read_at_the_centres_of_the_true_cells() -> None:
    # The only true cell has its centre at 0.25 m: in the second cell of a grid from -0.3 m on.
    metrics = scores(grids(np.array([[0, 100]]), origin=(-0.3, 0)), world(np.array([[1]])))
    assert metrics["recall"].value == 1.0


def test_values_below_the_threshold_are_not_claimed() -> None:
    metrics = scores(grids(np.array([[64, 65]])), world(np.array([[1, 1]])))
    assert metrics["recall"].value == 0.5


def test_maps_in_different_odom_frames_are_laid_on_the_sensor() -> None:
    # The label's odom is turned by a quarter and shifted against the world: its grid is the truth's
    # rows as columns.
    label_T_velo = rigid(rotation_about_z(np.pi / 2), np.array([5.0, 7.0, 0.0]))
    occupied = np.zeros((4, 6), bool)
    occupied[1, 4] = True  # centre (2.25, 0.75) -> (5 - 0.75, 7 + 2.25)
    static = np.zeros((20, 20), np.int8)
    static[18, 8] = 100  # centre (4.25, 9.25)
    metrics = scores(
        grids(static), world(occupied), egomotion=egomotion(0, odom_T_velo1=label_T_velo)
    )
    assert metrics["iou"].value == 1.0


def test_cells_outside_of_the_label_grid_are_unknown() -> None:
    metrics = scores(grids(np.array([[100]]), origin=(-50, 0)), world(np.array([[1, 1]])))
    assert metrics["known_share"].value == 0.0
    assert metrics["iou"].reason == "no known cell is truly occupied"


@pytest.mark.parametrize(
    ("one", "there"),
    [
        (None, world(np.array([[1]]))),
        (grids(np.array([[0]])), {}),
        (grids(np.array([[0]])), world(np.array([[1]]), odom_T_velo=None)),
    ],
)
def test_a_missing_side_is_not_available(one: OccupancyGrids | None, there: dict[str, Any]) -> None:
    metrics = scores(one, there)
    assert {metric.value for metric in metrics.values()} == {None}
    assert metrics["iou"].reason == "no frame with a grid, a pose and true occupancy"
