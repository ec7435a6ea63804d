# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Discovery on synthetic worlds: bars, average precision, where objects are lost, ablation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmark.levers import LEVERS
from benchmark.runs import (
    CAUSAL,
    EVIDENCE_KEY,
    IMPROVED,
    MODE_KEY,
    TCR,
    Bench,
    Overrides,
    passes_of,
    score,
)
from benchmark.tables import judged, number, share, table
from unsup_track_ros.evaluation.breakdown import MISTAKES, STAGES
from unsup_track_ros.evaluation.detection import IOU_THRESHOLDS
from unsup_track_ros.evaluation.report import EvaluationReport, comparison_markdown, summarize

BOXES = "detection.range.bev.moving"
TRACK_BOXES = "track_boxes.range.bev.moving"
AP_ROWS = (
    "detection.tcr.bev.moving.frame_mean_ap",
    "track_boxes.tcr.bev.moving.frame_mean_ap",
    "detection.range.bev.moving.pooled_ap",
    "track_boxes.range.bev.moving.pooled_ap",
)
SCORE_KEYS = (
    "frames.scored",
    "motion.points.all.precision",
    "motion.points.all.recall",
    "motion.points.all.iou",
    "motion.pixels.all.precision",
    "motion.pixels.all.recall",
    *(
        f"{boxes}.{name}"
        for boxes in (BOXES, TRACK_BOXES, "detection.tcr.bev.moving", "track_boxes.tcr.bev.moving")
        for name in ("precision", "recall", "mean_iou")
    ),
    *(
        f"{boxes}.heading.{name}"
        for boxes in (BOXES, TRACK_BOXES)
        for name in ("claimed_share", "median", "p90", "flip_share")
    ),
    "tracking.mobile.mota",
    "tracking.mobile.hota",
    "tracking.mobile.idf1",
    "tracking.mobile.num_switches",
    "tracking.mobile.num_fragmentations",
    *(
        f"scene_flow.{answer}.{part}"
        for part in ("moving_foreground", "static_foreground", "static_background", "three_way")
        for answer in ("ours", "nothing_moves")
    ),
    "standing.objects",
    "standing.marked",
    "standing.detected_moving",
    "standing.tracked_moving",
)
STATIC_KEYS = (
    "motion.static_world.detections",
    "motion.static_world.tracks",
    "motion.static_world.points",
    "standing.objects",
    "standing.marked",
)
ABLATION_KEYS = {
    "mask P": "motion.points.all.precision",
    "mask R": "motion.points.all.recall",
    "boxes P": f"{BOXES}.precision",
    "boxes R": f"{BOXES}.recall",
    "AP@0.3": f"{BOXES}.pooled_ap@0.3",
    "AP@0.5": f"{BOXES}.pooled_ap@0.5",
    "AP@0.7": f"{BOXES}.pooled_ap@0.7",
    "tracks P": f"{TRACK_BOXES}.precision",
    "tracks R": f"{TRACK_BOXES}.recall",
    "tracks AP@0.5": f"{TRACK_BOXES}.pooled_ap@0.5",
    "all tracks AP@0.3": "track_boxes.range.bev.all.pooled_ap@0.3",
    "heading": f"{TRACK_BOXES}.heading.median",
    "MOTA": "tracking.mobile.mota",
    "HOTA": "tracking.mobile.hota",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Worlds:
    """Which worlds are labelled.

    Attributes:
        seeds: Seeds of the worlds.
        seconds: Length of each drive.
        static_seconds: Length of the drives in which nothing but the ego moves; 0 for none.
        passes: Label passes that are scored.
    """

    seeds: Sequence[int]
    seconds: float
    static_seconds: float
    passes: Sequence[str]


Reports = dict[str, list[EvaluationReport]]


def synthetic(bench: Bench, worlds: Worlds, modes: Sequence[str]) -> str:
    """Score every mode and pass; return the section."""
    runs = {mode: {MODE_KEY: mode, EVIDENCE_KEY: True} for mode in modes}
    reports = _scored(bench, worlds, runs, static_world=False)
    means = {name: summarize(group) for name, group in reports.items()}
    parts = [
        "## Synthetic worlds",
        f"Seeds {', '.join(str(seed) for seed in worlds.seeds)}, {worlds.seconds:g} s each; "
        f"static worlds {worlds.static_seconds:g} s. Means over seeds, counts: sums. Boxes of "
        "moving objects; `detection` are those of single frames, `track_boxes` those of tracks; "
        "`tcr` within the paper's grid, `range` within 50 m all around.",
        bars(means),
        "### Average precision at BEV IoU",
        _average_precision(means),
        "### Scores",
        comparison_markdown(means, SCORE_KEYS),
        "### Seed by seed",
        _by_seed(reports, worlds.seeds),
        "### Where moving objects are lost",
        *(_breakdown(name, report) for name, report in means.items() if name.startswith(IMPROVED)),
    ]
    if worlds.static_seconds > 0:
        still = _scored(bench, worlds, runs, static_world=True)
        totals = {name: summarize(group) for name, group in still.items()}
        parts += [
            "### Static worlds: nothing may be claimed to move",
            comparison_markdown(totals, STATIC_KEYS),
        ]
    legend = next(iter(means.values())).legend
    parts += ["### What is counted", "\n".join(f"- {line}" for line in legend)]
    return "\n\n".join(parts)


def ablation(bench: Bench, worlds: Worlds) -> str:
    """Take one lever at a time out of mode `improved`; return the section."""
    # With the evidence, the labels of `synthetic` serve as they are.
    runs: dict[str, Overrides] = {"all levers": {EVIDENCE_KEY: True}, **LEVERS}
    runs = {name: {MODE_KEY: IMPROVED, **overrides} for name, overrides in runs.items()}
    reports = _scored(bench, worlds, runs, static_world=False)
    parts = [
        "## Ablation",
        "Mode `improved` with one lever out at a time, the same worlds, mean over seeds. Boxes and "
        "tracks of moving objects within 50 m, precision (P) and recall (R) at BEV IoU 0.3; "
        "heading: median error of the tracks in degrees; `all tracks`: standing objects count too.",
    ]
    for label_pass in worlds.passes:
        means = {name: summarize(reports[f"{name}/{label_pass}"]) for name in runs}
        parts += [f"### {label_pass.capitalize()}", ablation_table(means)]
    settings = [
        f"- {name}: " + ", ".join(f"`{key}: {value}`" for key, value in overrides.items())
        for name, overrides in LEVERS.items()
    ]
    return "\n\n".join([*parts, "\n".join(settings)])


def ablation_table(means: Mapping[str, EvaluationReport]) -> str:
    """Lay out the runs, the first of which has all levers; those that do not differ are named."""
    rows = {
        name: [number(mean.value(key)) for key in ABLATION_KEYS.values()]
        for name, mean in means.items()
    }
    first = next(iter(rows))
    equal = [name for name, cells in rows.items() if name != first and cells == rows[first]]
    text = table(
        ["", *ABLATION_KEYS], [[name, *cells] for name, cells in rows.items() if name not in equal]
    )
    return f"{text}\n\nWithout effect here: {', '.join(equal)}." if equal else text


def _scored(
    bench: Bench, worlds: Worlds, runs: Mapping[str, Overrides], *, static_world: bool
) -> Reports:
    """Label every world in every way; return the reports by `<run>/<pass>`, seed by seed."""
    reports: Reports = {}
    seconds = worlds.static_seconds if static_world else worlds.seconds
    for name, overrides in runs.items():
        for seed in worlds.seeds:
            labels = bench.label(bench.world(seed, seconds, static_world=static_world), overrides)
            for label_pass in passes_of(overrides[MODE_KEY], worlds.passes):
                report = score(labels, label_pass)
                reports.setdefault(f"{name}/{label_pass}", []).append(report)
    return reports


def bars(means: Mapping[str, EvaluationReport]) -> str:
    """Hold the results against what was asked for."""
    names = [name for name in means if name.startswith(IMPROVED)]
    rows = []
    for title, bar, key, is_met in (
        ("motion mask precision", ">= 0.90", "motion.points.all.precision", _at_least(0.90)),
        ("motion mask recall", ">= 0.70", "motion.points.all.recall", _at_least(0.70)),
        ("box precision, IoU 0.3", ">= 0.85", f"{BOXES}.precision", _at_least(0.85)),
        ("box recall, IoU 0.3", ">= 0.60", f"{BOXES}.recall", _at_least(0.60)),
        ("track box precision, IoU 0.3", ">= 0.85", f"{TRACK_BOXES}.precision", _at_least(0.85)),
        ("track box recall, IoU 0.3", ">= 0.60", f"{TRACK_BOXES}.recall", _at_least(0.60)),
        ("heading error, median", "<= 5 deg", f"{BOXES}.heading.median", _at_most(5.0)),
        ("track heading, median", "<= 5 deg", f"{TRACK_BOXES}.heading.median", _at_most(5.0)),
    ):
        values = [means[name].value(key) for name in names]
        cells = (judged(value, value is not None and is_met(value)) for value in values)
        rows.append([title, bar, *cells])
    rows += [row for answer in AP_ROWS if (row := _ahead(means, names, answer)) is not None]
    return "\n\n".join(["### Bars", table(["", "bar", *names], rows)])


def _at_least(bar: float) -> Callable[[float], bool]:
    return lambda value: value >= bar


def _at_most(bar: float) -> Callable[[float], bool]:
    return lambda value: value <= bar


def _ahead(
    means: Mapping[str, EvaluationReport], names: Sequence[str], row: str
) -> list[str] | None:
    """Compare with mode tcr, which is causal: ahead at every IoU, and by 0.10 at 0.5."""
    cells = []
    rival = means.get(f"{TCR}/{CAUSAL}")
    if rival is None:
        return None
    for name in names:
        differences = {
            f"{iou:.1f}": (means[name].value(f"{row}@{iou:.1f}") or 0.0)
            - (rival.value(f"{row}@{iou:.1f}") or 0.0)
            for iou in IOU_THRESHOLDS
        }
        is_met = all(lead > 0 for lead in differences.values()) and differences["0.5"] >= 0.10
        cells.append(f"{differences['0.5']:+.3f} at 0.5 {'met' if is_met else 'MISSED'}")
    return [f"{row} ahead of tcr", "every IoU, +0.10 at 0.5", *cells]


def _average_precision(means: Mapping[str, EvaluationReport]) -> str:
    columns = [f"{threshold:.1f}" for threshold in IOU_THRESHOLDS]
    rows = [
        [f"{row} {name}", *(number(report.value(f"{row}@{column}")) for column in columns)]
        for row in AP_ROWS
        for name, report in means.items()
    ]
    return table(["", *columns], rows)


def _by_seed(reports: Reports, seeds: Sequence[int]) -> str:
    keys = {
        name: key
        for name, key in ABLATION_KEYS.items()
        if name not in ("AP@0.3", "AP@0.7", "heading")
    }
    rows = [
        [f"{name} {seed}", *(number(report.value(key)) for key in keys.values())]
        for name, group in reports.items()
        if name.startswith(IMPROVED)
        for seed, report in zip(seeds, group, strict=True)
    ]
    return table(["", *keys], rows)


def _breakdown(name: str, report: EvaluationReport) -> str:
    """Return shares of the objects of each group, and what the wrong boxes are."""
    values = {m.key: m.value for m in report.metrics if m.key.startswith("breakdown.")}
    groups = dict.fromkeys(key.removeprefix("breakdown.").rpartition(".")[0] for key in values)
    rows = []
    for group in groups:
        if group.startswith("wrong."):
            continue
        numbers = [values[f"breakdown.{group}.{stage}"] for stage in STAGES]
        total = numbers[0]
        rows.append([group, number(total, 0), *(share(part, total) for part in numbers[1:])])
    wrong = [
        [answer, *(number(values[f"breakdown.wrong.{answer}.{kind}"], 0) for kind in MISTAKES)]
        for answer in ("detection", "track_boxes")
    ]
    return "\n\n".join(
        [
            f"{name}: share of moving objects (once per frame)",
            table(["", *STAGES], rows),
            "Wrong boxes",
            table(["", *MISTAKES], wrong),
        ]
    )
