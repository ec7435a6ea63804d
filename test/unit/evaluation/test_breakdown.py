# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where objects are lost, by hand."""

from __future__ import annotations

import numpy as np
from unit.evaluation.scenes import car, detections, label, tracks, truth

from unsup_track_ros.evaluation.breakdown import evaluate_breakdown
from unsup_track_ros.evaluation.detection import DetectionEvaluationConfig
from unsup_track_ros.evaluation.motion import MotionEvaluationConfig
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.structures.motion import MotionSegmentation, MotionStatus


def counts(*pairs: LabelledTruth) -> dict[str, float | None]:
    metrics = evaluate_breakdown(pairs, DetectionEvaluationConfig(), MotionEvaluationConfig())
    return {metric.key.removeprefix("breakdown."): metric.value for metric in metrics}


def stages(found: dict[str, float | None], group: str) -> list[float | None]:
    return [
        found[f"{group}.{stage}"]
        for stage in ("objects", "marked", "touched", "matched", "tracked")
    ]


def one_frame(index: int = 0) -> LabelledTruth:
    """Cars at 5, 15 and 45 m that got further the nearer they are, and one that stands."""
    there = truth(
        index,
        [car(5), car(15), car(45), car(25)],
        moving=np.array([True, True, True, False]),
        num_points=np.array([200, 10, 2, 50]),
        velocities_velo=np.array([[3.0, 4, 0], [0.7, 0, 0], [0, 12, 0], [0, 0, 0]]),
        point_objects=np.array([0, 0, 0, 0, 1, 1, 2, -1]),
    )
    # 2 of 4, 2 of 2, 0 of 1 points marked.
    marked = np.array([1, 1, 0, 0, 1, 1, 0, 0], bool)
    motion = MotionSegmentation(
        status=MotionStatus.OK, moving_points=marked, judged_points=np.ones(8, bool)
    )
    # 3 m off of 4 m: an overlap of 1/7, touched but not matched.
    found = detections(index, [car(5), car(18)])
    one = label(index, motion=motion, detections=found, tracks=tracks(index, [car(5)], [3]))
    return LabelledTruth(label=one, truth=there)


def test_every_moving_object_is_counted_at_the_stages_it_passed() -> None:
    found = counts(one_frame())
    assert stages(found, "all") == [3, 2, 2, 1, 1]
    assert stages(found, "class.Car") == [3, 2, 2, 1, 1]


def test_objects_are_grouped_by_range_points_and_speed() -> None:
    found = counts(one_frame())
    assert stages(found, "range.0_to_10m") == [1, 1, 1, 1, 1]
    assert stages(found, "range.10_to_20m") == [1, 1, 1, 0, 0]
    assert stages(found, "range.40_to_50m") == [1, 0, 0, 0, 0]
    assert stages(found, "points.100_to_300") == [1, 1, 1, 1, 1]
    assert stages(found, "points.0_to_5") == [1, 0, 0, 0, 0]
    assert stages(found, "speed.5_to_10mps") == [1, 1, 1, 1, 1]
    assert stages(found, "speed.from_10mps") == [1, 0, 0, 0, 0]
    assert "range.20_to_30m.objects" not in found


def test_the_time_in_view_starts_with_the_first_point_and_belongs_to_the_object() -> None:
    found = counts(one_frame(0), one_frame(3))
    # 0.3 s between the two frames.
    assert stages(found, "in_view.0_to_0.2s") == [3, 2, 2, 1, 1]
    assert stages(found, "in_view.0.2_to_0.5s") == [3, 2, 2, 1, 1]


def test_wrong_boxes_are_told_apart_by_what_they_lie_on() -> None:
    # A match, a second box on the same car, one 3 m off another car, one on a standing car, one on
    # nothing.
    places = [car(5), car(5.5), car(18), car(25), car(35)]
    base = one_frame()
    one = label(0, detections=detections(0, places, [0.9, 0.8, 0.7, 0.6, 0.5]))
    found = counts(LabelledTruth(label=one, truth=base.truth))
    assert found["wrong.detection.duplicate"] == 1
    assert found["wrong.detection.poor_overlap"] == 1
    assert found["wrong.detection.no_object"] == 1
    assert found["wrong.track_boxes.no_object"] == 0


def test_nothing_moves_is_zero_and_an_unknown_motion_is_not_available() -> None:
    still = LabelledTruth(label=label(0), truth=truth(0, [car(10)], moving=np.array([False])))
    assert stages(counts(still), "all") == [0, 0, 0, 0, 0]
    unknown = LabelledTruth(label=label(0), truth=truth(0, [car(10)]))
    assert stages(counts(unknown), "all") == [None] * 5
    assert counts()["wrong.detection.duplicate"] is None


def test_truth_without_points_speed_or_identity_is_counted_over_all() -> None:
    plain = truth(0, [car(5)], moving=np.array([True]), ids=np.array([-1]))
    found = counts(LabelledTruth(label=label(0, detections=detections(0, [car(5)])), truth=plain))
    assert stages(found, "all") == [1, 0, 1, 1, 0]
    assert not [key for key in found if key.startswith(("points", "speed", "in_view"))]
