# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tracking scores, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from unit.evaluation.scenes import car, egomotion, label, tracks, truth

from unsup_track_ros.evaluation.metric import Metric
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.evaluation.tracking import TrackingEvaluationConfig, evaluate_tracking
from unsup_track_ros.geometry.se3 import inverse, rigid, rotation_about_z, transform_boxes
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.tracks import TrackState


def scores(
    pairs: Sequence[LabelledTruth], config: TrackingEvaluationConfig | None = None
) -> dict[str, Metric]:
    config = config if config is not None else TrackingEvaluationConfig()
    return {metric.key: metric for metric in evaluate_tracking(pairs, config)}


def followed(track_ids: Sequence[int | None]) -> list[LabelledTruth]:
    """One car that drives away, and the track that lies on it in each frame."""
    pairs = []
    for index, track_id in enumerate(track_ids):
        place = car(10 + index)
        rows, ids = ([place], [track_id]) if track_id is not None else ([], [])
        pairs.append(
            LabelledTruth(
                label=label(index, tracks=tracks(index, rows, ids)), truth=truth(index, [place])
            )
        )
    return pairs


def test_a_perfect_track_scores_one() -> None:
    metrics = scores(followed([7, 7, 7, 7]))
    for name in ("mota", "idf1", "hota", "deta", "assa", "motp_similarity"):
        assert metrics[f"tracking.all.{name}"].value == pytest.approx(1.0), name
    assert metrics["tracking.all.num_switches"].value == 0


def test_a_track_matches_from_the_configured_overlap_on() -> None:
    # 4 m long, 1.6 m off along its length: 2.4 shared of 5.6 in all = 0.43.
    one = label(0, tracks=tracks(0, [car(11.6)], [1]))
    pairs = [LabelledTruth(label=one, truth=truth(0, [car(10)]))]
    metrics = scores(pairs)
    assert metrics["tracking.all.idf1"].value == 1.0
    assert metrics["tracking.all.mota"].value == 1.0
    assert metrics["tracking.all.motp_similarity"].value == pytest.approx(2.4 / 5.6)
    strict = scores(pairs, TrackingEvaluationConfig(min_iou=0.5))
    assert strict["tracking.all.idf1"].value == 0.0
    assert strict["tracking.all.mota"].value == -1.0


def test_a_changed_identity_is_one_switch_and_halves_idf1() -> None:
    metrics = scores(followed([1, 1, 2, 2]))
    assert metrics["tracking.all.num_switches"].value == 1
    assert metrics["tracking.all.mota"].value == pytest.approx(1 - 1 / 4)
    assert metrics["tracking.all.idf1"].value == pytest.approx(0.5)
    # Each of the two halves is associated with 2 of 4 frames.
    assert metrics["tracking.all.assa"].value == pytest.approx(0.5)
    assert metrics["tracking.all.hota"].value == pytest.approx(np.sqrt(0.5))


def test_a_gap_is_one_fragmentation_and_one_miss() -> None:
    metrics = scores(followed([1, 1, None, 1]))
    assert metrics["tracking.all.num_fragmentations"].value == 1
    assert metrics["tracking.all.num_misses"].value == 1
    assert metrics["tracking.all.num_switches"].value == 0
    assert metrics["tracking.all.mota"].value == pytest.approx(3 / 4)


def test_no_tracks_at_all_is_a_score_of_zero_and_no_precision_of_position() -> None:
    metrics = scores(followed([None, None]))
    assert metrics["tracking.all.mota"].value == 0.0
    assert metrics["tracking.all.hota"].value == 0.0
    assert metrics["tracking.all.motp_similarity"].reason == "no track matched an object"


def test_tracks_are_moved_from_odom_to_the_sensor_with_the_pose_of_their_frame() -> None:
    odom_T_velo = rigid(rotation_about_z(1.2), np.array([30.0, -8, 0.5]))
    place = np.array([car(10, 2, 0.4)])
    moved = transform_boxes(odom_T_velo, place)
    one = label(
        0,
        egomotion=egomotion(0, odom_T_velo1=odom_T_velo),
        tracks=tracks(0, moved.tolist(), [3]),
    )
    metrics = scores([LabelledTruth(label=one, truth=truth(0, place.tolist()))])
    assert metrics["tracking.all.motp_similarity"].value == pytest.approx(1.0)
    np.testing.assert_allclose(transform_boxes(inverse(odom_T_velo), moved), place, atol=1e-12)


