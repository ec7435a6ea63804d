# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measures EM: the detector after each round on held-out worlds, in both modes, lever by lever.

    python -m benchmark.em --folder runs/em --size cpu
    python -m benchmark.em --folder runs/em --size short --device cuda --workers 4 --ablation
    python -m benchmark.em --folder runs/em --size cpu --modes tcr --control --training-seed 1

The default seeds to score on are held out. Everything is resumed, so that the measurement may be
spread over any number of calls; `--size` chooses networks, steps and the number of worlds. On a CPU
as many runs go side by side as there are cores (`--jobs`), each on one thread.
`--control` repeats each mode with the labels of round 1 in every round: what training alone brings.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from benchmark.runs import Bench
from benchmark.tables import hardware, judged, number, table
from unsup_track_ros.cli.console import progress_display
from unsup_track_ros.config import flatten, from_values
from unsup_track_ros.evaluation.detection import IOU_THRESHOLDS
from unsup_track_ros.labeling.progress import named_progress
from unsup_track_ros.training.em import EmOptions, run_em
from unsup_track_ros.training.em_config import EmConfig, EmMode, em_config
from unsup_track_ros.training.em_evaluation import SCORE_ROWS

HELD_OUT_SEEDS: Final = (201, 202, 203, 204, 205, 206)
TRAIN_SEEDS: Final = tuple(range(11, 23))
_MODES: Final = ("improved", "tcr")
PARKED_BAR: Final = 0.4
LEAD_BAR: Final = 0.10
_CONFIGS = Path(__file__).resolve().parent.parent / "config" / "training"
LABELS_KEPT: Final = "labels of round 1 in every round"
# One lever of mode `improved` at a time, set back to what Track, Check, Repeat does.
LEVERS: Final[Mapping[str, Mapping[str, object]]] = {
    "heads and losses of tcr": {"bev.mode": "tcr"},
    "no background negatives": {"bev_training.background": False},
    "no pasted objects": {"bev_training.augmentation.max_pasted": 0},
    "no mirroring": {"bev_training.augmentation.mirror_probability": 0.0},
    "decoder of tcr": {
        "decoding.min_score": 0.5,
        "decoding.max_boxes": 20,
        "decoding.peak_window_m": 7.5,
        "decoding.max_iou": 1.0,
    },
    "from scratch": {"warm_start": False},
    LABELS_KEPT: {"expectation.enabled": False},
    "no box search": {"expectation.standing.search.enabled": False},
    "no standing labels": {"label.completion.objects.static_weight": 0.0},
    "labels not completed": {"label.completion.enabled": False},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        worlds: Worlds that are learned from.
        held_out: Worlds that are scored on, the first of the held-out ones.
        seconds: Length of each.
        files: Parameter file per mode, None for the default parameters.
    """

    worlds: int
    held_out: int
    seconds: float
    files: Mapping[EmMode, Path | None]


SIZES: Final = {
    "cpu": Size(
        worlds=6,
        held_out=6,
        seconds=4.0,
        files={"improved": _CONFIGS / "em_small.yaml", "tcr": _CONFIGS / "em_tcr_small.yaml"},
    ),
    "short": Size(
        worlds=12,
        held_out=6,
        seconds=4.0,
        files={"improved": _CONFIGS / "em_short.yaml", "tcr": _CONFIGS / "em_tcr_short.yaml"},
    ),
    "gpu": Size(worlds=6, held_out=6, seconds=10.0, files={"improved": None, "tcr": None}),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for and write the tables."""
    options = _options(arguments)
    bench, size = Bench(folder=options.folder, device=options.device), SIZES[options.size]
    seeds = options.seeds or HELD_OUT_SEEDS[: size.held_out]
    world = partial(bench.world, seconds=size.seconds)
    jobs = options.jobs or (os.cpu_count() if options.device == "cpu" else 1)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as executor:
        bags = executor.map(world, TRAIN_SEEDS[: size.worlds])
        held_out = executor.map(world, seeds)
        work = EmOptions(
            bags=tuple(bags),
            evaluation_bags=tuple(held_out),
            num_rounds=options.rounds,
            device=options.device,
            label_device="cpu",
            num_workers=options.workers,
        )
        started = {
            name: executor.submit(
                _run,
                name,
                _configured(mode, size, changes, options.training_seed),
                _folder(name, options),
                work,
            )
            for name, mode, changes in wanted_runs(options)
        }
        runs = {name: run.result() for name, run in started.items()}
    text = report(runs) + f"\n\nOn {hardware(options.device)}\n"
    sys.stdout.write(text)
    if options.out is not None:
        options.out.write_text(text)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="recordings and runs")
    parser.add_argument("--size", choices=sorted(SIZES), default="cpu")
    parser.add_argument("--modes", nargs="+", choices=_MODES, default=_MODES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="worlds to score on, instead of those held out"
    )
    parser.add_argument("--training-seed", type=int, default=0, help="of weights and samples")
    parser.add_argument(
        "--control", action="store_true", help="each mode also with labels of round 1 throughout"
    )
    parser.add_argument("--ablation", action="store_true", help="one lever out at a time")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, help="runs side by side; on a CPU one per core")
    parser.add_argument("--workers", type=int, default=0, help="processes that help each run")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    return parser.parse_args(arguments)


