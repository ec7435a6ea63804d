# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure what a frame costs by both methods of inference, over the area of the frame.

    python -m benchmark.silot_cost FILE.safetensors [--mnist FOLDER]

CPU time of one thread; the number of digits grows with the frame; as many objects are kept as
there are cells.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

from benchmark.silot_scores import networks
from unsup_track_ros.data.scattered.videos import ScatteredConfig, scattered_videos
from unsup_track_ros.networks.silot import Silot, SilotInferenceConfig
from unsup_track_ros.networks.silot.discovery import num_cells
from unsup_track_ros.networks.silot.lasting_tracker import tracker_of

SIDES_PX = (48, 96, 192, 384)
_DIGITS = 4  # per 48 x 48 px
_FRAMES = 5  # the first is discovery alone and left out


def milliseconds(network: Silot, side_px: int, method: str, mnist: str) -> float:
    """Return the median CPU time of a frame."""
    number = _DIGITS * (side_px // 48) ** 2
    config = ScatteredConfig(
        mnist_folder=mnist, side_px=side_px, num_frames=_FRAMES,
        min_objects=number, max_objects=number,
    )  # fmt: skip
    videos = scattered_videos(config, 1, torch.Generator().manual_seed(0), "validation")
    inference = SilotInferenceConfig.model_validate({"method": method})
    tracker = tracker_of(network, inference, num_cells(side_px) ** 2)
    times = []
    for index in range(_FRAMES):
        begin_s = time.process_time()
        tracker.step(videos.frames[:, index].float() / 255.0)
        times.append(time.process_time() - begin_s)
    return 1e3 * statistics.median(times[1:])


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--mnist", default="")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network = next(iter(networks(arguments.weights).values()))
    lines = ["| frame (px) | digits | paper (ms) | lasting (ms) |", "|---|---|---|---|"]
    for side_px in SIDES_PX:
        cost = [
            milliseconds(network, side_px, method, arguments.mnist)
            for method in ("paper", "lasting")
        ]
        number = _DIGITS * (side_px // 48) ** 2
        lines.append(f"| {side_px} x {side_px} | {number} | {cost[0]:.0f} | {cost[1]:.0f} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
