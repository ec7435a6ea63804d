# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tracking scores in bird's-eye-view IoU: CLEAR MOT, HOTA, IDF1."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.evaluation.answers import Answer, answered_boxes
from unsup_track_ros.evaluation.association_scores import (
    AssociationFrame,
    AssociationScores,
    score_associations,
)
from unsup_track_ros.evaluation.metric import Metric, Pooling, count, measured, not_available
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.evaluation.selection import within_range
from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.shapes import Bool, Float64, Int64

RATIOS = ("hota", "deta", "assa", "idf1", "mota", "motp_similarity")
COUNTS = ("num_switches", "num_fragmentations", "num_misses", "num_false_positives", "num_truth")


class TrackedObjects(enum.Enum):
    """Which truth objects count; tracks on the others are ignored."""

    ALL = "all"
    MOBILE = "mobile"  # from the first stamp at which it moves, also while it stands again later


class TrackingEvaluationConfig(Config):
    """Scoring of tracks."""

    min_iou: float = parameter(0.3, "BEV IoU from which track and object match.", gt=0, le=1)
    max_range_m: float = parameter(
        50.0,
        "Horizontal distance up to which objects and tracks count; tracks on objects farther away "
        "are ignored.",
        unit="m",
        gt=0,
    )
    min_truth_points: int = parameter(
        1,
        "Truth objects with fewer LiDAR points are ignored in a frame: neither missed nor found.",
        ge=0,
    )
    ignored_overlap_iou: float = parameter(
        0.1,
        "An unmatched track that overlaps an object which does not count this much is ignored.",
        gt=0,
        le=1,
    )
    include_tentative: bool = parameter(
        False, "Score unconfirmed tracks too; a vehicle would not act on them."
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FrameTracks:
    """Tracks and truth objects of one frame, in velo."""

    track_ids: Int64[np.ndarray, " N"]
    track_boxes_velo: Float64[np.ndarray, "N 7"]
    truth_ids: Int64[np.ndarray, " M"]
    truth_boxes_velo: Float64[np.ndarray, "M 7"]
    counts: Bool[np.ndarray, " M"]


def evaluate_tracking(
    pairs: Sequence[LabelledTruth], config: TrackingEvaluationConfig
) -> tuple[Metric, ...]:
    """Score the tracks of one recording, metrics `tracking.<objects>.<what>`."""
    metrics: list[Metric] = []
    for objects in TrackedObjects:
        prefix = f"tracking.{objects.value}"
        reason = _missing_reason(pairs, objects)
        sequence: list[AssociationFrame] = []
        if not reason:
            wanted = _wanted_ids(pairs, objects)
            sequence = [
                _association_frame(_frame_tracks(pair, objects, config), ids, config)
                for pair, ids in zip(pairs, wanted, strict=True)
            ]
            reason = "" if any(len(f.truth_ids) for f in sequence) else "no truth object counts"
        if reason:
            metrics += _unavailable(prefix, reason)
            continue
        metrics += _metrics(prefix, score_associations([sequence], config.min_iou))
    return tuple(metrics)


def _missing_reason(pairs: Sequence[LabelledTruth], objects: TrackedObjects) -> str:
    if not pairs:
        return "no frame with label and truth"
    if any((pair.truth.ids < 0).any() for pair in pairs):
        return "the truth has no identities"
    if objects is TrackedObjects.MOBILE and any(pair.truth.moving is None for pair in pairs):
        return "the truth does not say what moves"
    return ""


def _frame_tracks(
    pair: LabelledTruth, objects: TrackedObjects, config: TrackingEvaluationConfig
) -> _FrameTracks:
    """Take tracks and objects of a frame; objects out of range stay to be ignored."""
    truth = pair.truth
    tracks = answered_boxes(
        pair.label,
        Answer.TRACKS,
        movers_only=objects is TrackedObjects.MOBILE,
        include_tentative=config.include_tentative,
    )
    near = within_range(tracks.boxes_velo, config.max_range_m)
    counts = within_range(truth.boxes_velo, config.max_range_m)
    if truth.num_points is not None:
        counts = counts & (truth.num_points >= config.min_truth_points)
    return _FrameTracks(
        track_ids=tracks.ids[near],
        track_boxes_velo=tracks.boxes_velo[near],
        truth_ids=truth.ids,
        truth_boxes_velo=truth.boxes_velo,
        counts=counts,
    )


def _wanted_ids(
    pairs: Sequence[LabelledTruth], objects: TrackedObjects
) -> list[Int64[np.ndarray, " _"] | None]:
    """Return per frame the identities that count, None for all: mobile ones have moved so far."""
    if objects is TrackedObjects.ALL:
        return [None] * len(pairs)
    moved = np.zeros(0, np.int64)
    per_frame: list[Int64[np.ndarray, " _"] | None] = []
    for pair in pairs:
        assert pair.truth.moving is not None  # `_missing_reason` has seen to it
        moved = np.union1d(moved, pair.truth.ids[pair.truth.moving])
        per_frame.append(moved)
    return per_frame


def _association_frame(
    frame: _FrameTracks,
    wanted_ids: Int64[np.ndarray, " K"] | None,
    config: TrackingEvaluationConfig,
) -> AssociationFrame:
    """Drop truth objects that do not count, and the unmatched tracks that lie on them."""
    counts = frame.counts
    if wanted_ids is not None:
        counts = counts & np.isin(frame.truth_ids, wanted_ids)
    iou = bev_iou(frame.truth_boxes_velo, frame.track_boxes_velo)
    counted_iou = iou[counts]
    rows, columns = linear_sum_assignment(
        np.where(counted_iou >= config.min_iou, counted_iou, 0.0), maximize=True
    )
    matched = np.zeros(len(frame.track_ids), bool)
    matched[columns] = counted_iou[rows, columns] >= config.min_iou
    excused = (iou[~counts] >= config.ignored_overlap_iou).any(axis=0)
    kept = matched | ~excused
    return AssociationFrame(
        truth_ids=frame.truth_ids[counts],
        track_ids=frame.track_ids[kept],
        similarity=counted_iou[:, kept],
    )


def _unavailable(prefix: str, reason: str) -> list[Metric]:
    return [
        *(not_available(f"{prefix}.{name}", reason) for name in RATIOS),
        *(not_available(f"{prefix}.{name}", reason, pooling=Pooling.SUM) for name in COUNTS),
    ]


def _metrics(prefix: str, scores: AssociationScores) -> list[Metric]:
    ratios = [
        measured(f"{prefix}.{name}", value)
        if math.isfinite(value := float(getattr(scores, name)))
        else not_available(f"{prefix}.{name}", "no track matched an object")
        for name in RATIOS
    ]
    return [*ratios, *(count(f"{prefix}.{name}", getattr(scores, name)) for name in COUNTS)]
