# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores modes and sources of egomotion on synthetic drives; it takes minutes per seed.

    python -m benchmark.synthetic --out docs/results/synthetic.md
    python -m benchmark.synthetic --seeds 101 --seconds 3 --modes improved --sources lidar

The default seeds are held out: no parameter may be chosen by looking at them (develop on seeds
below 100). Every seed gives two drives, one with traffic and one in which only the ego moves.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmark.runs import CAUSAL, MODE_KEY, SOURCE_KEY, Bench, score, timings
from benchmark.tables import hardware, number, table
from unsup_track_ros.evaluation.detection import IOU_THRESHOLDS
from unsup_track_ros.evaluation.report import (
    EvaluationReport,
    comparison_markdown,
    summarize,
)

HELD_OUT_SEEDS = (101, 102, 103, 104, 105)
AP_ROWS = (
    "detection.tcr.bev.moving.frame_mean_ap",
    "detection.tcr.bev.moving.pooled_ap",
    "detection.tcr.perspective.moving.frame_mean_ap",
    "detection.tcr.bev.all.frame_mean_ap",
    "detection.range.bev.moving.pooled_ap",
)
MEAN_KEYS = (
    "frames.scored",
    "frames.truths_without_label",
    "detection.tcr.bev.moving.precision",
    "detection.tcr.bev.moving.recall",
    "detection.tcr.bev.moving.truth_objects",
    "detection.tcr.bev.moving.empty_frames",
    "detection.range.bev.moving.precision",
    "detection.range.bev.moving.recall",
    "tracking.mobile.hota",
    "tracking.mobile.idf1",
    "tracking.mobile.mota",
    "tracking.mobile.num_switches",
    "egomotion.translation_error.median",
    "egomotion.translation_error.p95",
    "egomotion.rotation_error.median",
    "egomotion.rotation_error.p95",
    "egomotion.unanswered_share",
    "egomotion.drift.per_travelled",
    "motion.points.judged.precision",
    "motion.points.judged.recall",
    "motion.points.all.precision",
    "motion.points.all.recall",
    "motion.pixels.judged.precision",
    "motion.objects.recall",
    "occupancy.static.iou",
    "occupancy.static.precision_tolerant",
    "occupancy.static.recall_tolerant",
)
STATIC_KEYS = (
    "motion.static_world.tracks",
    "motion.static_world.detections",
    "motion.static_world.points",
    "egomotion.translation_error.p95",
)
# Metric and which end of the seeds is the worst.
WORST_KEYS = (
    ("egomotion.translation_error.median", max),
    ("egomotion.translation_error.p95", max),
    ("egomotion.rotation_error.median", max),
    ("egomotion.rotation_error.p95", max),
    ("motion.points.all.precision", min),
    ("motion.pixels.all.precision", min),
    ("tracking.mobile.hota", min),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One labelled drive.

    Attributes:
        name: Mode and source of the egomotion, for example `improved/lidar`.
        seed: Seed of the world.
        static_world: Whether nothing but the ego moves.
        report: The scores.
        step_p95_ms: 95th percentile of the time of one pipeline step.
    """

    name: str
    seed: int
    static_world: bool
    report: EvaluationReport
    step_p95_ms: float


def main() -> None:
    """Make the drives, label them in every way, write the tables."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="benchmark_") as scratch:
        bench = Bench(folder=options.folder or Path(scratch), device=options.device)
        scores = list(_scores(options, bench))
    text = _markdown(scores, options)
    sys.stdout.write(text)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.writenumber(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(HELD_OUT_SEEDS))
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each drive")
    parser.add_argument("--static-seconds", type=float, default=5.0, help="0: no static worlds")
    parser.add_argument("--modes", nargs="+", default=["tcr", "improved"])
    parser.add_argument("--sources", nargs="+", default=["tf", "lidar", "flow"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--folder", type=Path, help="keep recordings and labels here")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    return parser.parse_args()


def _scores(options: argparse.Namespace, bench: Bench) -> Iterator[Score]:
    for seed in options.seeds:
        for static_world, seconds in ((False, options.seconds), (True, options.static_seconds)):
            if seconds <= 0:
                continue
            bag = bench.world(seed, seconds, static_world=static_world)
            for mode in options.modes:
                for source in options.sources:
                    labels = bench.label(bag, {MODE_KEY: mode, SOURCE_KEY: source})
                    yield Score(
                        name=f"{mode}/{source}",
                        seed=seed,
                        static_world=static_world,
                        report=score(labels, CAUSAL),
                        step_p95_ms=float(timings(labels)["milliseconds"]["step"]["p95"]),
                    )


def _markdown(scores: Sequence[Score], options: argparse.Namespace) -> str:
    traffic = _by_name([s for s in scores if not s.static_world])
    static = _by_name([s for s in scores if s.static_world])
    means = {name: summarize([s.report for s in group]) for name, group in traffic.items()}
    seeds = ", ".join(str(seed) for seed in options.seeds)
    parts = [
        "# Synthetic drives",
        f"Seeds {seeds}, {options.seconds:g} s each (static worlds {options.static_seconds:g} s). "
        f"{hardware(options.device)}",
        "## Average precision at BEV or image IoU, mean over seeds",
        _ap_table(means),
        "## Scores, mean over seeds (counts: sum)",
        comparison_markdown(means, MEAN_KEYS),
        "## Worst seed",
        _worst_table(traffic),
    ]
    if static:
        totals = {name: summarize([s.report for s in group]) for name, group in static.items()}
        parts += [
            "## Static worlds: nothing may be claimed to move (counts: sum over seeds)",
            comparison_markdown(totals, STATIC_KEYS),
        ]
    legend = next(iter(means.values())).legend
    parts += ["## What is counted", "\n".join(f"- {line}" for line in legend)]
    return "\n\n".join(parts) + "\n"


def _by_name(scores: Sequence[Score]) -> dict[str, list[Score]]:
    groups: dict[str, list[Score]] = {}
    for scored in scores:
        groups.setdefault(scored.name, []).append(scored)
    return groups


def _ap_table(means: Mapping[str, EvaluationReport]) -> str:
    columns = [f"{threshold:.1f}" for threshold in IOU_THRESHOLDS]
    rows = [
        [f"{name} {row.removeprefix('detection.')}", *_values(report, row, columns)]
        for row in AP_ROWS
        for name, report in means.items()
    ]
    return table(["", *columns], rows)


def _values(report: EvaluationReport, row: str, columns: Sequence[str]) -> list[str]:
    return [number(report.value(f"{row}@{column}"), 4) for column in columns]


def _worst_table(groups: Mapping[str, Sequence[Score]]) -> str:
    rows = []
    for key, worst in WORST_KEYS:
        cells = []
        for group in groups.values():
            values = [value for s in group if (value := s.report.value(key)) is not None]
            cells.append(number(worst(values) if values else None, 4))
        rows.append([key, *cells])
    slowest = [f"{max(s.step_p95_ms for s in group):.0f} ms" for group in groups.values()]
    return table(["metric", *groups], [*rows, ["step time, 95th percentile", *slowest]])


if __name__ == "__main__":
    main()
