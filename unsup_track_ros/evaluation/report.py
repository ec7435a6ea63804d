# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every score of one recording in one report, and several reports side by side.

The report is a flat list of metrics with unique keys: JSON for machines, Markdown tables for
people. Equal input gives equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from unsup_track_ros.config import Config
from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.breakdown import evaluate_breakdown
from unsup_track_ros.evaluation.detection import DetectionEvaluationConfig, evaluate_detection
from unsup_track_ros.evaluation.egomotion import evaluate_egomotion
from unsup_track_ros.evaluation.metric import Metric, Pooling, count
from unsup_track_ros.evaluation.motion import MotionEvaluationConfig, evaluate_motion
from unsup_track_ros.evaluation.occupancy import OccupancyEvaluationConfig, evaluate_occupancy
from unsup_track_ros.evaluation.pairing import pair_frames
from unsup_track_ros.evaluation.scene_flow import SceneFlowEvaluationConfig, evaluate_scene_flow
from unsup_track_ros.evaluation.standing import StandingEvaluationConfig, evaluate_standing
from unsup_track_ros.evaluation.tracking import TrackingEvaluationConfig, evaluate_tracking
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.truth import FrameTruth

# Digits written out: more than any of the scores carries, fewer than platforms differ in.
DECIMALS = 6
MARKDOWN_DECIMALS = 3


