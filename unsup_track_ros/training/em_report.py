# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What changed from one round of EM to the next: labels kept, added, dropped, and in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.training.em_evaluation import Scores, score_lines
from unsup_track_ros.training.training_labels import ObjectLabels

_SAME_IOU = 0.3
_DOUBTS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """Labels of a round beside those of the round before, over all frames.

    Attributes:
        labels: Labels now.
        kept: Labels that were there before (IoU 0.3).
        added: Labels that were not.
        dropped: Labels of before that are gone.
        mean_weight: Mean trust now, 0 without labels.
        doubtful: The labels of least trust, (recording, frame, x, y, weight), least first.
    """

    labels: int
    kept: int
    added: int
    dropped: int
    mean_weight: float
    doubtful: tuple[tuple[str, int, float, float, float], ...]


def label_change(
    before: Mapping[str, Mapping[int, ObjectLabels]], now: Mapping[str, Mapping[int, ObjectLabels]]
) -> LabelChange:
    """Compare the training labels of two rounds, by recording and frame."""
    kept = dropped = labels = 0
    doubtful: list[tuple[str, int, float, float, float]] = []
    weights: list[float] = []
    for name, frames in now.items():
        for index, objects in frames.items():
            counted = objects.chosen(objects.weights > 0)
            was = before.get(name, {}).get(index)
            old = np.zeros((0, 7)) if was is None else was.boxes_bev[was.weights > 0]
            same = bev_iou(counted.boxes_bev, old) >= _SAME_IOU
            kept += int(same.any(axis=1).sum())
            dropped += int(np.sum(~same.any(axis=0)))
            labels += len(counted)
            weights += counted.weights.tolist()
            doubtful += [
                (name, index, float(box[0]), float(box[1]), float(weight))
                for box, weight in zip(counted.boxes_bev, counted.weights, strict=True)
                if weight < 1.0
            ]
    doubtful.sort(key=lambda row: row[4])
    return LabelChange(
        labels=labels,
        kept=kept,
        added=labels - kept,
        dropped=dropped,
        mean_weight=float(np.mean(weights)) if weights else 0.0,
        doubtful=tuple(doubtful[:_DOUBTS_SHOWN]),
    )


def round_report(number: int, change: LabelChange, detector: Scores, labels: Scores) -> str:
    """Return the report of one round, in Markdown."""
    lines = [
        f"# Round {number}",
        "",
        f"{change.labels} labels of mean weight {change.mean_weight:.2f}: {change.kept} as before, "
        f"{change.added} added, {change.dropped} dropped.",
        "",
    ]
    if change.doubtful:
        lines += ["## Doubtful first", "", "| recording | frame | x, m | y, m | weight |"]
        lines += ["| --- | ---: | ---: | ---: | ---: |"]
        lines += [
            f"| {name} | {index} | {x:.1f} | {y:.1f} | {weight:.2f} |"
            for name, index, x, y, weight in change.doubtful
        ]
        lines.append("")
    for title, scores in (("Detector", detector), ("Labels", labels)):
        if scores:
            lines += [f"## {title}", "", *score_lines(scores), "", *_parked_line(scores)]
    return "\n".join(lines) + "\n"


def _parked_line(scores: Scores) -> list[str]:
    recall, num = scores.get("parked.recall"), scores.get("parked.objects")
    if recall is None or num is None:
        return []
    return [f"Parked vehicles found (IoU 0.3, score 0.3): {recall:.3f} of {num:.0f}.", ""]


def run_report(rounds: Sequence[Mapping[str, Any]]) -> str:
    """Return all rounds side by side, in Markdown."""
    lines = ["# EM", "", "| round | labels | added | dropped | mAP bev.all .1 | .3 | .5 | .7 | "
             "moving .5 | parked recall |", "|" + " ---: |" * 10]  # fmt: skip
    keys = [f"bev.all.frame_mean_ap@{iou}" for iou in ("0.1", "0.3", "0.5", "0.7")]
    keys += ["bev.moving.frame_mean_ap@0.5", "parked.recall"]
    for row in rounds:
        change, scores = row["labels"], row["detector"]
        cells = [str(row["round"])] + [str(change[name]) for name in ("labels", "added", "dropped")]
        values = [scores.get(key) for key in keys]
        cells += ["n/a" if value is None else f"{value:.3f}" for value in values]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
