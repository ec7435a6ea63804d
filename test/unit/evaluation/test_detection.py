# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Detection scores of labels against truths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.evaluation.scenes import CAM_T_VELO, CAMERA, car, detections, label, truth

from unsup_track_ros.evaluation.detection import (
    IOU_THRESHOLDS,
    DetectionEvaluationConfig,
    evaluate_detection,
)
from unsup_track_ros.evaluation.metric import Metric
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.evaluation.selection import SelectionConfig, perspective_boxes_pix
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.truth import FrameTruth

CONFIG = DetectionEvaluationConfig()


def scores(*frames: tuple[FrameLabel, FrameTruth]) -> dict[str, Metric]:
    pairs = [LabelledTruth(label=one, truth=other) for one, other in frames]
    return {metric.key: metric for metric in evaluate_detection(pairs, CONFIG)}


def found(index: int, *rows: list[float]) -> FrameLabel:
    return label(index, detections=detections(index, rows))


def test_a_perfect_answer_scores_one_in_every_view() -> None:
    metrics = scores((found(0, car(10), car(20, 3)), truth(0, [car(10), car(20, 3)])))
    for view in ("tcr.bev", "tcr.perspective", "tcr.volume", "range.bev", "range.volume"):
        for threshold in IOU_THRESHOLDS:
            key = f"detection.{view}.all.frame_mean_ap@{threshold:.1f}"
            assert metrics[key].value == pytest.approx(1.0), key
        assert metrics[f"detection.{view}.all.precision"].value == 1.0
        assert metrics[f"detection.{view}.all.recall"].value == 1.0


def test_a_shifted_box_scores_up_to_its_iou() -> None:
    # 4 m long, 1 m off along its length: 3 shared of 5 in all = 0.6.
    metrics = scores((found(0, car(11)), truth(0, [car(10)])))
    values = [metrics[f"detection.tcr.bev.all.pooled_ap@{t:.1f}"].value for t in IOU_THRESHOLDS]
    # 0.6 itself lies on the edge of rounding, so it is not judged here.
    assert values[:5] == [1.0] * 5
    assert values[6] == 0.0


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (car(33.9), "in the grid"),
        (car(34.1), "too far"),
        (car(1.9), "too near"),
        (car(20, 16.1), "too far left"),
        ([10.0, 0, 0.1, 4, 2, 1.5, 0], "above the camera"),
        ([10.0, 0, -4.1, 4, 2, 1.5, 0], "below the grid"),
        (car(-10), "behind"),
    ],
)
def test_truth_outside_the_train_grid_is_dropped(place: list[float], why: str) -> None:
    metrics = scores((found(0), truth(0, [car(10), place])))
    expected = 2 if why == "in the grid" else 1
    assert metrics["detection.tcr.bev.all.truth_objects"].value == expected


def test_detections_outside_the_image_or_behind_are_dropped() -> None:
    # The camera sees 45 degrees to each side.
    metrics = scores((found(0, car(10), car(10, 10.2), car(-10)), truth(0, [car(10)])))
    assert metrics["detection.tcr.bev.all.false_positives"].value == 0
    assert metrics["detection.range.bev.all.false_positives"].value == 2


def test_truth_of_which_the_camera_sees_nothing_is_dropped_but_half_seen_truth_stays() -> None:
    # Centre at 46 degrees left, near corner inside; and 70 degrees left, all outside.
    metrics = scores((found(0), truth(0, [car(10, 10.4), car(5, 14)])))
    assert metrics["detection.tcr.bev.all.truth_objects"].value == 1


def test_truth_below_the_lower_edge_of_the_image_is_dropped() -> None:
    # Its top, 3.15 m below the camera, is 6 m away: row 50.75 of 50.
    below = [4.0, 0, -3.9, 4, 2, 1.5, 0]
    metrics = scores((found(0), truth(0, [car(10), below])))
    assert metrics["detection.tcr.bev.all.truth_objects"].value == 1


def test_all_around_scoring_takes_what_is_in_range_on_any_side() -> None:
    metrics = scores((found(0, car(-49), car(-51)), truth(0, [car(-49), car(0, 60)])))
    assert metrics["detection.range.bev.all.truth_objects"].value == 1
    assert metrics["detection.range.bev.all.false_positives"].value == 0
    assert metrics["detection.range.bev.all.recall"].value == 1.0


def test_a_detection_on_an_object_just_out_of_range_is_ignored() -> None:
    metrics = scores((found(0, car(49.5)), truth(0, [car(50.5), car(10)])))
    assert metrics["detection.range.bev.all.false_positives"].value == 0
    assert metrics["detection.range.bev.all.truth_objects"].value == 1


