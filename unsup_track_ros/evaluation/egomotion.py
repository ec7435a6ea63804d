# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Error of the sensor's own motion: per frame, and drift over the recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unsup_track_ros.evaluation.metric import Metric, Pooling, count, measured, not_available, ratio
from unsup_track_ros.evaluation.pairing import LabelledTruth, PairedFrames
from unsup_track_ros.geometry.se3 import inverse, rotation_angle_rad
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.egomotion import EgomotionStatus

# Tail quantile of the errors, as the requirements of the project state it.
P95 = 0.95


def evaluate_egomotion(frames: PairedFrames) -> tuple[Metric, ...]:
    """Score the motion between frames and the pose over all of them, metrics `egomotion.<what>`.

    The motion of a frame is compared with the true motion between the same two stamps, so a skipped
    frame is no error. Frames that are not answered carry no error; their share is a metric of its
    own. The first frame of a stream (INITIAL) has no motion and is not counted.
    """
    pairs, poses = frames.pairs, frames.true_poses
    expected = [p for p in pairs if p.label.egomotion.status is not EgomotionStatus.INITIAL]
    unanswered = [p for p in expected if p.label.egomotion.status is not EgomotionStatus.OK]
    errors = [error for pair in expected if (error := _motion_error(pair, poses)) is not None]
    return (
        *_error_metrics(errors, "the truth has no poses" if not poses else "no motion to compare"),
        ratio("egomotion.unanswered_share", len(unanswered), len(expected), "no motion expected"),
        count("egomotion.frames", len(errors)),
        *_drift_metrics(pairs),
    )


def _motion_error(
    pair: LabelledTruth, poses: Mapping[int, Float64[np.ndarray, "4 4"]]
) -> tuple[float, float] | None:
    """Return translation (m) and rotation (deg) error, None where one side is missing."""
    motion = pair.label.egomotion
    odom_T_velo0, odom_T_velo1 = poses.get(motion.stamp0_ns), poses.get(motion.stamp1_ns)
    if motion.status is not EgomotionStatus.OK or motion.velo1_T_velo0 is None:
        return None
    if odom_T_velo0 is None or odom_T_velo1 is None:
        return None
    velo1_T_velo0 = inverse(odom_T_velo1) @ odom_T_velo0
    return _difference(velo1_T_velo0, motion.velo1_T_velo0)


def _difference(
    true_pose: Float64[np.ndarray, "4 4"], pose: Float64[np.ndarray, "4 4"]
) -> tuple[float, float]:
    error = inverse(true_pose) @ pose
    return float(np.linalg.norm(error[:3, 3])), float(np.degrees(rotation_angle_rad(error)))


def _error_metrics(errors: Sequence[tuple[float, float]], missing: str) -> list[Metric]:
    metrics: list[Metric] = []
    for column, (name, unit) in enumerate((("translation_error", "m"), ("rotation_error", "deg"))):
        values = np.array([error[column] for error in errors])
        for statistic, quantile in (("median", 0.5), ("p95", P95), ("max", 1.0)):
            key = f"egomotion.{name}.{statistic}"
            pooling = Pooling.MAX if statistic == "max" else Pooling.MEAN
            if len(values):
                metrics.append(measured(key, float(np.quantile(values, quantile)), unit, pooling))
            else:
                metrics.append(not_available(key, missing, unit, pooling))
    return metrics


def _drift_metrics(pairs: Sequence[LabelledTruth]) -> list[Metric]:
    """Score the last pose after putting both first poses on top of each other."""
    keys = (
        "egomotion.drift.translation",
        "egomotion.drift.per_travelled",
        "egomotion.drift.rotation",
    )
    placed = [
        (pair.truth.odom_T_velo, pair.label.egomotion.odom_T_velo1)
        for pair in pairs
        if pair.truth.odom_T_velo is not None and pair.label.egomotion.odom_T_velo1 is not None
    ]
    if len(placed) < 2:  # drift needs a first and a last pose
        reason = "fewer than two frames with a pose in label and truth"
        return [
            not_available(key, reason, unit)
            for key, unit in zip(keys, ("m", "", "deg"), strict=True)
        ]
    (true_first, first), (true_last, last) = placed[0], placed[-1]
    drift_m, drift_deg = _difference(inverse(true_first) @ true_last, inverse(first) @ last)
    track = np.array([truth[:3, 3] for truth, _ in placed])
    travelled_m = float(np.linalg.norm(np.diff(track, axis=0), axis=1).sum())
    return [
        measured(keys[0], drift_m, "m"),
        ratio(keys[1], drift_m, travelled_m, "the sensor did not move"),
        measured(keys[2], drift_deg, "deg"),
    ]
