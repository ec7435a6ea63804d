# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of objects tracked in images: MOTA, average precision, count error (SPECS 4.7).

The measures of the SILOT paper. CLEAR MOT comes from py-motmetrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from unsup_track_ros.evaluation.association_scores import AssociationFrame, score_associations
from unsup_track_ros.evaluation.average_precision import (
    TRUE_POSITIVE,
    FrameMatches,
    match_greedily,
)
from unsup_track_ros.geometry.box_iou import rectangle_iou
from unsup_track_ros.shapes import Float64, Int64

AP_IOUS: Final = np.arange(1, 10) / 10.0
_RECALLS: Final = np.linspace(0.0, 1.0, 11)
MIN_IOU: Final = 0.5
# Predictions of a frame with more than so many times the true number are dropped for MOTA.
_MOST_PER_TRUTH: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageFrame:
    """Truth and answer of one frame of a video.

    Attributes:
        truth_ids: Identities of the M true objects.
        truth_boxes_px: Top, left, bottom, right.
        ids: Identities of the N answered objects.
        boxes_px: Top, left, bottom, right.
        scores: Presence, 0 to 1; all count for average precision, the sure ones for the rest.
    """

    truth_ids: Int64[np.ndarray, " M"]
    truth_boxes_px: Float64[np.ndarray, "M 4"]
    ids: Int64[np.ndarray, " N"]
    boxes_px: Float64[np.ndarray, "N 4"]
    scores: Float64[np.ndarray, " N"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTrackingScores:
    """Scores over several videos.

    Attributes:
        mota: CLEAR MOT accuracy at IoU 0.5.
        idf1: Share of objects that keep their identity, at IoU 0.5.
        num_switches: Identity switches.
        ap: Average precision, mean over IoU 0.1 to 0.9, 11-point, pooled over frames.
        count_error: Mean of |answered - true| objects per frame.
        wrong_count: Share of frames whose number of objects is wrong.
    """

    mota: float
    idf1: float
    num_switches: int
    ap: float
    count_error: float
    wrong_count: float


def score_videos(
    videos: Sequence[Sequence[ImageFrame]], min_score: float = 0.5
) -> ImageTrackingScores:
    """Score videos together; from `min_score` on an object counts as present."""
    frames = [frame for video in videos for frame in video]
    errors = np.array(
        [abs(int((f.scores > min_score).sum()) - len(f.truth_ids)) for f in frames], float
    )
    tracks = score_associations(
        [[_association(frame, min_score) for frame in video] for video in videos], MIN_IOU
    )
    return ImageTrackingScores(
        mota=tracks.mota,
        idf1=tracks.idf1,
        num_switches=tracks.num_switches,
        ap=eleven_point_average_precision([_matches(frame) for frame in frames]),
        count_error=float(errors.mean()),
        wrong_count=float((errors > 0.5).mean()),
    )


def eleven_point_average_precision(frames: Sequence[FrameMatches]) -> float:
    """Return the mean over thresholds of the precision reached at recall 0, 0.1, ... 1."""
    num_truth = sum(frame.num_truth for frame in frames)
    if num_truth == 0:
        return float("nan")
    scores = np.concatenate([frame.scores for frame in frames])
    outcomes = np.concatenate([frame.outcomes for frame in frames], axis=1)
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(outcomes[:, order] == TRUE_POSITIVE, axis=1)
    precision = hits / np.arange(1, len(order) + 1)
    recall = hits / num_truth
    # At each recall the best precision at that recall or beyond, 0 where it is never reached.
    reached = recall[:, :, None] >= _RECALLS - 1e-9
    best = np.where(reached, precision[:, :, None], 0.0).max(axis=1, initial=0.0)
    return float(best.mean())


def _matches(frame: ImageFrame) -> FrameMatches:
    kept = frame.scores > 0
    return match_greedily(
        rectangle_iou(frame.boxes_px[kept], frame.truth_boxes_px),
        frame.scores[kept],
        np.ones(len(frame.truth_ids), bool),
        AP_IOUS,
        np.inf,
    )


def _association(frame: ImageFrame, min_score: float) -> AssociationFrame:
    kept = frame.scores > min_score
    if kept.sum() > _MOST_PER_TRUTH * len(frame.truth_ids):
        kept = np.zeros_like(kept)
    return AssociationFrame(
        truth_ids=frame.truth_ids,
        track_ids=frame.ids[kept],
        similarity=rectangle_iou(frame.truth_boxes_px, frame.boxes_px[kept]),
    )
