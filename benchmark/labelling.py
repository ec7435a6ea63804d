# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Labels per second and bytes per frame at three sizes of scans, and what a second worker adds.

All runs take turns on the same machine, and each is held against the first one of its row: wall
times of a busy machine say nothing, their ratios do.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from benchmark.tables import table
from unsup_track_ros.config import from_values
from unsup_track_ros.data.synthetic.lidar import LidarConfig
from unsup_track_ros.data.synthetic.recording import write_world
from unsup_track_ros.data.synthetic.world import WorldConfig, build_world
from unsup_track_ros.labeling.fleet import LabelingTask, label_here, label_tasks, local_workers
from unsup_track_ros.labeling.labeler import LabelerConfig, LabelingOptions
from unsup_track_ros.labeling.progress import no_progress

# Beams and azimuth steps: KITTI has 64 x 1800.
_SIZES = ((32, 900), (64, 1200), (64, 1800))
_FRAME_S = 0.1
_SEED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    labels_per_s: float
    bytes_per_label: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="Folder of recordings and labels.")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--chunk-s", type=float, default=2.5)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for beams, steps in _SIZES:
        bag = _recording(arguments.out, beams, steps, arguments.frames)
        one = _label(bag, 1, arguments.chunk_s)
        two = _label(bag, 2, arguments.chunk_s)
        rows.append(
            (
                f"{beams} x {steps}",
                f"{one.labels_per_s:.2f}",
                f"{1e-3 * one.bytes_per_label:.0f}",
                f"{1e-6 * one.bytes_per_label * one.labels_per_s:.2f}",
                f"{two.labels_per_s:.2f}",
                f"{two.labels_per_s / one.labels_per_s:.2f}",
            )
        )
    print(f"{arguments.frames} frames, load average {os.getloadavg()[0]:.1f} at the end\n")  # noqa: T201
    heads = ("scan", "labels/s", "kB/label", "disk MB/s", "labels/s, 2 workers", "ratio")
    print(table(heads, rows))  # noqa: T201


def _recording(folder: Path, beams: int, steps: int, num_frames: int) -> Path:
    path = folder / f"{beams}x{steps}.mcap"
    if not path.exists():
        duration_s = num_frames * _FRAME_S
        lidar = LidarConfig(beams=beams, azimuth_steps=steps)
        world = build_world(WorldConfig(duration_s=duration_s, lidar=lidar), seed=_SEED)
        write_world(world, path, duration_s)
    return path


def _label(bag: Path, workers: int, chunk_s: float) -> _Run:
    out = bag.with_name(f"{bag.stem}_{workers}")
    shutil.rmtree(out, ignore_errors=True)
    task = LabelingTask(
        recording=str(bag),
        out=str(out),
        config=from_values(LabelerConfig, {"labels.chunk_s": chunk_s}),
        options=LabelingOptions(pictures=False),
    )
    start_s = time.perf_counter()
    if workers == 1:
        (result,) = label_here([task], no_progress)
    else:
        with local_workers(workers) as executor:
            (result,) = label_tasks([task], executor, no_progress)
    seconds = time.perf_counter() - start_s
    if result.problem:
        raise SystemExit(result.problem)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return _Run(labels_per_s=result.num_frames / seconds, bytes_per_label=size / result.num_frames)


if __name__ == "__main__":
    main()
