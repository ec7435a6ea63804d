# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Laws of average precision and of the detection and tracking scores."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.evaluation.scenes import detections, label, tracks, truth

from unsup_track_ros.evaluation.average_precision import (
    frame_average_precision,
    match_greedily,
    pooled_average_precision,
)
from unsup_track_ros.evaluation.detection import DetectionEvaluationConfig, evaluate_detection
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.evaluation.tracking import TrackingEvaluationConfig, evaluate_tracking
from unsup_track_ros.geometry.se3 import rigid, rotation_about_z, transform_boxes

THRESHOLDS = np.array([0.1, 0.3, 0.5, 0.7])
seeds = st.integers(0, 2**32 - 1)


def random_overlap(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """IoU, distinct scores and which truth objects count."""
    generator = np.random.default_rng(seed)
    num, num_truth = int(generator.integers(1, 9)), int(generator.integers(1, 6))
    scores = generator.permutation(num) / num + 0.05
    return generator.random((num, num_truth)), scores, generator.random(num_truth) < 0.7


def frame_ap(iou: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return frame_average_precision(match_greedily(iou, scores, counts, THRESHOLDS, 0.1))


@given(seeds)
def test_average_precision_lies_in_zero_to_one_and_falls_with_the_threshold(seed: int) -> None:
    iou, scores, _ = random_overlap(seed)
    # Overlap with one object each: then a stricter threshold can only lose hits.
    diagonal = np.eye(*iou.shape) * iou
    values = frame_ap(diagonal, scores, np.ones(iou.shape[1], bool))
    assert ((values >= 0) & (values <= 1)).all()
    assert (np.diff(values) <= 1e-12).all()


@given(seeds)
def test_the_order_of_detections_does_not_matter_when_scores_differ(seed: int) -> None:
    iou, scores, counts = random_overlap(seed)
    order = np.random.default_rng(seed).permutation(len(scores))
    np.testing.assert_array_equal(
        frame_ap(iou, scores, counts), frame_ap(iou[order], scores[order], counts)
    )


@given(seeds)
def test_a_false_positive_scored_last_changes_nothing(seed: int) -> None:
    iou, scores, counts = random_overlap(seed)
    longer = np.concatenate([iou, np.zeros((1, iou.shape[1]))])
    before = match_greedily(iou, scores, counts, THRESHOLDS, 0.1)
    after = match_greedily(longer, np.append(scores, 0.0), counts, THRESHOLDS, 0.1)
    np.testing.assert_allclose(frame_average_precision(after), frame_average_precision(before))
    np.testing.assert_allclose(
        pooled_average_precision([after]), pooled_average_precision([before])
    )


@given(seeds)
def test_a_false_positive_scored_first_never_helps(seed: int) -> None:
    iou, scores, counts = random_overlap(seed)
    longer = np.concatenate([iou, np.zeros((1, iou.shape[1]))])
    after = frame_ap(longer, np.append(scores, 2.0), counts)
    assert (after <= frame_ap(iou, scores, counts) + 1e-12).all()


@given(seeds)
def test_pooled_ap_does_not_depend_on_the_order_of_frames_even_with_equal_scores(seed: int) -> None:
    generator = np.random.default_rng(seed)
    frames = []
    for part in range(4):
        iou, scores, counts = random_overlap(seed + part)
        coarse = np.round(scores * 2) / 2
        frames.append(match_greedily(iou, coarse, counts, THRESHOLDS, 0.1))
    shuffled = [frames[k] for k in generator.permutation(4)]
    np.testing.assert_allclose(pooled_average_precision(frames), pooled_average_precision(shuffled))


def random_boxes(generator: np.random.Generator, num: int) -> np.ndarray:
    """Boxes on the ground in front of the sensor, some of them on top of each other."""
    boxes = np.zeros((num, 7))
    boxes[:, 0] = generator.uniform(4, 30, num)
    boxes[:, 1] = generator.uniform(-6, 6, num)
    boxes[:, 2] = -1.0
    boxes[:, 3:6] = generator.uniform(1, 5, (num, 3))
    boxes[:, 6] = generator.uniform(-3, 3, num)
    return boxes


@settings(max_examples=15)
@given(seeds, st.floats(-3, 3), st.floats(-15, 15))
def test_scores_do_not_change_when_the_world_is_turned_about_the_sensor_and_raised(
    seed: int, yaw_rad: float, up_m: float
) -> None:
    generator = np.random.default_rng(seed)
    there, found = random_boxes(generator, 4), random_boxes(generator, 6)
    found[:2] = there[:2] + 0.1
    scores = (generator.permutation(6) / 6).tolist()

    def scored(velo_T_world: np.ndarray) -> list[float | None]:
        pair = LabelledTruth(
            label=label(
                detections=detections(0, transform_boxes(velo_T_world, found).tolist(), scores),
            ),
            truth=truth(0, transform_boxes(velo_T_world, there).tolist()),
        )
        metrics = evaluate_detection([pair], DetectionEvaluationConfig())
        return [m.value for m in metrics if m.key.startswith("detection.range")]

    moved = scored(rigid(rotation_about_z(yaw_rad), np.array([0.0, 0, up_m])))
    for one, other in zip(scored(np.eye(4)), moved, strict=True):
        assert (one is None) == (other is None)
        assert one is None or abs(one - (other or 0.0)) < 1e-6


@settings(max_examples=10)
@given(seeds)
def test_the_truth_as_its_own_answer_scores_one(seed: int) -> None:
    generator = np.random.default_rng(seed)
    there = random_boxes(generator, 5)
    pairs = [
        LabelledTruth(
            label=label(
                index,
                detections=detections(index, there.tolist(), generator.random(5).tolist()),
                tracks=tracks(index, there.tolist(), [3, 1, 4, 15, 9]),
            ),
            truth=truth(index, there.tolist()),
        )
        for index in range(2)
    ]
    for metric in evaluate_detection(pairs, DetectionEvaluationConfig()):
        if metric.row.endswith("_ap") and metric.value is not None and ".range." in metric.key:
            assert metric.value > 1 - 1e-9, metric
    by_key = {m.key: m.value for m in evaluate_tracking(pairs, TrackingEvaluationConfig())}
    assert by_key["tracking.all.mota"] == 1.0
    assert by_key["tracking.all.idf1"] == 1.0
    assert (by_key["tracking.all.hota"] or 0.0) > 1 - 1e-6
