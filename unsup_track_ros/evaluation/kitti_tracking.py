# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of tracks on the KITTI tracking benchmark: in the image, and in space over recall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from unsup_track_ros.evaluation.association_scores import score_associations
from unsup_track_ros.evaluation.kitti_rules import (
    SCORED_CLASSES,
    Space,
    counted_sequence,
    ruled_sequence,
)
from unsup_track_ros.evaluation.metric import Metric, count, measured, not_available
from unsup_track_ros.evaluation.recall_averages import (
    RecallAverages,
    average_over_recall,
    clear_scores,
    ranked,
)
from unsup_track_ros.evaluation.report import EvaluationReport
from unsup_track_ros.structures.tracked_boxes import TrackedBoxes

IMAGE_IOU: Final = 0.5
VOLUME_IOUS: Final = (0.25, 0.5, 0.7)
_LEGEND: Final = (
    "n/a: there is nothing to find; never counted as 0.",
    "KITTI tracking protocol: neighbouring classes, objects hidden or cut off by the image and "
    "regions nobody labelled are ignored, as are answers of at most 25 px that match nothing.",
    f"image: IoU {IMAGE_IOU:g} of the rectangles, HOTA, DetA and AssA over IoU 0.05..0.95 "
    "(TrackEval); all tracks count, or at_cut those from the score with the best MOTA in space.",
    "volume: IoU of the boxes in space, given by column. samota, amota, amotp: averages over 40 "
    "recalls (Weng et al., IROS 2020), the score of a track being the mean of its boxes'; mota and "
    "the rows after it: at the cut-off of the score with the best MOTA; mota_all: of all tracks.",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredSequence:
    """One sequence: what people labelled, and what a tracker answered."""

    truth: TrackedBoxes
    answer: TrackedBoxes


def evaluate_kitti_tracking(
    sequences: Sequence[ScoredSequence],
    classes: Sequence[str] = SCORED_CLASSES,
    volume_ious: Sequence[float] = VOLUME_IOUS,
    progress: Callable[[str, int, int], None] | None = None,
) -> EvaluationReport:
    """Score all sequences together, class by class.

    Args:
        sequences: At least one.
        classes: Those to score.
        volume_ious: IoUs in space, the first one that of the cut-off in the image.
        progress: Told what is done, and how much of how much.

    Raises:
        DataError: A class is none that the benchmark scores.
    """
    image, volume = [count("frames.sequences", len(sequences))], list[Metric]()
    total, done = len(classes) * len(volume_ious), 0
    for name in classes:
        key = name.lower()
        cut = float("-inf")
        ruled = [ruled_sequence(s.truth, s.answer, name, Space.VOLUME) for s in sequences]
        by_score = [ranked(frames, s.answer) for frames, s in zip(ruled, sequences, strict=True)]
        has_truth = any(frame.counts.any() for frames in ruled for frame in frames)
        for iou in volume_ious:
            if progress is not None:
                progress("scoring", done, total)
            done += 1
            if not has_truth:
                volume += _no_volume_metrics(f"volume.{key}", iou)
                continue
            averages = average_over_recall(by_score, iou)
            cut = averages.best_threshold if iou == volume_ious[0] else cut
            everything = clear_scores([counted_sequence(frames, iou) for frames in ruled], iou)
            volume += _volume_metrics(f"volume.{key}", iou, averages, everything.mota)
        image += _image_metrics(f"image.{key}", sequences, name)
        sure = [ScoredSequence(truth=s.truth, answer=_cut_off(s.answer, cut)) for s in sequences]
        image += _image_metrics(f"image_at_cut.{key}", sure, name)
    if progress is not None:
        progress("scoring", total, total)
    return EvaluationReport(metrics=(*image, *volume), legend=_LEGEND)


def _cut_off(answer: TrackedBoxes, threshold: float) -> TrackedBoxes:
    """Return the tracks whose mean score is at least the threshold."""
    by_score = ranked([], answer)
    return answer.rows(by_score.scores_of(answer.ids) >= threshold)


def _image_metrics(key: str, sequences: Sequence[ScoredSequence], name: str) -> list[Metric]:
    ratios = ("hota", "deta", "assa", "idf1", "mota", "motp")
    counts = ("num_switches", "num_fragmentations", "num_truth")
    frames = [
        counted_sequence(ruled_sequence(s.truth, s.answer, name, Space.IMAGE), IMAGE_IOU)
        for s in sequences
    ]
    if not any(len(frame.truth_ids) for sequence in frames for frame in sequence):
        return [not_available(f"{key}.{what}", "no such object") for what in (*ratios, *counts)]
    scores = score_associations(frames, IMAGE_IOU)
    clear = clear_scores(frames, IMAGE_IOU)
    # CLEAR by TrackEval as the benchmark has it, not by py-motmetrics, which counts a little
    # differently.
    values = (scores.hota, scores.deta, scores.assa, scores.idf1, clear.mota, clear.motp)
    return [
        *(
            measured(f"{key}.{what}", float(np.nan_to_num(value)))
            for what, value in zip(ratios, values, strict=True)
        ),
        *(count(f"{key}.{what}", getattr(clear, what)) for what in counts),
    ]


_VOLUME_RATIOS: Final = ("samota", "amota", "amotp", "mota_all")
_BEST_RATIOS: Final = ("mota", "motp", "precision", "recall")
_BEST_COUNTS: Final = (
    "num_switches",
    "num_fragmentations",
    "num_false_positives",
    "num_misses",
    "num_truth",
)


def _volume_metrics(
    key: str, iou: float, averages: RecallAverages, mota_all: float
) -> list[Metric]:
    best = averages.best
    values = (averages.samota, averages.amota, averages.amotp, mota_all)
    per_1000 = 1000 * best.num_switches / max(best.num_answers, 1)
    return [
        *(
            measured(f"{key}.{what}@{iou:g}", value)
            for what, value in zip(_VOLUME_RATIOS, values, strict=True)
        ),
        *(measured(f"{key}.{what}@{iou:g}", getattr(best, what)) for what in _BEST_RATIOS),
        *(count(f"{key}.{what}@{iou:g}", getattr(best, what)) for what in _BEST_COUNTS),
        measured(f"{key}.switches_per_1000_boxes@{iou:g}", per_1000),
    ]


def _no_volume_metrics(key: str, iou: float) -> list[Metric]:
    names = (*_VOLUME_RATIOS, *_BEST_RATIOS, *_BEST_COUNTS, "switches_per_1000_boxes")
    return [not_available(f"{key}.{what}@{iou:g}", "no such object") for what in names]