def wanted_runs(options: argparse.Namespace) -> Iterator[tuple[str, EmMode, Mapping[str, object]]]:
    """Yield name, mode and changed parameters of what is asked for, each once."""
    for mode in options.modes:
        yield mode, mode, {}
        if options.control:
            yield f"{mode}, {LABELS_KEPT}", mode, LEVERS[LABELS_KEPT]
    if options.ablation:
        for name, changes in LEVERS.items():
            if not (options.control and name == LABELS_KEPT and "improved" in options.modes):
                yield f"improved, {name}", "improved", changes


def _configured(mode: EmMode, size: Size, changes: Mapping[str, object], seed: int) -> EmConfig:
    seeds = {f"{name}_training.optimizer.seed": seed for name in ("bev", "segmentor")}
    return from_values(EmConfig, flatten(em_config(mode, size.files[mode])) | seeds | dict(changes))


def _folder(name: str, options: argparse.Namespace) -> Path:
    folder = f"em_{options.size}_{name.replace(', ', '_').replace(' ', '_')}"
    if options.training_seed:
        folder += f"_seed_{options.training_seed}"
    return Path(options.folder) / folder


def _run(name: str, config: EmConfig, folder: Path, work: EmOptions) -> list[dict[str, Any]]:
    with progress_display(bars_allowed=False) as progress:
        return run_em(config, folder, work, named_progress(name, progress))


def report(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Lay out every run and round, and hold them against the bars."""
    columns = [f"{iou:.1f}" for iou in IOU_THRESHOLDS]
    rows = []
    for name, rounds in runs.items():
        for done in rounds:
            for row in SCORE_ROWS:
                scores = done["detector"]
                values = [scores.get(f"{row}.frame_mean_ap@{column}") for column in columns]
                found = number(scores.get("parked.recall")) if row == "bev.all" else ""
                title = f"{name}, round {done['round']}, {row}"
                mean = None if None in values else _mean_ap(scores, row)
                rows.append([title, *(number(value) for value in (*values, mean)), found])
    head = ["mAP at IoU", *columns, "mean", "parked found"]
    return "\n\n".join(["# EM", table(head, rows), "## Bars", table(["", "found"], bars(runs))])


def bars(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    """Return what was asked for and whether it is so."""
    rows = []
    for mode in ("tcr", "improved"):
        if mode in runs:
            means = [_mean_ap(done["detector"]) for done in runs[mode]]
            rises = all(after > before for before, after in itertools.pairwise(means))
            said = ", ".join(number(mean) for mean in means)
            rows.append([f"{mode}: mAP rises with each round", f"{said} {_verdict(rises)}"])
            steps = [_worlds_ahead(*pair) for pair in itertools.pairwise(runs[mode])]
            rows.append([f"{mode}: worlds in which it does", ", ".join(steps)])
    if "improved" in runs:
        last = runs["improved"][min(1, len(runs["improved"]) - 1)]["detector"]
        parked = last.get("parked.recall")
        is_met = parked is not None and parked >= PARKED_BAR
        rows.append([f"parked found after round 2 >= {PARKED_BAR}", judged(parked, is_met)])
    if "tcr" in runs and "improved" in runs:
        ours, theirs = runs["improved"][-1]["detector"], runs["tcr"][-1]["detector"]
        for iou in IOU_THRESHOLDS:
            key = f"bev.all.frame_mean_ap@{iou:.1f}"
            lead = (ours.get(key) or 0.0) - (theirs.get(key) or 0.0)
            bar = LEAD_BAR if f"{iou:.1f}" in ("0.5", "0.7") else 0.0
            is_met = lead >= bar if bar else lead > 0
            rows.append([f"improved ahead of tcr at {iou:.1f} by {bar:g}", judged(lead, is_met)])
    return rows


def _mean_ap(scores: Mapping[str, float | None], row: str = "bev.all") -> float:
    values = [scores.get(f"{row}.frame_mean_ap@{iou:.1f}") or 0.0 for iou in IOU_THRESHOLDS]
    return sum(values) / len(values)


def _worlds_ahead(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Count the recordings on which a round is better than the one before."""
    worlds, last = after["detector_by_recording"], before["detector_by_recording"]
    ahead = sum(_mean_ap(worlds[name]) > _mean_ap(last[name]) for name in worlds)
    return f"{ahead} of {len(worlds)}"


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


if __name__ == "__main__":
    main()
