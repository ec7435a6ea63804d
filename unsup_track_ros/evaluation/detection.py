# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Detection average precision by TCR's protocol (SPECS 0.11) and all around the vehicle.

Takes labels and truth of the same scans, gives `detection.<protocol>.<view>.<objects>.<what>`.
`frame_mean_ap` is TCR's mAP (mean over frames of per-frame AP), `pooled_ap` sorts the detections of
all frames together, because a per-frame AP does not see whether scores compare between frames.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.evaluation.average_precision import (
    FrameMatches,
    frame_mean_average_precision,
    match_greedily,
    pooled_average_precision,
    precision_recall_counts,
)
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
COUNTS = ("truth_objects", "false_positives", "frames", "empty_frames")
VIEWS = {
    Protocol.TCR: (View.BEV, View.PERSPECTIVE, View.VOLUME),
    Protocol.RANGE: (View.BEV, View.VOLUME),
}


class Objects(enum.Enum):
    """Which truth objects count; detections on the others are ignored, neither right nor wrong."""

    ALL = "all"
    MOVING = "moving"
    VEHICLES = "vehicles"


class DetectionEvaluationConfig(Config):
    """Scoring of detections."""

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
    """Score detections under both protocols, in every view, for every group of objects."""
    metrics: list[Metric] = []
    for protocol, views in VIEWS.items():
        selected = [select_boxes(pair, protocol, config.selection) for pair in pairs]
        for view in views:
            metrics += _evaluate_view(selected, f"detection.{protocol.value}", view, config)
    return tuple(metrics)


def _evaluate_view(
    selected: Sequence[ScoredBoxes], prefix: str, view: View, config: DetectionEvaluationConfig
) -> list[Metric]:
    frames = [boxes for boxes in selected if view is not View.PERSPECTIVE or _has_camera(boxes)]
    overlaps = [overlap(boxes, view) for boxes in frames]
    metrics: list[Metric] = []
    for objects in Objects:
        key = f"{prefix}.{view.value}.{objects.value}"
        counts = [_counting(boxes, objects, config) for boxes in frames]
        reason = _missing_reason(frames, counts, view)
        if reason:
            metrics += _unavailable(key, reason)
            continue
        known = [row for row in counts if row is not None]
        metrics += _score(key, frames, overlaps, known, config)
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
        *(not_available(f"{key}.{name}", reason) for name in (*names, "precision", "recall")),
        *(not_available(f"{key}.{name}", reason, pooling=Pooling.SUM) for name in COUNTS),
    ]


def _score(
    key: str,
    frames: Sequence[ScoredBoxes],
    overlaps: Sequence[Float64[np.ndarray, "_ _"]],
    counts: Sequence[Bool[np.ndarray, " _"]],
    config: DetectionEvaluationConfig,
) -> list[Metric]:
    def matches(thresholds: Float64[np.ndarray, " T"]) -> list[FrameMatches]:
        return [
            match_greedily(iou, boxes.scores, row, thresholds, config.ignored_overlap_iou)
            for boxes, iou, row in zip(frames, overlaps, counts, strict=True)
        ]

    matched = matches(IOU_THRESHOLDS)
    frame_mean = frame_mean_average_precision(matched, config.skip_empty_frames)
    pooled = pooled_average_precision(matched)
    operating = matches(np.array([config.operating_iou]))
    empty_frames = sum(int(frame.is_empty[0]) for frame in operating)
    hits, false_alarms, num_truth = precision_recall_counts(operating, config.operating_score)
    numbers = (num_truth, false_alarms, len(frames), empty_frames)
    return [
        *_per_threshold(f"{key}.frame_mean_ap", frame_mean),
        *_per_threshold(f"{key}.pooled_ap", pooled),
        ratio(f"{key}.precision", hits, hits + false_alarms, "no detection counts"),
        measured(f"{key}.recall", hits / num_truth),
        *(count(f"{key}.{name}", number) for name, number in zip(COUNTS, numbers, strict=True)),
    ]


def _per_threshold(key: str, values: Float64[np.ndarray, " T"]) -> list[Metric]:
    return [
        measured(f"{key}@{threshold:.1f}", float(value))
        for threshold, value in zip(IOU_THRESHOLDS, values, strict=True)
    ]
