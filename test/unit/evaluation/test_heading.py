# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Heading errors of matched boxes, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.evaluation.scenes import boxes, car, detections, egomotion, label, tracks, truth

from unsup_track_ros.evaluation.detection import DetectionEvaluationConfig, evaluate_detection
from unsup_track_ros.evaluation.metric import Metric
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.geometry.se3 import rigid, rotation_about_z, transform_boxes
from unsup_track_ros.structures.truth import FrameTruth

KEY = "detection.range.bev.moving.heading"


def scores(*pairs: LabelledTruth) -> dict[str, Metric]:
    return {m.key: m for m in evaluate_detection(pairs, DetectionEvaluationConfig())}


def cars_ahead(number: int) -> FrameTruth:
    """Moving cars side by side, all heading along x."""
    rows = [car(10, 5.0 * place) for place in range(number)]
    return truth(0, rows, moving=np.ones(number, bool))


def turned(yaws_deg: list[float], known: list[bool]) -> LabelledTruth:
    """Every car found, turned by its own angle."""
    rows = [car(10, 5.0 * place, np.radians(yaw)) for place, yaw in enumerate(yaws_deg)]
    found = replace(detections(0, rows), heading_known=np.array(known))
    return LabelledTruth(label=label(0, detections=found), truth=cars_ahead(len(rows)))


def test_errors_are_taken_over_the_claimed_headings_only() -> None:
    metrics = scores(turned([2, -4, 10, 180, 30], [True, True, True, True, False]))
    assert metrics[f"{KEY}.claimed_share"].value == pytest.approx(4 / 5)
    assert metrics[f"{KEY}.claimed"].value == 4
    # Sorted 2, 4, 10, 180: the median lies between 4 and 10, the 0.9-quantile 0.7 past the 10.
    assert metrics[f"{KEY}.median"].value == pytest.approx(7)
    assert metrics[f"{KEY}.p90"].value == pytest.approx(10 + 0.7 * 170)
    assert metrics[f"{KEY}.flip_share"].value == pytest.approx(1 / 4)
    assert metrics[f"{KEY}.median"].unit == "deg"


def test_an_error_beyond_half_a_turn_is_counted_the_short_way_round() -> None:
    ahead = turned([-179], [True])
    backward = replace(ahead.truth, boxes_velo=boxes([car(10, 0.0, np.radians(179.0))]))
    metrics = scores(replace(ahead, truth=backward))
    assert metrics[f"{KEY}.median"].value == pytest.approx(2)
    assert metrics[f"{KEY}.flip_share"].value == 0.0


def test_boxes_that_match_nothing_have_no_heading_to_judge() -> None:
    away = LabelledTruth(label=label(0, detections=detections(0, [car(40)])), truth=cars_ahead(1))
    metrics = scores(away)
    assert metrics[f"{KEY}.claimed_share"].reason == "no box was matched"
    assert metrics[f"{KEY}.median"].reason == "no box was matched"


def test_headings_that_nobody_claims_are_not_available() -> None:
    metrics = scores(turned([3], [False]))
    assert metrics[f"{KEY}.claimed_share"].value == 0.0
    assert metrics[f"{KEY}.median"].reason == "no heading was claimed"


def test_tracks_are_turned_from_odom_to_the_scan() -> None:
    odom_T_velo = rigid(rotation_about_z(1.0), np.array([5.0, -3.0, 0.5]))
    found = tracks(0, transform_boxes(odom_T_velo, boxes([car(10, 0.0, 0.1)])).tolist(), [1])
    one = label(
        0,
        tracks=replace(found, heading_known=np.array([True])),
        egomotion=egomotion(0, odom_T_velo1=odom_T_velo),
    )
    metrics = scores(LabelledTruth(label=one, truth=cars_ahead(1)))
    key = "track_boxes.range.bev.moving"
    assert metrics[f"{key}.heading.median"].value == pytest.approx(np.degrees(0.1))
    assert metrics[f"{key}.recall"].value == 1.0
