# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The improved E step: what the networks see again and again at one place becomes a label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from unit.evaluation.scenes import car, label, tracks

from unsup_track_ros.labeling.progress import no_progress
from unsup_track_ros.networks.bev_inference import BevPredictor
from unsup_track_ros.networks.bev_input import BevGridConfig
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.training.expectation import (
    ExpectationConfig,
    expected_labels,
    sureness,
    with_standing,
)
from unsup_track_ros.training.network_opinion import FrameOpinion
from unsup_track_ros.training.scan_cache import ScanCache
from unsup_track_ros.training.standing_objects import StandingObjectConfig, find_standing
from unsup_track_ros.training.training_labels import object_labels

CONFIG = StandingObjectConfig(min_sightings=3, sure_sightings=4)


def opinion(boxes: list[list[float]], scores: list[float], moves: bool = False) -> FrameOpinion:
    array = np.array(boxes, np.float64).reshape(-1, 7)
    return FrameOpinion(
        boxes_velo=array,
        scores=np.array(scores, np.float64),
        moves=np.full(len(array), moves),
        points_velo=np.zeros((0, 3), np.float32),
        heights_m=np.zeros(0, np.float32),
        grid=BevGridConfig().grid(),
        bev_T_velo=np.eye(4),
    )


def frames(num: int) -> list[FrameLabel]:
    """Frames without labels; the sensor goes 1 m ahead from one to the next."""
    found = []
    for index in range(num):
        pose = np.eye(4)
        pose[0, 3] = index
        one = label(index)
        found.append(replace(one, egomotion=replace(one.egomotion, odom_T_velo1=pose)))
    return found


def seen_standing(num: int, score: float = 0.8) -> list[FrameOpinion]:
    return [opinion([car(20.0 - index, 5.0, 0.1)], [score]) for index in range(num)]


def test_a_box_at_one_place_in_odom_becomes_one_object() -> None:
    standing = find_standing(frames(4), seen_standing(4), 1.0, CONFIG)
    assert standing.boxes_odom[:, :2].tolist() == [pytest.approx([20.0, 5.0])]
    assert standing.weights.tolist() == pytest.approx([0.8])
    assert (standing.first[0], standing.last[0]) == (0, 3)
    assert standing.heading_known[0]


def test_few_sightings_or_low_scores_are_no_label() -> None:
    assert len(find_standing(frames(2), seen_standing(2), 1.0, CONFIG).weights) == 0
    assert len(find_standing(frames(4), seen_standing(4, 0.3), 1.0, CONFIG).weights) == 0
    assert len(find_standing(frames(4), [opinion([], [])] * 4, 1.0, CONFIG).weights) == 0


def test_networks_are_as_sure_as_they_are_of_what_was_seen_moving() -> None:
    """Hardly trained, they give 0.3 to what moves: then 0.25 is nearly as much."""
    unsure = seen_standing(4, 0.25)
    assert len(find_standing(frames(4), unsure, 1.0, CONFIG).weights) == 0
    weights = find_standing(frames(4), unsure, 0.3, CONFIG).weights
    assert weights.tolist() == pytest.approx([0.25 / 0.3])


def test_sureness_is_the_mean_score_of_labels_that_count_fully() -> None:
    moving = [
        label(index, tracks=tracks(index, [car(10.0), car(20.0, 5.0)], [3, 7]))
        for index in range(2)
    ]
    weighed = [replace(one, track_weights=np.array([1.0, 0.5])) for one in moving]
    support = {3: (0.4, 2), 7: (0.1, 2)}
    assert sureness(weighed, support) == pytest.approx(0.4)
    assert sureness(moving, support) == pytest.approx(0.25)
    assert sureness(weighed, {}) == 1.0


def test_without_the_e_step_labels_stay_those_of_round_1_and_no_network_is_asked(
    tmp_path: Path,
) -> None:
    labels = frames(2)
    nobody = (object.__new__(BevPredictor), None)  # has no network: asking it fails
    off = ExpectationConfig(enabled=False)
    kept = expected_labels(labels, ScanCache(tmp_path), nobody, off, no_progress)
    assert list(kept) == labels


def test_what_moves_is_left_to_motion() -> None:
    moving = [replace(one, moves=np.array([True])) for one in seen_standing(4)]
    assert len(find_standing(frames(4), moving, 1.0, CONFIG).weights) == 0


def test_a_box_that_drifts_through_odom_does_not_stand() -> None:
    drifting = [opinion([car(20.0, 5.0)], [0.8]) for _ in range(8)]  # goes along with the ego
    assert len(find_standing(frames(8), drifting, 1.0, CONFIG).weights) == 0


def test_sightings_that_disagree_on_the_heading_keep_the_axis() -> None:
    turned = [opinion([car(20.0 - i, 5.0, np.pi if i % 2 else 0.0)], [0.8]) for i in range(4)]
    standing = find_standing(frames(4), turned, 1.0, CONFIG)
    assert not standing.heading_known[0]
    assert abs(np.sin(standing.boxes_odom[0, 6])) < 1e-6


def test_added_objects_come_with_their_weight_into_training() -> None:
    standing = find_standing(frames(4), seen_standing(4), 1.0, CONFIG)
    rows = np.zeros(1, np.int64)
    boxes = np.array([car(18.0, 5.0)])
    told = with_standing(
        frames(4)[2], standing, (rows, rows + 9), (boxes, np.array([30], np.int64))
    )
    assert told.tracks.ids.tolist() == [9]
    learned = object_labels(told)
    assert learned.weights.tolist() == pytest.approx([0.8])
    assert learned.boxes_bev[0, :2].tolist() == pytest.approx([18.0, 5.0])
