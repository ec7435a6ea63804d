# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Motion mask scores, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from unit.evaluation.scenes import car, detections, label, tracks, truth

from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.metric import Metric
from unsup_track_ros.evaluation.motion import MotionEvaluationConfig, evaluate_motion
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.structures.motion import MotionSegmentation, MotionStatus
from unsup_track_ros.structures.tracks import TrackState


def bits(text: str) -> np.ndarray:
    return np.array([letter == "1" for letter in text])


def segmented(marked: str, judged: str) -> MotionSegmentation:
    return MotionSegmentation(
        status=MotionStatus.OK, moving_points=bits(marked), judged_points=bits(judged)
    )


def scores(*pairs: LabelledTruth) -> dict[str, Metric]:
    return {metric.key: metric for metric in evaluate_motion(pairs, MotionEvaluationConfig())}


def pair(motion: MotionSegmentation, index: int = 0, **members: object) -> LabelledTruth:
    rows: Any = members.pop("rows", ())
    there = truth(index, rows, **members)
    return LabelledTruth(label=label(index, motion=motion), truth=there)


def test_precision_recall_and_iou_of_judged_and_of_all_points() -> None:
    #        hit, false alarm, miss, miss without evidence, rest
    metrics = scores(pair(segmented("110000", "111011"), moving_points=bits("101100")))
    assert metrics["motion.points.judged.precision"].value == 0.5
    assert metrics["motion.points.judged.recall"].value == 0.5
    assert metrics["motion.points.judged.iou"].value == pytest.approx(1 / 3)
    assert metrics["motion.points.all.recall"].value == pytest.approx(1 / 3)
    assert metrics["motion.points.all.iou"].value == pytest.approx(1 / 4)
    assert metrics["motion.points.judged_share"].value == pytest.approx(5 / 6)


def test_points_are_pooled_over_frames() -> None:
    metrics = scores(
        pair(segmented("1000", "1111"), 0, moving_points=bits("1000")),
        pair(segmented("1110", "1111"), 1, moving_points=bits("0000")),
    )
    assert metrics["motion.points.all.precision"].value == 0.25
    assert metrics["motion.points.all.recall"].value == 1.0


def test_a_frame_that_was_not_judged_misses_everything_that_moves() -> None:
    metrics = scores(LabelledTruth(label=label(0), truth=truth(0, moving_points=bits("1100"))))
    assert metrics["motion.points.all.recall"].value == 0.0
    assert metrics["motion.points.all.precision"].reason == "nothing was marked as moving"
    assert metrics["motion.points.judged.recall"].reason == "nothing moves"


def test_a_mask_of_another_scan_is_refused_in_a_sentence() -> None:
    with pytest.raises(DataError, match="one value per point of the truth, expected 3, got 2"):
        scores(pair(segmented("11", "11"), moving_points=bits("110")))


def test_the_true_pixels_are_sampled_at_the_working_resolution() -> None:
    moving = np.zeros((4, 8), bool)
    moving[:2, 4:] = True  # the upper right quarter
    half = np.array([[False, False, True, True], [False, False, False, True]])
    motion = replace(segmented("0", "1"), moving_pixels=half, judged_pixels=np.ones((2, 4), bool))
    metrics = scores(pair(motion, moving_pixels=moving, moving_points=bits("0")))
    assert metrics["motion.pixels.all.recall"].value == 1.0
    assert metrics["motion.pixels.all.precision"].value == pytest.approx(2 / 3)


def test_pixels_of_a_label_without_a_camera_miss_everything() -> None:
    metrics = scores(
        pair(segmented("0", "1"), moving_points=bits("0"), moving_pixels=np.ones((2, 2), bool))
    )
    assert metrics["motion.pixels.all.recall"].value == 0.0
    assert metrics["motion.pixels.judged_share"].value == 0.0


def test_an_object_is_found_with_a_fifth_of_its_points() -> None:
    members = np.repeat([0, 1, 2, 3, -1], [10, 10, 10, 4, 6])
    marked = np.zeros(40, bool)
    marked[[0, 1, 10]] = True  # 20 % of object 0, 10 % of object 1
    marked[20:30] = True  # object 2 does not move
    motion = MotionSegmentation(
        status=MotionStatus.OK, moving_points=marked, judged_points=np.ones(40, bool)
    )
    metrics = scores(
        pair(
            motion,
            rows=[car(5), car(10), car(15), car(20)],
            moving=np.array([True, True, False, True]),
            moving_points=members == 0,
            point_objects=members,
        )
    )
    assert metrics["motion.objects.moving"].value == 2  # the fourth has fewer than 5 points
    assert metrics["motion.objects.recall"].value == 0.5


def test_what_is_claimed_in_a_static_world_is_counted() -> None:
    there = truth(0, [car(10)], moving=np.array([False]), moving_points=bits("000"))
    states = [TrackState.CONFIRMED, TrackState.TENTATIVE]
    claims = [
        LabelledTruth(
            label=label(
                index,
                motion=segmented("010", "111"),
                detections=detections(index, [car(10), car(20)]),
                tracks=tracks(index, [car(10), car(20)], [4, 5 + index], states),
            ),
            truth=there,
        )
        for index in range(3)
    ]
    metrics = scores(*claims)
    assert metrics["motion.static_world.detections"].value == 6
    assert metrics["motion.static_world.tracks"].value == 1
    assert metrics["motion.static_world.points"].value == 3


def test_a_world_with_one_moving_object_is_not_static() -> None:
    metrics = scores(pair(segmented("0", "1"), rows=[car(9)], moving=np.array([True])))
    assert metrics["motion.static_world.detections"].reason == "the world is not static"
    assert metrics["motion.points.all.iou"].reason == "the truth has no mask"


def test_the_keys_do_not_depend_on_what_is_available() -> None:
    assert set(scores()) == set(scores(pair(segmented("1", "1"), moving_points=bits("1"))))
    assert scores()["motion.static_world.tracks"].reason == "no frame with label and truth"