class EvaluationConfig(Config):
    """Scoring of a labelled recording."""

    detection: DetectionEvaluationConfig = DetectionEvaluationConfig()
    tracking: TrackingEvaluationConfig = TrackingEvaluationConfig()
    motion: MotionEvaluationConfig = MotionEvaluationConfig()
    standing: StandingEvaluationConfig = StandingEvaluationConfig()
    scene_flow: SceneFlowEvaluationConfig = SceneFlowEvaluationConfig()
    occupancy: OccupancyEvaluationConfig = OccupancyEvaluationConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """Scores of one recording, or the summary of several.

    Attributes:
        metrics: All of them, unique keys, in the order of the sections.
        legend: One sentence per section: what was counted.
        recordings: Recordings in this report.
    """

    metrics: tuple[Metric, ...]
    legend: tuple[str, ...]
    recordings: int = 1

    def __post_init__(self) -> None:
        keys = [metric.key for metric in self.metrics]
        doubled = sorted({key for key in keys if keys.count(key) > 1})
        if doubled:
            raise DataError(f"A report must have unique metric keys, got {doubled} twice.")

    def metric(self, key: str) -> Metric:
        """Return one metric.

        Raises:
            DataError: No metric has this key.
        """
        for metric in self.metrics:
            if metric.key == key:
                return metric
        raise DataError(f"The report has no metric '{key}'; see its JSON for the keys it has.")

    def value(self, key: str) -> float | None:
        """Return the number of one metric, None where it is not available."""
        return self.metric(key).value

    def to_json(self) -> str:
        """Write as JSON: metrics with null where not available, reasons beside them."""
        content = {
            "recordings": self.recordings,
            "legend": list(self.legend),
            "metrics": {m.key: _rounded(m.value) for m in self.metrics},
            "units": {m.key: m.unit for m in self.metrics if m.unit},
            "not_available": {m.key: m.reason for m in self.metrics if m.value is None},
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Write as Markdown: tables by section, why numbers are missing, what was counted."""
        parts = ["# Evaluation", *_tables(self.metrics), *_missing(self.metrics)]
        parts += ["## What is counted", "\n".join(f"- {line}" for line in self.legend)]
        return "\n\n".join(parts) + "\n"


def evaluate(
    labels: Iterable[FrameLabel],
    truths: Iterable[FrameTruth],
    config: EvaluationConfig | None = None,
) -> EvaluationReport:
    """Score the labels of one recording and one pass against its truth.

    Raises:
        DataError: A stamp occurs twice, or label and truth are of different scans.
    """
    config = config if config is not None else EvaluationConfig()
    frames = pair_frames(labels, truths)
    metrics = (
        count("frames.scored", len(frames.pairs)),
        count("frames.labels_without_truth", frames.labels_without_truth),
        count("frames.truths_without_label", frames.truths_without_label),
        *evaluate_detection(frames.pairs, config.detection),
        *evaluate_breakdown(frames.pairs, config.detection, config.motion),
        *evaluate_tracking(frames.pairs, config.tracking),
        *evaluate_egomotion(frames),
        *evaluate_motion(frames.pairs, config.motion),
        *evaluate_standing(frames.pairs, config.standing, config.motion),
        *evaluate_scene_flow(frames.pairs, config.scene_flow),
        *evaluate_occupancy(frames.pairs, config.occupancy),
    )
    return EvaluationReport(metrics=metrics, legend=_legend(config))


def summarize(reports: Sequence[EvaluationReport]) -> EvaluationReport:
    """Summarise recordings scored alike: means, maxima of maxima, sums of counts.

    A metric that some recordings do not have is summarised over those that do; where none has it,
    the first reason stands. Rates are means over recordings, each weighing the same.

    Raises:
        DataError: No report was given, or their legends differ (scored with other parameters).
    """
    if not reports:
        raise DataError("A summary needs at least one report, got none.")
    if any(report.legend != reports[0].legend for report in reports):
        raise DataError("Reports must be scored with the same parameters, got different legends.")
    gathered: dict[str, list[Metric]] = {}
    for report in reports:
        for metric in report.metrics:
            gathered.setdefault(metric.key, []).append(metric)
    return EvaluationReport(
        metrics=tuple(_summary(metrics) for metrics in gathered.values()),
        legend=reports[0].legend,
        recordings=sum(report.recordings for report in reports),
    )


def comparison_markdown(reports: Mapping[str, EvaluationReport], keys: Sequence[str]) -> str:
    """Lay chosen metrics of named reports side by side: a row per metric, a column per report.

    Raises:
        DataError: A report has no metric of such a key.
    """
    rows = []
    for key in keys:
        metrics = [report.metric(key) for report in reports.values()]
        rows.append([key, *(_text(metric) for metric in metrics)])
    return _table(["metric", *reports], rows)


def _summary(metrics: Sequence[Metric]) -> Metric:
    first = metrics[0]
    values = [metric.value for metric in metrics if metric.value is not None]
    if not values:
        return first
    pooled = {Pooling.MAX: max(values), Pooling.SUM: sum(values)}
    value = pooled.get(first.pooling, sum(values) / len(values))
    return Metric(key=first.key, value=value, unit=first.unit, pooling=first.pooling)


def _legend(config: EvaluationConfig) -> tuple[str, ...]:
    detection, tracking = config.detection, config.tracking
    empty = "left out" if detection.skip_empty_frames else "counted 0"
    return (
        "n/a: truth or answer is missing; never counted as 0.",
        "detection.tcr: centre in the image and in x -16..16, y 0..4, z 2..34 m of the camera; "
        f"detection.range: centre within {detection.selection.max_range_m:g} m all around; "
        f"truth with fewer than {detection.selection.min_truth_points} points is ignored; "
        f"detections scored from {detection.selection.min_score:g}.",
        "moving / vehicles: detections on other truth objects (IoU of at least "
        f"{detection.ignored_overlap_iou:g}) are ignored; vehicles: "
        f"{', '.join(detection.vehicle_classes)}.",
        "moving, mobile: boxes that the label says never moved (weight below 1) are left out.",
        "frame_mean_ap: mean over frames of per-frame AP, frames with neither truth nor detection "
        f"{empty}; pooled_ap: detections of all frames sorted together.",
        f"precision, recall, mean_iou: at IoU {detection.operating_iou:g}, scores from "
        f"{detection.operating_score:g}.",
        "track_boxes: the same of the boxes of confirmed and coasting tracks, scored by existence.",
        "heading: error of matched boxes whose label claims to know which way they face.",
        f"breakdown: moving objects within {detection.selection.max_range_m:g} m, BEV: marked as "
        "moving by their points, touched by a detection at IoU "
        f"{detection.ignored_overlap_iou:g}, matched by a detection and tracked at IoU "
        f"{detection.operating_iou:g}; wrong boxes by the moving object they overlap most.",
        f"tracking: BEV IoU {tracking.min_iou:g}, within {tracking.max_range_m:g} m, "
        f"{'all' if tracking.include_tentative else 'confirmed and coasting'} tracks; mobile: "
        "objects from their first motion on; HOTA, DetA, AssA are means over IoU 0.05..0.95.",
        "egomotion: motion between two frames against the truth; drift: last pose with the first "
        "ones aligned.",
        "motion: judged = elements with evidence, all = every element; an object is found "
        f"with {config.motion.min_marked_share:.0%} of its points marked "
        f"(objects from {config.motion.min_object_points} points).",
        f"standing: standing objects within {config.standing.max_range_m:g} m, and how many of "
        "them are called moving: by their points, by a detection that says so, by a track of at "
        f"least {config.standing.min_moving_mps:g} m/s.",
        "scene_flow: end-point error of the points' velocities over the time to the next scan, "
        "the sensor held still; three_way: mean of the means of its parts (Argoverse 2); moving: "
        f"faster than {config.scene_flow.min_moving_mps:g} m/s.",
        f"occupancy: cells the label knows, occupied from {config.occupancy.occupied_from}, pooled "
        f"over frames; tolerant: within {config.occupancy.tolerance_cells} cell(s).",
    )


def _tables(metrics: Sequence[Metric]) -> list[str]:
    """Lay rows with the same columns below each other, under the heading of their section."""
    rows: dict[str, dict[str, Metric]] = {}
    for metric in metrics:
        rows.setdefault(metric.row, {})[metric.column] = metric
    tables: dict[tuple[str, ...], list[list[str]]] = {}
    for row, by_column in rows.items():
        section, _, name = row.partition(".")
        cells = [name, *(_text(metric) for metric in by_column.values())]
        tables.setdefault((section, *by_column), []).append(cells)
    parts: list[str] = []
    for (section, *columns), cells_of_rows in tables.items():
        heading = f"## {section.capitalize()}"
        parts += [] if heading in parts else [heading]
        parts.append(_table(["", *columns], cells_of_rows))
    return parts


def _missing(metrics: Sequence[Metric]) -> list[str]:
    """Say which rows have no number and why, one line per reason."""
    rows: dict[str, dict[str, None]] = {}
    for metric in metrics:
        if metric.value is None:
            rows.setdefault(metric.reason, {})[metric.row] = None
    lines = [f"- {reason}: {', '.join(names)}" for reason, names in rows.items()]
    return ["## Not available", "\n".join(lines)] if lines else []


def _text(metric: Metric) -> str:
    if metric.value is None:
        return "n/a"
    decimals = 0 if metric.pooling is Pooling.SUM else MARKDOWN_DECIMALS
    number = f"{metric.value:.{decimals}f}"
    return f"{number} {metric.unit}" if metric.unit else number


def _rounded(value: float | None) -> float | None:
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    return None if value is None else round(value, DECIMALS) + 0.0


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows])
