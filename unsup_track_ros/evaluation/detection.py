# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Average precision of boxes by TCR's protocol (SPECS 0.11) and all around the vehicle.

Takes labels and truth of the same scans, gives `<answer>.<protocol>.<view>.<objects>.<what>` for
the detections of each frame and for its tracks, which carry on where a frame shows little.
`frame_mean_ap` is TCR's mAP (mean over frames of per-frame AP), `pooled_ap` sorts the detections of
all frames together, because a per-frame AP does not see whether scores compare between frames.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.evaluation.answers import Answer, answered_boxes
from unsup_track_ros.evaluation.average_precision import (
    FrameMatches,
    frame_mean_average_precision,
    match_greedily,
    pooled_average_precision,
    precision_recall_counts,
)
from unsup_track_ros.evaluation.heading import heading_errors, heading_metrics
from unsup_track_ros.evaluation.metric import Metric, Pooling, count, measured, not_available, ratio
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.evaluation.selection import (
    Protocol,
    ScoredBoxes,
    SelectionConfig,
    View,
    overlap,
    select_boxes,
)
from unsup_track_ros.shapes import Bool, Float64

# TCR reports these (SPECS 0.0, 0.11).
IOU_THRESHOLDS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
RATIOS = ("precision", "recall", "mean_iou")
COUNTS = ("truth_objects", "false_positives", "frames", "empty_frames")
VIEWS = {
    (Answer.DETECTIONS, Protocol.TCR): (View.BEV, View.PERSPECTIVE, View.VOLUME),
    (Answer.DETECTIONS, Protocol.RANGE): (View.BEV, View.VOLUME),
    (Answer.TRACKS, Protocol.TCR): (View.BEV,),
    (Answer.TRACKS, Protocol.RANGE): (View.BEV,),
}


class Objects(enum.Enum):
    """Which truth objects count; detections on the others are ignored, neither right nor wrong."""

    ALL = "all"
    MOVING = "moving"
    VEHICLES = "vehicles"


class DetectionEvaluationConfig(Config):
    """Scoring of boxes."""

    selection: SelectionConfig = SelectionConfig()
    skip_empty_frames: bool = parameter(
        False,
        "Leave frames with neither truth nor detection out of the frame mean; TCR counts them 0.",
    )
    ignored_overlap_iou: float = parameter(
        0.1,
        "An unmatched detection that overlaps a truth object which does not count (standing, when "
        "only moving ones are scored) this much is ignored.",
        gt=0,
        le=1,
    )
    operating_iou: float = parameter(
        0.3, "IoU of a match for the single precision and recall.", gt=0, le=1
    )
    operating_score: float = parameter(
        0.0, "Detections scored lower do not enter the single precision and recall.", ge=0, le=1
    )
    vehicle_classes: tuple[str, ...] = parameter(
        ("car", "van", "truck", "bus", "tram"), "Truth classes of the objects 'vehicles', any case."
    )


def evaluate_detection(
    pairs: Sequence[LabelledTruth], config: DetectionEvaluationConfig
) -> tuple[Metric, ...]:
    """Score detections and tracks under both protocols, in every view, per group of objects."""
    metrics: list[Metric] = []
    for (answer, protocol), views in VIEWS.items():
        claims = {
            movers_only: [
                select_boxes(
                    pair,
                    answered_boxes(pair.label, answer, movers_only=movers_only),
                    protocol,
                    config.selection,
                )
                for pair in pairs
            ]
            for movers_only in (False, True)
        }
        for view in views:
            for objects in Objects:
                key = f"{answer.value}.{protocol.value}.{view.value}.{objects.value}"
                selected = claims[objects is Objects.MOVING]
                metrics += _evaluate_objects(key, selected, (view, objects), config)
    return tuple(metrics)


def _evaluate_objects(
    key: str,
    selected: Sequence[ScoredBoxes],
    what: tuple[View, Objects],
    config: DetectionEvaluationConfig,
) -> list[Metric]:
    view, objects = what
    frames = [boxes for boxes in selected if view is not View.PERSPECTIVE or _has_camera(boxes)]
    counts = [_counting(boxes, objects, config) for boxes in frames]
    reason = _missing_reason(frames, counts, view)
    with_heading = view is View.BEV and objects is Objects.MOVING
    if reason:
        headings = heading_metrics(key, None, reason) if with_heading else []
        return [*_unavailable(key, reason), *headings]
    known = [row for row in counts if row is not None]
    overlaps = [overlap(boxes, view) for boxes in frames]
    matched = _matches(frames, overlaps, known, np.array([config.operating_iou]), config)
    metrics = [
        *_average_precisions(key, frames, overlaps, known, config),
        *_operating_point(key, matched, overlaps, config),
    ]
    if with_heading:
        metrics += heading_metrics(key, heading_errors(frames, matched), "no box was matched")
    return metrics