def test_boxes_without_extent_are_padding() -> None:
    flat = [10.0, 0, -1, 4, 0.01, 1.5, 0]
    metrics = scores((found(0, flat, car(20)), truth(0, [flat, car(20)])))
    for protocol in ("tcr", "range"):
        assert metrics[f"detection.{protocol}.bev.all.truth_objects"].value == 1
        assert metrics[f"detection.{protocol}.bev.all.false_positives"].value == 0


def test_detections_below_the_lowest_score_are_not_scored() -> None:
    one = label(0, detections=detections(0, [car(10), car(20)], [0.5, 0.4]))
    pairs = [LabelledTruth(label=one, truth=truth(0, [car(10)]))]
    config = DetectionEvaluationConfig(selection=SelectionConfig(min_score=0.5))
    by_key = {metric.key: metric.value for metric in evaluate_detection(pairs, config)}
    assert by_key["detection.tcr.bev.all.precision"] == 1.0


def test_a_standing_object_is_ignored_when_only_moving_ones_count() -> None:
    there = truth(0, [car(10), car(20)], moving=np.array([True, False]))
    metrics = scores((found(0, car(10), car(20), car(30)), there))
    assert metrics["detection.tcr.bev.all.precision"].value == pytest.approx(2 / 3)
    assert metrics["detection.tcr.bev.moving.precision"].value == pytest.approx(1 / 2)
    assert metrics["detection.tcr.bev.moving.recall"].value == 1.0
    assert metrics["detection.tcr.bev.moving.truth_objects"].value == 1


def test_missing_motion_truth_says_not_available_instead_of_zero() -> None:
    metrics = scores((found(0, car(10)), truth(0, [car(10)])))
    metric = metrics["detection.tcr.bev.moving.pooled_ap@0.3"]
    assert metric.value is None
    assert metric.reason == "the truth does not say what moves"


def test_pedestrians_are_ignored_when_only_vehicles_count() -> None:
    there = truth(0, [car(10), car(20)], classes=("TRUCK", "Pedestrian"))
    metrics = scores((found(0, car(10), car(20)), there))
    assert metrics["detection.tcr.bev.vehicles.truth_objects"].value == 1
    assert metrics["detection.tcr.bev.vehicles.precision"].value == 1.0


def test_truth_without_points_is_neither_missed_nor_a_false_alarm() -> None:
    there = truth(0, [car(10), car(20)], num_points=np.array([30, 0]))
    metrics = scores((found(0, car(20)), there))
    assert metrics["detection.tcr.bev.all.truth_objects"].value == 1
    assert metrics["detection.tcr.bev.all.false_positives"].value == 0
    assert metrics["detection.tcr.bev.all.precision"].reason == "no box counts"


def test_without_a_camera_the_front_field_of_view_takes_its_place() -> None:
    blind = replace(found(0, car(10), car(10, 10), car(-10)), camera=None, cam_T_velo=None)
    metrics = scores((blind, truth(0, [car(10), car(-10)])))
    assert metrics["detection.tcr.bev.all.truth_objects"].value == 1
    assert metrics["detection.tcr.bev.all.false_positives"].value == 0
    assert metrics["detection.tcr.perspective.all.pooled_ap@0.3"].reason == "no camera"


def test_no_frames_and_no_truth_are_not_available() -> None:
    assert {m.reason for m in evaluate_detection([], CONFIG)} == {
        "no frame with label and truth",
        "no camera",
    }
    metrics = scores((found(0, car(10)), truth(0)))
    assert metrics["detection.tcr.bev.all.pooled_ap@0.1"].reason == "no truth object counts"


def test_the_keys_do_not_depend_on_what_is_available() -> None:
    full = scores((found(0, car(10)), truth(0, [car(10)], moving=np.array([True]))))
    assert set(full) == {metric.key for metric in evaluate_detection([], CONFIG)}


def test_perspective_boxes_reach_beyond_the_image_and_survive_corners_behind_the_camera() -> None:
    left, top, right, bottom = perspective_boxes_pix(np.array([car(10)]), CAM_T_VELO, CAMERA)[0]
    # Nearest face at 8 m: half a width of 1 m is 50 / 8 px; the road edge 1.75 m below the sensor.
    assert (left, right) == pytest.approx((49.5 - 50 / 8, 49.5 + 50 / 8))
    assert bottom == pytest.approx(24.5 + 50 * 1.75 / 8)
    assert top == pytest.approx(24.5 + 50 * 0.25 / 12)
    beside = perspective_boxes_pix(np.array([car(1, -3)]), CAM_T_VELO, CAMERA)[0]
    assert beside[0] == pytest.approx(49.5 + 50 * 2 / 3)
    assert beside[2] > CAMERA.width_px
