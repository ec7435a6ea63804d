# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Greedy matching and average precision, on IoU matrices; knows no boxes, frames or classes.

Letters: T IoU thresholds, N detections, M truth objects of one frame, D detections of all frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Bool, Float, Float64, Int64, Shaped

FALSE_POSITIVE = 0
TRUE_POSITIVE = 1
IGNORED = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameMatches:
    """Outcome of every detection of a frame at every threshold.

    Attributes:
        scores: (N,) descending.
        rows: (N,) row of each among the frame's detections, in the order of `scores`.
        outcomes: (T, N) FALSE_POSITIVE, TRUE_POSITIVE or IGNORED, in the order of `scores`.
        truth_rows: (T, N) row among the frame's truth objects that was matched, -1 for none.
        num_truth: Truth objects that count (the recall denominator).
    """

    scores: Float64[np.ndarray, " N"]
    rows: Int64[np.ndarray, " N"]
    outcomes: Shaped[np.ndarray, "T N"]
    truth_rows: Int64[np.ndarray, "T N"]
    num_truth: int

    @property
    def is_empty(self) -> Bool[np.ndarray, " T"]:
        """Per threshold: neither a truth object nor a detection counts in this frame."""
        return np.asarray((self.outcomes == IGNORED).all(axis=1) & (self.num_truth == 0))

    @property
    def pairs(self) -> tuple[Int64[np.ndarray, " K"], Int64[np.ndarray, " K"]]:
        """Rows of the matched detections and of their truth objects, at the first threshold."""
        matched = self.truth_rows[0] >= 0
        return self.rows[matched], self.truth_rows[0, matched]


def match_greedily(
    iou: Float[np.ndarray, "N M"],
    scores: Float[np.ndarray, " N"],
    counts: Bool[np.ndarray, " M"],
    thresholds: Float[np.ndarray, " T"],
    ignored_overlap: float,
) -> FrameMatches:
    """Match detections to truth objects, best score first (SPECS 0.11 step 3).

    Each detection takes the free counting truth object of highest IoU if that reaches the
    threshold. Divergence: TCR has no truth objects to ignore. Here a detection that found no
    counting object but overlaps a non-counting one (for example a parked car when only moving
    objects are scored) by `ignored_overlap` or more is neither right nor wrong; any number may
    share such an object.

    Args:
        iou: Overlap of detections and truth objects.
        scores: Higher is surer; equal scores keep their order.
        counts: False for truth objects that are only there to be ignored.
        thresholds: IoU from which a match is a match.
        ignored_overlap: IoU with a non-counting object that excuses a detection.
    """
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    ordered_iou = np.asarray(iou, np.float64)[order]
    excused = (ordered_iou[:, ~counts] >= ignored_overlap).any(axis=1)
    candidate_iou = ordered_iou[:, counts]
    outcomes = np.where(excused, IGNORED, FALSE_POSITIVE) * np.ones((len(thresholds), 1), np.int8)
    counting_rows = np.flatnonzero(counts)
    truth_rows = np.full(outcomes.shape, -1, np.int64)
    free = np.ones((len(thresholds), candidate_iou.shape[1]), bool)
    rows = np.arange(len(thresholds))
    # Greedy matching is sequential in the detections by definition; thresholds run in parallel.
    for rank in np.flatnonzero((candidate_iou >= thresholds.min()).any(axis=1)):
        overlap = np.where(free, candidate_iou[rank], -1.0)
        best = overlap.argmax(axis=1)
        hit = overlap[rows, best] >= thresholds
        outcomes[hit, rank] = TRUE_POSITIVE
        truth_rows[hit, rank] = counting_rows[best[hit]]
        free[rows[hit], best[hit]] = False
    return FrameMatches(
        scores=np.asarray(scores, np.float64)[order],
        rows=order,
        outcomes=outcomes.astype(np.int8),
        truth_rows=truth_rows,
        num_truth=int(counts.sum()),
    )


def frame_average_precision(matches: FrameMatches) -> Float64[np.ndarray, " T"]:
    """Return VOC all-point AP of one frame per threshold, 0 without truth (SPECS 0.11)."""
    return _average_precision(matches.outcomes, matches.num_truth)


def frame_mean_average_precision(
    frames: Sequence[FrameMatches], skip_empty: bool
) -> Float64[np.ndarray, " T"]:
    """Average the per-frame AP over frames: TCR's mAP (SPECS 0.11 step 4).

    Frames with truth but no detection, and with detections but no truth, count 0. Frames with
    neither count 0 too in the released evaluation (its skip never fires); `skip_empty` leaves them
    out. nan where no frame is left.
    """
    per_frame = np.array([frame_average_precision(frame) for frame in frames])
    empty = np.array([frame.is_empty for frame in frames])
    num_frames = (~empty).sum(axis=0) if skip_empty else np.full(per_frame.shape[1], len(frames))
    mean = np.full(per_frame.shape[1], np.nan)
    np.divide(per_frame.sum(axis=0), num_frames, out=mean, where=num_frames > 0)
    return mean


def pooled_average_precision(frames: Sequence[FrameMatches]) -> Float64[np.ndarray, " T"]:
    """Return AP over the detections of all frames sorted together; nan without truth.

    Detections of equal score enter together, so the result does not depend on the order of frames:
    with one constant score it is precision times recall.
    """
    num_truth = sum(frame.num_truth for frame in frames)
    scores = np.concatenate([frame.scores for frame in frames])
    outcomes = np.concatenate([frame.outcomes for frame in frames], axis=1)
    if num_truth == 0:
        return np.full(len(outcomes), np.nan)
    order = np.argsort(-scores, kind="stable")
    last_of_score = np.append(np.diff(scores[order]) != 0, True)[: len(scores)]
    return _average_precision(outcomes[:, order], num_truth, np.flatnonzero(last_of_score))


def precision_recall_counts(
    frames: Sequence[FrameMatches], min_score: float
) -> tuple[int, int, int]:
    """Count true positives, false positives and truth objects at the first threshold."""
    outcomes = np.concatenate([frame.outcomes[0, frame.scores >= min_score] for frame in frames])
    return (
        int((outcomes == TRUE_POSITIVE).sum()),
        int((outcomes == FALSE_POSITIVE).sum()),
        sum(frame.num_truth for frame in frames),
    )


def _average_precision(
    outcomes: Shaped[np.ndarray, "T D"],
    num_truth: int,
    operating_points: Int64[np.ndarray, " K"] | None = None,
) -> Float64[np.ndarray, " T"]:
    """Integrate the monotone precision envelope over recall."""
    num_thresholds = len(outcomes)
    if num_truth == 0:
        return np.zeros(num_thresholds)
    hits = np.cumsum(outcomes == TRUE_POSITIVE, axis=1)
    counted = np.cumsum(outcomes != IGNORED, axis=1)
    if operating_points is not None:
        hits, counted = hits[:, operating_points], counted[:, operating_points]
    precision = hits / np.maximum(counted, 1)
    recall = hits / num_truth
    # The envelope: at each recall the best precision at that recall or beyond.
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    steps = np.diff(recall, axis=1, prepend=0.0)
    area: Float64[np.ndarray, " T"] = (steps * envelope).sum(axis=1)
    return area
