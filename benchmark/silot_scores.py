# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Score SILOT networks and the ConnComp baseline per number of objects, and draw the curves.

    python benchmark/silot_scores.py digits OUT.json --mnist FOLDER FILE.safetensors ...
    python benchmark/silot_scores.py shapes OUT.json FILE.safetensors ...

A file holds one network, or several under `0/`, `1/`, ... as benchmark/silot.py stores them.
Each is scored by both methods of inference (`SilotInferenceConfig.method`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from unsup_track_ros.data.scattered.videos import ScatteredConfig, scattered_videos
from unsup_track_ros.evaluation.image_tracking import score_videos
from unsup_track_ros.networks.checkpoint import load_weights, read_checkpoint
from unsup_track_ros.networks.silot import Silot, SilotConfig, SilotInferenceConfig
from unsup_track_ros.perception.color_components import ColorComponentsConfig
from unsup_track_ros.training.silot_evaluation import tracked_by_components, tracked_by_network

COUNTS = {"digits": range(1, 13), "shapes": (1, 5, 10, 15, 20, 25, 30, 35)}
MIN_PRESENCE = 0.5


def say(*words: object) -> None:
    """Print at once."""
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


def networks(path: Path) -> dict[str, Silot]:
    """Read the networks of a file by name."""
    tensors, metadata = read_checkpoint(path)
    config = SilotConfig.model_validate_json(metadata["network"])
    groups: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    for key, value in tensors.items():
        copy, _, name = key.rpartition("/")
        groups[copy][name] = value.float()
    found = {}
    for copy, weights in groups.items():
        found[f"{path.stem.partition('-')[0]}/{copy or path.stem}"] = network = Silot(config)
        load_weights(network, weights, path)
    return found


def main() -> None:
    """Score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(COUNTS))
    parser.add_argument("out", type=Path)
    parser.add_argument("weights", nargs="+", type=Path)
    parser.add_argument("--mnist", default="")
    parser.add_argument("--videos", type=int, default=32, help="per number of objects")
    parser.add_argument("--methods", nargs="+", default=["lasting", "paper"])
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--seed", type=int, default=1000, help="and the number of objects")
    parser.add_argument("--max-objects", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {name: net for path in arguments.weights for name, net in networks(path).items()}
    rows: list[dict[str, Any]] = []
    for number in COUNTS[arguments.kind]:
        config = ScatteredConfig(
            mnist_folder=arguments.mnist, min_objects=number, max_objects=number
        )
        if arguments.kind == "shapes":
            config = config.model_copy(update={"kind": "shapes", "side_px": 96, "speed_px": 5.0})
        generator = torch.Generator().manual_seed(arguments.seed + number)
        videos = scattered_videos(config, arguments.videos, generator, arguments.split)
        frames = tracked_by_components(videos, ColorComponentsConfig())
        rows.append({"method": "ConnComp", "objects": number, **asdict(score_videos(frames))})
        for name, network in found.items():
            for method in arguments.methods:
                inference = SilotInferenceConfig(method=method)
                frames = tracked_by_network(
                    videos, network, arguments.max_objects or None, inference
                )
                scores = score_videos(frames, MIN_PRESENCE)
                shown = name if method == "lasting" else f"{name} {method}"
                rows.append({"method": shown, "objects": number, **asdict(scores)})
        say(*(f"{row['method']} {row['mota']:.3f}" for row in rows if row["objects"] == number))
        arguments.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