def test_a_frame_without_a_pose_is_a_frame_without_tracks() -> None:
    pairs = followed([1, 1, 1])
    lost = egomotion(1, status=EgomotionStatus.DEGENERATE, velo1_T_velo0=None, odom_T_velo1=None)
    pairs[1] = replace(pairs[1], label=replace(pairs[1].label, egomotion=lost))
    assert scores(pairs)["tracking.all.num_misses"].value == 1


def test_unconfirmed_tracks_count_only_on_request_and_coasting_ones_always() -> None:
    states = [TrackState.TENTATIVE, TrackState.COASTING]
    one = label(0, tracks=tracks(0, [car(10), car(20)], [1, 2], states))
    pairs = [LabelledTruth(label=one, truth=truth(0, [car(10), car(20)]))]
    assert scores(pairs)["tracking.all.num_misses"].value == 1
    every = TrackingEvaluationConfig(include_tentative=True)
    assert scores(pairs, every)["tracking.all.num_misses"].value == 0


def test_tracks_and_objects_out_of_range_do_not_count() -> None:
    one = label(0, tracks=tracks(0, [car(10), car(60)], [1, 2]))
    pairs = [LabelledTruth(label=one, truth=truth(0, [car(10), car(0, 70)]))]
    metrics = scores(pairs)
    assert metrics["tracking.all.num_truth"].value == 1
    assert metrics["tracking.all.num_false_positives"].value == 0


def test_a_track_on_an_object_just_out_of_range_is_ignored() -> None:
    one = label(0, tracks=tracks(0, [car(10), car(49.5)], [1, 2]))
    metrics = scores([LabelledTruth(label=one, truth=truth(0, [car(10), car(50.5)]))])
    assert metrics["tracking.all.num_truth"].value == 1
    assert metrics["tracking.all.num_false_positives"].value == 0


def test_an_object_without_points_is_ignored_in_that_frame() -> None:
    pairs = followed([1, 1])
    hidden = replace(pairs[1].truth, num_points=np.array([0]))
    metrics = scores([pairs[0], replace(pairs[1], truth=hidden)])
    assert metrics["tracking.all.num_truth"].value == 1
    assert metrics["tracking.all.num_false_positives"].value == 0


def test_a_mobile_object_counts_from_its_first_motion_on_also_when_it_stands_again() -> None:
    pairs = followed([5, 5, 5, 5])
    for index, moves in enumerate([False, True, False, False]):
        there = replace(pairs[index].truth, moving=np.array([moves]))
        pairs[index] = replace(pairs[index], truth=there)
    metrics = scores(pairs)
    assert metrics["tracking.all.num_truth"].value == 4
    assert metrics["tracking.mobile.num_truth"].value == 3
    # The track lay on the car before it moved: ignored there, not false.
    assert metrics["tracking.mobile.num_false_positives"].value == 0
    assert metrics["tracking.mobile.mota"].value == 1.0


def test_a_track_on_nothing_stays_false_when_standing_objects_are_ignored() -> None:
    one = label(0, tracks=tracks(0, [car(10), car(20), car(30)], [1, 2, 3]))
    there = truth(0, [car(10), car(20)], moving=np.array([True, False]))
    metrics = scores([LabelledTruth(label=one, truth=there)])
    assert metrics["tracking.all.num_false_positives"].value == 1
    assert metrics["tracking.mobile.num_false_positives"].value == 1


def test_missing_truth_is_not_available() -> None:
    assert scores([])["tracking.all.mota"].reason == "no frame with label and truth"
    anonymous = truth(0, [car(10)], ids=np.array([-1]))
    metrics = scores([LabelledTruth(label=label(0), truth=anonymous)])
    assert metrics["tracking.all.hota"].reason == "the truth has no identities"
    metrics = scores(followed([1]))
    assert metrics["tracking.mobile.hota"].reason == "the truth does not say what moves"
    metrics = scores([LabelledTruth(label=label(0), truth=truth(0))])
    assert metrics["tracking.all.mota"].reason == "no truth object counts"
    assert set(scores([])) == set(metrics)