def _has_camera(boxes: ScoredBoxes) -> bool:
    return boxes.pair.label.camera is not None and boxes.pair.label.cam_T_velo is not None


def _counting(
    boxes: ScoredBoxes, objects: Objects, config: DetectionEvaluationConfig
) -> Bool[np.ndarray, " M"] | None:
    """Return which of the frame's truth objects count, None where the truth does not say."""
    truth = boxes.pair.truth
    if objects is Objects.ALL:
        return boxes.counts
    if objects is Objects.MOVING:
        wanted = truth.moving
    else:
        names = {name.lower() for name in config.vehicle_classes}
        wanted = np.array([name.lower() in names for name in truth.classes], bool)
    return None if wanted is None else boxes.counts & wanted[boxes.truth_rows]


def _missing_reason(
    frames: Sequence[ScoredBoxes], counts: Sequence[Bool[np.ndarray, " _"] | None], view: View
) -> str:
    if not frames:
        return "no camera" if view is View.PERSPECTIVE else "no frame with label and truth"
    if any(row is None for row in counts):
        return "the truth does not say what moves"
    if not any(row.any() for row in counts if row is not None):
        return "no truth object counts"
    return ""


def _unavailable(key: str, reason: str) -> list[Metric]:
    columns = [f"@{threshold:.1f}" for threshold in IOU_THRESHOLDS]
    names = [f"{what}{column}" for what in ("frame_mean_ap", "pooled_ap") for column in columns]
    return [
        *(not_available(f"{key}.{name}", reason) for name in (*names, *RATIOS)),
        *(not_available(f"{key}.{name}", reason, pooling=Pooling.SUM) for name in COUNTS),
    ]


def _matches(
    frames: Sequence[ScoredBoxes],
    overlaps: Sequence[Float64[np.ndarray, "_ _"]],
    counts: Sequence[Bool[np.ndarray, " _"]],
    thresholds: Float64[np.ndarray, " T"],
    config: DetectionEvaluationConfig,
) -> list[FrameMatches]:
    return [
        match_greedily(iou, boxes.scores, row, thresholds, config.ignored_overlap_iou)
        for boxes, iou, row in zip(frames, overlaps, counts, strict=True)
    ]


def _average_precisions(
    key: str,
    frames: Sequence[ScoredBoxes],
    overlaps: Sequence[Float64[np.ndarray, "_ _"]],
    counts: Sequence[Bool[np.ndarray, " _"]],
    config: DetectionEvaluationConfig,
) -> list[Metric]:
    matched = _matches(frames, overlaps, counts, IOU_THRESHOLDS, config)
    frame_mean = frame_mean_average_precision(matched, config.skip_empty_frames)
    return [
        *_per_threshold(f"{key}.frame_mean_ap", frame_mean),
        *_per_threshold(f"{key}.pooled_ap", pooled_average_precision(matched)),
    ]


def _operating_point(
    key: str,
    matched: Sequence[FrameMatches],
    overlaps: Sequence[Float64[np.ndarray, "_ _"]],
    config: DetectionEvaluationConfig,
) -> list[Metric]:
    empty_frames = sum(int(frame.is_empty[0]) for frame in matched)
    hits, false_alarms, num_truth = precision_recall_counts(matched, config.operating_score)
    numbers = (num_truth, false_alarms, len(matched), empty_frames)
    overlap_sum = sum(
        float(iou[frame.pairs].sum()) for frame, iou in zip(matched, overlaps, strict=True)
    )
    num_matched = sum(len(frame.pairs[0]) for frame in matched)
    return [
        ratio(f"{key}.precision", hits, hits + false_alarms, "no box counts"),
        measured(f"{key}.recall", hits / num_truth),
        ratio(f"{key}.mean_iou", overlap_sum, num_matched, "no box was matched"),
        *(count(f"{key}.{name}", number) for name, number in zip(COUNTS, numbers, strict=True)),
    ]


def _per_threshold(key: str, values: Float64[np.ndarray, " T"]) -> list[Metric]:
    return [
        measured(f"{key}@{threshold:.1f}", float(value))
        for threshold, value in zip(IOU_THRESHOLDS, values, strict=True)
    ]
