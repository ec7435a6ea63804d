# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Standing objects called moving, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from unit.evaluation.scenes import car, detections, label, tracks, truth

from unsup_track_ros.evaluation.motion import MotionEvaluationConfig
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.evaluation.standing import StandingEvaluationConfig, evaluate_standing
from unsup_track_ros.structures.motion import MotionSegmentation, MotionState, MotionStatus
from unsup_track_ros.structures.tracks import TrackState

STANDS, MOVES = False, True


def counts(*pairs: LabelledTruth) -> dict[str, float | None]:
    metrics = evaluate_standing(pairs, StandingEvaluationConfig(), MotionEvaluationConfig())
    return {metric.key.removeprefix("standing."): metric.value for metric in metrics}


def queue(**changes: object) -> LabelledTruth:
    """Cars at 10 m and 20 m that stand, one at 30 m that moves."""
    there = truth(
        0,
        [car(10), car(20), car(30)],
        moving=np.array([STANDS, STANDS, MOVES]),
        point_objects=np.array([0, 0, 0, 1, 1, 2, -1]),
        **changes,
    )
    return LabelledTruth(label=label(0), truth=there)


def test_an_object_is_called_moving_by_its_points() -> None:
    marked = MotionSegmentation(
        status=MotionStatus.OK,
        moving_points=np.array([1, 0, 0, 0, 0, 1, 1], bool),
        judged_points=np.ones(7, bool),
    )
    found = counts(replace(queue(), label=label(0, motion=marked)))
    assert found == {"objects": 2, "marked": 1, "detected_moving": 0, "tracked_moving": 0}


def test_a_detection_claims_what_it_says() -> None:
    found = detections(0, [car(10), car(20), car(30)])
    moving = label(0, detections=found)
    assert counts(replace(queue(), label=moving))["detected_moving"] == 2
    states = np.array([MotionState.STANDING, MotionState.UNSURE, MotionState.MOVING], np.int64)
    resting = label(0, detections=replace(found, motion=states))
    assert counts(replace(queue(), label=resting))["detected_moving"] == 0


def test_confirmed_tracks_claim_by_their_speed() -> None:
    states = [TrackState.TENTATIVE, TrackState.CONFIRMED]
    found = tracks(0, [car(10), car(20)], [1, 2], states)
    for speed_mps, expected in ((0.6, 1), (0.4, 0)):
        moving = replace(found, velocities_odom=np.array([[speed_mps, 0, 0]] * 2))
        called = counts(replace(queue(), label=label(0, tracks=moving)))["tracked_moving"]
        assert called == expected


def test_a_box_of_the_moving_car_that_reaches_over_a_standing_one_is_no_claim_about_it() -> None:
    # From 21 m to 32 m: 3 m of the standing car, all 4 m of the moving one.
    wide = [26.5, 0.0, -1.0, 11.0, 2.0, 1.5, 0.0]
    found = detections(0, [wide])
    there = replace(queue().truth, boxes_velo=np.array([car(10), car(22), car(30)]))
    pair = LabelledTruth(label=label(0, detections=found), truth=there)
    assert counts(pair)["detected_moving"] == 0


def test_far_and_unseen_objects_do_not_count() -> None:
    assert counts(queue(num_points=np.array([5, 0, 5])))["objects"] == 1
    far = replace(queue().truth, boxes_velo=np.array([car(10), car(60), car(30)]))
    assert counts(replace(queue(), truth=far))["objects"] == 1


def test_what_the_truth_does_not_say_is_not_available() -> None:
    unknown = LabelledTruth(label=label(0), truth=truth(0, [car(10)]))
    assert counts(unknown) == dict.fromkeys(counts(queue()))
    boxes_only = LabelledTruth(label=label(0), truth=truth(0, [car(10)], moving=np.array([STANDS])))
    assert counts(boxes_only)["marked"] is None
    assert counts(boxes_only)["objects"] == 1
