# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Egomotion errors and drift, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from unit.evaluation.scenes import egomotion, label, truth

from unsup_track_ros.evaluation.egomotion import evaluate_egomotion
from unsup_track_ros.evaluation.metric import Metric
from unsup_track_ros.evaluation.pairing import pair_frames
from unsup_track_ros.geometry.se3 import inverse, rigid, rotation_about_z
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.truth import FrameTruth


def pose(x: float, y: float = 0.0, yaw_deg: float = 0.0) -> np.ndarray:
    return rigid(rotation_about_z(np.radians(yaw_deg)), np.array([x, y, 0.0]))


def drive(true: list[np.ndarray], claimed: list[np.ndarray]) -> tuple[list[Any], list[Any]]:
    labels = []
    for index, odom_T_velo1 in enumerate(claimed):
        motion = inverse(odom_T_velo1) @ claimed[index - 1] if index else None
        answer = egomotion(index, velo1_T_velo0=motion, odom_T_velo1=odom_T_velo1)
        labels.append(label(index, egomotion=answer))
    truths = [truth(index, odom_T_velo=odom_T_velo) for index, odom_T_velo in enumerate(true)]
    return labels, truths


def scores(labels: list[FrameLabel], truths: list[FrameTruth]) -> dict[str, Metric]:
    return {metric.key: metric for metric in evaluate_egomotion(pair_frames(labels, truths))}


def test_exact_motion_in_another_odom_frame_has_no_error_and_no_drift() -> None:
    true = [pose(0), pose(1, 0.1, 5), pose(2, 0.4, 11)]
    other_T_world = pose(-40, 12, 70)
    metrics = scores(*drive(true, [other_T_world @ odom_T_velo for odom_T_velo in true]))
    for key in ("translation_error.max", "rotation_error.max"):
        assert metrics[f"egomotion.{key}"].value == pytest.approx(0, abs=1e-9)
    assert metrics["egomotion.drift.translation"].value == pytest.approx(0, abs=1e-9)
    assert metrics["egomotion.unanswered_share"].value == 0.0
    assert metrics["egomotion.frames"].value == 2


def test_errors_are_per_frame_and_drift_adds_up() -> None:
    # Each metre is claimed as 1.1 m, and the last step also turns by 2 degrees.
    metrics = scores(
        *drive([pose(0), pose(1), pose(2)], [pose(0), pose(1.1), pose(2.2, yaw_deg=2)])
    )
    assert metrics["egomotion.translation_error.median"].value == pytest.approx(0.1, abs=0.05)
    assert metrics["egomotion.drift.translation"].value == pytest.approx(0.2)
    assert metrics["egomotion.drift.per_travelled"].value == pytest.approx(0.1)
    assert metrics["egomotion.drift.rotation"].value == pytest.approx(2.0)
    assert metrics["egomotion.rotation_error.max"].value == pytest.approx(2.0)
    assert metrics["egomotion.rotation_error.median"].value == pytest.approx(1.0)


def test_a_frame_without_an_answer_has_no_error_but_is_counted() -> None:
    labels, truths = drive([pose(0), pose(1), pose(2)], [pose(0), pose(1), pose(2)])
    lost = egomotion(1, status=EgomotionStatus.DEGENERATE, velo1_T_velo0=None, odom_T_velo1=None)
    labels[1] = label(1, egomotion=lost)
    metrics = scores(labels, truths)
    assert metrics["egomotion.unanswered_share"].value == 0.5
    assert metrics["egomotion.frames"].value == 1


def test_the_motion_over_a_skipped_frame_is_compared_over_the_same_span() -> None:
    labels, truths = drive([pose(0), pose(1), pose(2)], [pose(0), pose(1), pose(2)])
    over_two = egomotion(2, stamp0_ns=0, velo1_T_velo0=inverse(pose(2)), odom_T_velo1=pose(2))
    metrics = scores([labels[0], label(2, egomotion=over_two)], truths)
    assert metrics["egomotion.translation_error.max"].value == pytest.approx(0.0)


def test_without_poses_in_the_truth_nothing_is_available() -> None:
    metrics = scores([label(0), label(1)], [truth(0), truth(1)])
    assert metrics["egomotion.translation_error.median"].reason == "the truth has no poses"
    assert metrics["egomotion.drift.translation"].value is None
