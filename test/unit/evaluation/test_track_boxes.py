# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tracks scored as boxes, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.evaluation.scenes import car, detections, egomotion, label, tracks, truth

from unsup_track_ros.evaluation.answers import Answer, answered_boxes
from unsup_track_ros.evaluation.detection import DetectionEvaluationConfig, evaluate_detection
from unsup_track_ros.evaluation.metric import Metric
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.evaluation.tracking import TrackingEvaluationConfig, evaluate_tracking
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.tracks import TrackState

KEY = "track_boxes.range.bev.moving"
STATES = [TrackState.TENTATIVE, TrackState.CONFIRMED, TrackState.COASTING]


def scores(*pairs: LabelledTruth) -> dict[str, Metric]:
    return {m.key: m for m in evaluate_detection(pairs, DetectionEvaluationConfig())}


def test_only_confirmed_and_coasting_tracks_are_boxes() -> None:
    places = [car(10), car(20), car(30)]
    one = label(0, tracks=tracks(0, places, [1, 2, 3], STATES))
    metrics = scores(
        LabelledTruth(label=one, truth=truth(0, places, moving=np.array([True, True, True])))
    )
    assert metrics[f"{KEY}.recall"].value == pytest.approx(2 / 3)
    assert metrics[f"{KEY}.precision"].value == 1.0
    assert metrics[f"{KEY}.mean_iou"].value == pytest.approx(1.0)
    assert list(answered_boxes(one, Answer.TRACKS, include_tentative=True).ids) == [1, 2, 3]


def test_tracks_are_ranked_by_the_probability_that_they_exist() -> None:
    # The wrong track is surer than the right one: precision 1/2 at full recall.
    found = replace(tracks(0, [car(30), car(10)], [1, 2]), existence=np.array([0.9, 0.6]))
    there = truth(0, [car(10)], moving=np.array([True]))
    metrics = scores(LabelledTruth(label=label(0, tracks=found), truth=there))
    assert metrics[f"{KEY}.pooled_ap@0.7"].value == pytest.approx(0.5)
    assert metrics[f"{KEY}.precision"].value == 0.5


def test_detections_and_tracks_are_scored_apart() -> None:
    one = label(0, detections=detections(0, [car(10)]), tracks=tracks(0, [car(20)], [1]))
    there = truth(0, [car(10), car(20)], moving=np.array([True, False]))
    metrics = scores(LabelledTruth(label=one, truth=there))
    assert metrics["detection.range.bev.moving.recall"].value == 1.0
    assert metrics[f"{KEY}.recall"].value == 0.0
    # The track lies on a standing object, so it is neither right nor wrong.
    assert metrics[f"{KEY}.precision"].reason == "no box counts"


def test_mean_iou_is_that_of_the_matches() -> None:
    # 1 m and 2 m off of 4 m: overlaps of 3/5 and 2/6; 3 m off, 1/7, does not match at 0.3.
    places = [car(11), car(10 + 2, 5), car(10 + 3, 10)]
    there = truth(0, [car(10), car(10, 5), car(10, 10)], moving=np.ones(3, bool))
    metrics = scores(
        LabelledTruth(label=label(0, tracks=tracks(0, places, [1, 2, 3])), truth=there)
    )
    assert metrics[f"{KEY}.mean_iou"].value == pytest.approx((3 / 5 + 2 / 6) / 2)


def test_velocities_turn_with_the_axes_and_a_frame_without_a_pose_has_no_tracks() -> None:
    quarter = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    found = replace(tracks(0, [car(10)], [1]), velocities_odom=np.array([[0.0, 2.0, 0.0]]))
    one = label(0, tracks=found, egomotion=egomotion(0, odom_T_velo1=quarter))
    np.testing.assert_allclose(
        answered_boxes(one, Answer.TRACKS).velocities_velo, [[2.0, 0.0, 0.0]], atol=1e-12
    )
    lost = egomotion(0, odom_T_velo1=None, status=EgomotionStatus.DEGENERATE)
    assert len(answered_boxes(replace(one, egomotion=lost), Answer.TRACKS).ids) == 0


def test_what_never_moved_makes_no_claim_about_moving_objects() -> None:
    # A parked car labelled for its likeness, with weight 0.5, where the truth has nothing.
    places = [car(10), car(30)]
    one = label(
        0,
        detections=detections(0, places),
        tracks=replace(tracks(0, places, [1, 2]), detection_index=np.array([0, 1])),
        track_weights=np.array([1.0, 0.5]),
    )
    there = truth(0, [car(10)], moving=np.array([True]))
    metrics = scores(LabelledTruth(label=one, truth=there))
    for answer in ("detection", "track_boxes"):
        assert metrics[f"{answer}.range.bev.moving.precision"].value == 1.0
        assert metrics[f"{answer}.range.bev.all.precision"].value == 0.5
    tracked = evaluate_tracking([LabelledTruth(label=one, truth=there)], TrackingEvaluationConfig())
    false_alarms = {m.key: m.value for m in tracked if m.key.endswith("num_false_positives")}
    assert false_alarms == {
        "tracking.all.num_false_positives": 1,
        "tracking.mobile.num_false_positives": 0,
    }
