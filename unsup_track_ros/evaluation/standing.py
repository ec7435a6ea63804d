# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Standing objects that a label calls moving: by its points, its detections, its tracks.

A box on a standing object is no mistake by itself, since parked cars may be labelled as such; only
a claim of motion is. Objects are counted once per frame, so that a car called moving in ten frames
counts ten times.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.evaluation.answers import Answer, answered_boxes
from unsup_track_ros.evaluation.metric import Metric, Pooling, count, not_available
from unsup_track_ros.evaluation.motion import MotionEvaluationConfig, marked_objects
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.evaluation.selection import within_range
from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.shapes import Bool

CLAIMS = ("objects", "marked", "detected_moving", "tracked_moving")


class StandingEvaluationConfig(Config):
    """Scoring of objects that stand."""

    max_range_m: float = parameter(
        50.0, "Horizontal distance up to which objects count.", unit="m", gt=0
    )
    min_overlap_iou: float = parameter(
        0.1, "BEV IoU from which a box is about an object.", gt=0, le=1
    )
    min_moving_mps: float = parameter(
        0.5, "A track with this speed or more claims that its object moves.", unit="m/s", gt=0
    )


def evaluate_standing(
    pairs: Sequence[LabelledTruth], config: StandingEvaluationConfig, motion: MotionEvaluationConfig
) -> tuple[Metric, ...]:
    """Count standing objects and the claims that they move, metrics `standing.<what>`.

    Objects without a point are left out where the truth counts points. `marked` needs a truth that
    says which object a point lies on.
    """
    known = [pair for pair in pairs if pair.truth.moving is not None]
    if not known:
        reason = "the truth does not say what moves" if pairs else "no frame with label and truth"
        return tuple(
            not_available(f"standing.{name}", reason, pooling=Pooling.SUM) for name in CLAIMS
        )
    totals = np.sum([_frame_counts(pair, config, motion) for pair in known], axis=0)
    metrics = [
        count(f"standing.{name}", int(total)) for name, total in zip(CLAIMS, totals, strict=True)
    ]
    if all(pair.truth.point_objects is None for pair in known):
        reason = "the truth does not say which object a point lies on"
        metrics[1] = not_available("standing.marked", reason, pooling=Pooling.SUM)
    return tuple(metrics)


def _frame_counts(
    pair: LabelledTruth, config: StandingEvaluationConfig, motion: MotionEvaluationConfig
) -> tuple[int, int, int, int]:
    truth = pair.truth
    assert truth.moving is not None  # `evaluate_standing` has seen to it
    standing = ~truth.moving & within_range(truth.boxes_velo, config.max_range_m)
    if truth.num_points is not None:
        standing = standing & (truth.num_points > 0)
    return (
        int(standing.sum()),
        int((standing & marked_objects(pair, motion)).sum()),
        int((standing & _called_moving(pair, Answer.DETECTIONS, config)).sum()),
        int((standing & _called_moving(pair, Answer.TRACKS, config)).sum()),
    )


def _called_moving(
    pair: LabelledTruth, answer: Answer, config: StandingEvaluationConfig
) -> Bool[np.ndarray, " M"]:
    """Tell which truth objects lie under a box that claims to move.

    A detection says so itself, a track by its speed. A box belongs to the object it overlaps most:
    one on a passing car may reach over a parked one.
    """
    boxes, truth = answered_boxes(pair.label, answer), pair.truth
    if answer is Answer.DETECTIONS:
        claims = pair.label.detections.moving
    else:
        claims = np.linalg.norm(boxes.velocities_velo, axis=1) >= config.min_moving_mps
    iou = bev_iou(truth.boxes_velo, boxes.boxes_velo[claims])
    called = np.zeros(len(truth.ids), bool)
    if iou.size:
        best = iou.argmax(axis=0)
        called[best[iou.max(axis=0) >= config.min_overlap_iou]] = True
    return called
