# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
r"""Train one TrackOcc network within a time, and score it.

    python -m benchmark.trackocc_training --clips CLIPS --held-out CLIPS2 --out DIR --name A \
        --config config/training/trackocc_bev.yaml --seed 0 --seconds 480 --device cuda

The learning rate follows the share of the time that is over (steps for the warm-up, a cosine down
to zero), so that several trainings beside each other end at the same moment, however busy the
machine is. DIR/NAME.json has the losses, the steps and the scores on CLIPS2 (TrackOcc, and both
baselines on its single frames); DIR/NAME.safetensors has the weights in half precision.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import torch

from unsup_track_ros.config import load_config
from unsup_track_ros.labeling.atomic_file import write_atomically
from unsup_track_ros.networks.checkpoint import checkpoint_bytes
from unsup_track_ros.networks.trackocc import TrackOcc
from unsup_track_ros.networks.trackocc.checkpoint import NAME, NETWORK_KEY
from unsup_track_ros.networks.trackocc.tracker import TrackOccTracker, TrackOccTrackingConfig
from unsup_track_ros.training.occupancy_clips import ClipFolder
from unsup_track_ros.training.trackocc import TrackOccLearner
from unsup_track_ros.training.trackocc_evaluation import score_tracker
from unsup_track_ros.training.trackocc_run import FolderClips, TrackOccRunConfig, check_fit

_WARM_UP_STEPS = 60


def main() -> None:
    """Train and score one network."""
    given = options_of()
    start_s = time.monotonic()
    device = torch.device(given.device)
    torch.backends.cuda.matmul.allow_tf32 = True
    learner, clips = learner_of(given, device)
    log = train(learner, given, start_s)
    about: dict[str, Any] = {
        "name": given.name,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "clips": clips.fingerprint,
        "steps": learner.num_steps_done,
        "seconds": round(time.monotonic() - start_s, 1),
        "log": log,
    }
    write(given, learner, about)
    network = learner.network
    assert isinstance(network, TrackOcc)
    tracker = TrackOccTracker(network, TrackOccTrackingConfig(), device)
    about["rows"] = {}
    for folder in given.held_out:
        about["rows"][folder.name] = score_tracker(tracker, ClipFolder.open(folder))
        write(given, learner, about)
    about["seconds"] = round(time.monotonic() - start_s, 1)
    write(given, learner, about)


def learner_of(
    given: argparse.Namespace, device: torch.device
) -> tuple[TrackOccLearner, ClipFolder]:
    """Build the network and what trains it."""
    config = load_config(given.config, TrackOccRunConfig)
    training = config.training
    optimizer = training.optimizer.model_copy(
        update={"seed": given.seed, "batch_size": given.batch_size, "mixed_precision": False}
    )
    losses = training.losses
    if given.without_localization:
        losses = losses.model_copy(update={"localization": 0.0})
    training = training.model_copy(
        update={"optimizer": optimizer, "losses": losses, "remembered_clips": 1000}
    )
    network = config.network
    if given.query_start:
        network = network.model_copy(update={"query_start": given.query_start})
    clips = ClipFolder.open(given.clips)
    check_fit(clips, network)
    source = FolderClips(clips, training.clip_frames)
    return TrackOccLearner(network, training, source, device), clips


def train(
    learner: TrackOccLearner, given: argparse.Namespace, start_s: float
) -> list[dict[str, Any]]:
    """Train until the time is over; return the losses every so often."""
    log: list[dict[str, Any]] = []
    said_s = start_s
    while (share := (time.monotonic() - start_s) / given.seconds) < 1.0:
        if given.steps and learner.num_steps_done >= given.steps:
            break
        warm = min(1.0, (learner.num_steps_done + 1) / _WARM_UP_STEPS)
        rate = learner.config.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * share))
        learner.advance(max(rate, 1e-8))
        now_s = time.monotonic()
        if now_s - said_s > given.interval:
            said_s = now_s
            losses = {name: round(value, 4) for name, value in learner.report().items()}
            row = {"s": round(now_s - start_s, 1), "step": learner.num_steps_done, **losses}
            log.append({**row, "learning_rate": rate})
            sys.stdout.write(f"{given.name} {json.dumps(row)}\n")
            sys.stdout.flush()
            write(given, learner, {"steps": learner.num_steps_done, "log": log})
    return log


def write(given: argparse.Namespace, learner: TrackOccLearner, about: dict[str, Any]) -> None:
    """Store what there is: weights in half precision, and what they are."""
    given.out.mkdir(parents=True, exist_ok=True)
    network = learner.network
    assert isinstance(network, TrackOcc)
    metadata = {
        "network": NAME,
        NETWORK_KEY: network.config.model_dump_json(),
        "steps": str(learner.num_steps_done),
    }
    weights = {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    write_atomically(given.out / f"{given.name}.safetensors", checkpoint_bytes(weights, metadata))
    text = (
        json.dumps({**about, "training": learner.training.model_dump(mode="json")}, indent=1) + "\n"
    )
    write_atomically(given.out / f"{given.name}.json", text.encode())


def options_of() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="to train on")
    parser.add_argument("--held-out", type=Path, nargs="*", default=[], help="to be scored on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, required=True, help="for the training alone")
    parser.add_argument("--steps", type=int, default=0, help="stop after so many, for a trial")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--without-localization", action="store_true")
    parser.add_argument("--query-start", choices=["learned", "peaks"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--interval", type=float, default=20.0, help="seconds between reports")
    return parser.parse_args()


if __name__ == "__main__":
    main()
