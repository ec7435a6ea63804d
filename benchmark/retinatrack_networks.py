# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Score the trained networks of `benchmark.retinatrack` again, on videos made here.

    python -m benchmark.retinatrack_networks WEIGHTS --out DIR

WEIGHTS holds the .safetensors. Thresholds are chosen on validation videos (seed 50), with the
overlap that counts as the paper has it and chosen too. The same seeds give other videos on a GPU
than on a CPU: what was trained on one is tested on what nobody has seen on the other.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from benchmark.retinatrack import TEST_SEED, VALIDATION_SEED, made
from benchmark.retinatrack_scores import CHOSEN_BY, FREE_OVERLAPS, PAPER_OVERLAPS, compact, scored
from benchmark.runs import say
from benchmark.tables import hardware, number, table
from unsup_track_ros.networks.retinatrack.checkpoint import load_retinatrack
from unsup_track_ros.networks.retinatrack.decoding import DecodingConfig
from unsup_track_ros.training.retinatrack_evaluation import detect, video_truths

FIGURES = ("mota", "num_switches", "idf1", "hota", "ap")


def report(rows: list[dict[str, Any]]) -> str:
    """Lay out the mean over seeds of every configuration and way of tracking."""
    parts = []
    for criterion in CHOSEN_BY:
        groups: dict[str, list[dict[str, Any]]] = {}
        for row in (row for row in rows if row["chosen_by"] == criterion):
            free = ", overlap chosen" if len(row["overlaps"]) > 1 else ""
            key = f"{row['network'].rsplit('-', 1)[0]}, {row['cues']}{free}"
            groups.setdefault(key, []).append(row)
        lines = [
            [key, str(len(group)), *(_mean(group, figure) for figure in FIGURES)]
            for key, group in groups.items()
        ]
        head = [f"thresholds by {criterion.upper()}", "networks", *FIGURES]
        parts.append(table(head, lines))
    return "\n\n".join(parts)


def _mean(rows: list[dict[str, Any]], figure: str) -> str:
    values = [row[figure] for row in rows]
    decimals = 0 if figure == "num_switches" else 3
    mean, low, high = sum(values) / len(values), min(values), max(values)
    return f"{number(mean, decimals)} ({number(low, decimals)} to {number(high, decimals)})"


def main() -> None:
    """Detect and score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--test-seed", type=int, default=TEST_SEED)
    parser.add_argument("--test-videos", type=int, default=60)
    parser.add_argument("--validation-videos", type=int, default=24)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cpu")
    sets = {
        "validation": made(arguments.validation_videos, VALIDATION_SEED, device),
        "test": made(arguments.test_videos, arguments.test_seed, device),
    }
    truths = {name: video_truths(videos) for name, videos in sets.items()}
    rows = []
    for path in sorted(arguments.weights.glob("*.safetensors")):
        network = load_retinatrack(str(path), device)
        with torch.autocast("cpu", torch.bfloat16):  # as they were trained
            answers = {
                name: compact(detect(network, videos.frames, DecodingConfig()))
                for name, videos in sets.items()
            }
        rows += scored(path.stem, answers, truths, (PAPER_OVERLAPS, FREE_OVERLAPS))
        (arguments.out / "rows.json").write_text(json.dumps(rows, indent=1) + "\n")
        say(f"{path.stem} scored")
    text = f"{report(rows)}\n\nMeasured on {hardware('cpu')}\n"
    (arguments.out / "retinatrack.md").write_text(text)
    say(text)


if __name__ == "__main__":
    main()
