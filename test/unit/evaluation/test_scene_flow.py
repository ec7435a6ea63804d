# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""End-point errors of scene flow, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.evaluation.scenes import car, label, truth

from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.metric import Metric
from unsup_track_ros.evaluation.pairing import LabelledTruth, pair_frames
from unsup_track_ros.evaluation.scene_flow import (
    FlowErrors,
    SceneFlowEvaluationConfig,
    evaluate_scene_flow,
)
from unsup_track_ros.structures.motion import MotionSegmentation, MotionStatus

NAN = float("nan")
# Points: a car at 10 m/s along x, one that stands, a wall.
TRUE_FLOW = np.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]], np.float32)
OBJECTS = np.array([0, 0, 1, -1, -1])


def scores(*pairs: LabelledTruth) -> dict[str, Metric]:
    metrics = evaluate_scene_flow(pairs, SceneFlowEvaluationConfig())
    return {metric.key.removeprefix("scene_flow."): metric for metric in metrics}


def claimed(velocities_mps: list[list[float]], index: int = 0, **truths: object) -> LabelledTruth:
    rows = np.array(velocities_mps, np.float32).reshape(-1, 3)
    nothing = np.zeros(len(rows), bool)
    motion = MotionSegmentation(
        status=MotionStatus.OK, moving_points=nothing, judged_points=nothing, velocity_velo=rows
    )
    members: dict[str, object] = {"flow_points_velo": TRUE_FLOW, "point_objects": OBJECTS}
    there = truth(index, [car(10), car(20)], **(members | truths))
    return LabelledTruth(label=label(index, motion=motion), truth=there)


def test_golden_three_way_error() -> None:
    # Moving: 0.3 m and 1 m off; standing car 0.2 m off; wall right, and 0.4 m off.
    errors = FlowErrors.of(
        np.array([[1.0, 0.3, 0], [0, 0, 0], [0, 0, 0.2], [0, 0, 0], [0, 0.4, 0]]),
        TRUE_FLOW,
        np.array([True, True, False, False, False]),
        OBJECTS >= 0,
    )
    np.testing.assert_allclose(errors.part_means_m, [0.65, 0.2, 0.2])
    assert errors.three_way_m == pytest.approx((0.65 + 0.2 + 0.2) / 3)
    assert errors.mean_m == pytest.approx((0.3 + 1 + 0.2 + 0.4) / 5)


def test_frames_pool_their_points() -> None:
    one = FlowErrors.of(np.zeros((5, 3)), TRUE_FLOW, OBJECTS == 0, OBJECTS >= 0)
    other = FlowErrors.of(TRUE_FLOW[:1], TRUE_FLOW[:1], np.array([True]), np.array([True]))
    # 1 m, 1 m and 0 m.
    assert (one + other).part_means_m[0] == pytest.approx(2 / 3)


def test_velocities_are_carried_to_the_next_scan_and_unknown_ones_stand() -> None:
    # Scans 0.1 s apart: 8 m/s is 0.2 m short of 1 m; the second point has no answer.
    metrics = scores(claimed([[8, 0, 0], [NAN] * 3, [NAN] * 3, [0, 0, 0], [0, 3, 0]]))
    assert metrics["ours.moving_foreground"].value == pytest.approx((0.2 + 1) / 2)
    assert metrics["ours.static_foreground"].value == 0.0
    assert metrics["ours.static_background"].value == pytest.approx(0.3 / 2)
    assert metrics["known_share"].value == pytest.approx(1 / 2)
    assert metrics["nothing_moves.moving_foreground"].value == pytest.approx(1.0)
    assert metrics["nothing_moves.three_way"].value == pytest.approx(1 / 3)


def test_the_time_to_the_next_scan_comes_from_the_stamps() -> None:
    # Frames 0 and 2 are 0.2 s apart, so 5 m/s is the 1 m of the truth, in both.
    exact = [[5.0, 0, 0]] * 2 + [[0.0, 0, 0]] * 3
    metrics = scores(claimed(exact, 0), claimed(exact, 2))
    assert metrics["ours.moving_foreground"].value == pytest.approx(0.0, abs=1e-6)


def test_what_moves_less_than_the_threshold_is_static() -> None:
    slow = TRUE_FLOW * 0.04  # 0.4 m/s
    metrics = scores(claimed([[0, 0, 0]] * 5, flow_points_velo=slow))
    assert metrics["ours.moving_foreground"].reason == "there is no point of this part"
    assert metrics["ours.static_foreground"].value == pytest.approx(2 * 0.04 / 3)
    assert metrics["ours.three_way"].value is None
    assert metrics["known_share"].reason == "nothing moves"


def test_ground_is_left_out_where_the_truth_knows_it() -> None:
    ground = np.array([False, True, False, False, True])
    metrics = scores(
        claimed([[0, 0, 0], [90, 0, 0], [0, 0, 0], [0, 0, 0], [90, 0, 0]], ground_points=ground)
    )
    assert metrics["ours.moving_foreground"].value == pytest.approx(1.0)
    assert metrics["ours.static_background"].value == 0.0


def test_reasons_say_whose_flow_is_missing() -> None:
    assert scores()["ours.mean"].reason == "no frame with label and truth"
    pair = claimed([[0, 0, 0]] * 5)
    silent = replace(pair, label=label(0))
    assert scores(silent)["ours.mean"].reason == "the labels keep no velocities of the points"
    blind = replace(pair, truth=truth(0, [car(10)]))
    assert scores(blind)["ours.mean"].reason == "the truth has no flow of the points"


def test_labels_of_another_reading_of_the_scan_are_refused() -> None:
    with pytest.raises(DataError, match="expected 5, got 4"):
        scores(claimed([[0, 0, 0]] * 4))


def test_true_flow_is_kept_for_labels_with_velocities_only() -> None:
    pair = claimed([[0, 0, 0]] * 5)
    assert pair_frames([pair.label], [pair.truth]).pairs[0].truth.flow_points_velo is not None
    assert pair_frames([label(0)], [pair.truth]).pairs[0].truth.flow_points_velo is None
