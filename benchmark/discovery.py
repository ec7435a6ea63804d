# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measures discovery: what is found without labels, on synthetic worlds and real recordings.

    python -m benchmark.discovery --folder runs/discovery --out docs/results/discovery.md \
        --argoverse LOG_DIR --kitti DRIVE_DIR DRIVE_DIR
    python -m benchmark.discovery --folder runs/dev --seeds 1 2 --parts synthetic --passes causal

The default seeds are held out: no parameter may be chosen by looking at them (develop on seeds
below 100). Recordings and labels stay in the folder, and so does the text of each part: running one
part again renews its section and leaves the others as they were measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmark.argoverse_pair import argoverse
from benchmark.cost import cost
from benchmark.discovery_worlds import Worlds, ablation, synthetic
from benchmark.kitti_drives import kitti
from benchmark.runs import CAUSAL, COMPLETED, IMPROVED, TCR, Bench
from benchmark.tables import hardware
from unsup_track_ros.data.kitti import convert_drive

HELD_OUT_SEEDS = (101, 102, 103, 104, 105)
PARTS = ("synthetic", "ablation", "av2", "kitti", "cost")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts asked for and write them together with those measured before."""
    options = _options(arguments)
    bench = Bench(folder=options.folder, device=options.device)
    sections = options.folder / "sections"
    sections.mkdir(exist_ok=True)
    for part in options.parts:
        text = _section(part, bench, options)
        (sections / f"{part}.md").write_text(f"{text}\n\nOn {hardware(options.device)}\n")
    written = [file.read_text() for p in PARTS if (file := sections / f"{p}.md").exists()]
    text = "\n".join(["# Discovery\n", f"    {_command(options)}\n", *written])
    sys.stdout.write(text)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="recordings, labels, sections")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(HELD_OUT_SEEDS))
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each drive")
    parser.add_argument("--static-seconds", type=float, default=2.5, help="0: no static worlds")
    parser.add_argument("--modes", nargs="+", default=[TCR, IMPROVED])
    parser.add_argument("--passes", nargs="+", default=[CAUSAL, COMPLETED])
    parser.add_argument("--argoverse", type=Path, help="log folder with two sweeps")
    parser.add_argument("--kitti", type=Path, nargs="+", default=[], help="drive folders")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    options = parser.parse_args(arguments)
    if "av2" in options.parts and options.argoverse is None:
        parser.error("part av2 needs --argoverse")
    if "kitti" in options.parts and not options.kitti:
        parser.error("part kitti needs --kitti")
    return options


def _section(part: str, bench: Bench, options: argparse.Namespace) -> str:
    worlds = Worlds(
        seeds=options.seeds,
        seconds=options.seconds,
        static_seconds=options.static_seconds,
        passes=options.passes,
    )
    if part == "synthetic":
        return synthetic(bench, worlds, options.modes)
    if part == "ablation":
        return ablation(bench, worlds)
    if part == "av2":
        return argoverse(bench, options.argoverse, options.modes, options.passes)
    if part == "kitti":
        return kitti(bench, options.kitti, options.modes, options.passes)
    return cost(bench, _timed_recordings(bench, options), options.modes)


def _timed_recordings(bench: Bench, options: argparse.Namespace) -> list[Path]:
    """Return one world and the KITTI drives."""
    bags = [bench.world(options.seeds[0], options.seconds)]
    for drive in options.kitti:
        bag = bench.folder / "recordings" / f"{drive.name}.mcap"
        if not bag.exists():
            convert_drive(drive, bag)
        bags.append(bag)
    return bags


def _command(options: argparse.Namespace) -> str:
    words = ["python -m benchmark.discovery --folder FOLDER"]
    words += [f"--seeds {' '.join(map(str, options.seeds))} --seconds {options.seconds:g}"]
    words += [f"--static-seconds {options.static_seconds:g}"]
    if options.argoverse is not None:
        words.append(f"--argoverse {options.argoverse.name}")
    if options.kitti:
        words.append(f"--kitti {' '.join(drive.name for drive in options.kitti)}")
    return " ".join(words)


if __name__ == "__main__":
    main()
