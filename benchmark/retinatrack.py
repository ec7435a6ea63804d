# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train and score all configurations of docs/results/retinatrack.md on one GPU, within a time.

    python benchmark/retinatrack.py --seconds 420 --out DIR

Every configuration and seed is a learner of its own, on its own stream, in one process that shares
the videos. Thresholds of each tracker are chosen on validation videos and applied to test videos;
scoring runs in processes of its own. With `--steps` the length of training is fixed instead.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import math
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unsup_track_ros.data.crossing.videos import CrossingConfig, CrossingVideos, crossing_videos
from unsup_track_ros.networks.checkpoint import checkpoint_bytes
from unsup_track_ros.networks.retinatrack import RetinaTrackConfig
from unsup_track_ros.networks.retinatrack.decoding import DecodingConfig
from unsup_track_ros.networks.retinatrack.track_store import TrackStoreConfig
from unsup_track_ros.training.retinatrack import RetinaTrackLearner, RetinaTrackTrainingConfig
from unsup_track_ros.training.retinatrack_clips import TrackedFrames, crossing_frames
from unsup_track_ros.training.retinatrack_evaluation import (
    VideoDetections,
    VideoTruth,
    detect,
    score_detection,
    score_tracking,
    video_truths,
)

ONE_ANCHOR = {"anchor_ratios": (0.55,), "anchor_scales": (1.2,)}
# Name: parameters of the network, parameters of training.
CONFIGURATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "full": ({}, {}),
    "no_triplet": ({"embedding_layers": 0}, {"triplet_weight": 0.0}),
    "one_anchor": (ONE_ANCHOR, {}),
    "shared": ({"anchor_features": "shared"}, {}),
    "m3_0": ({"embedding_layers": 0}, {}),
    "m3_4": ({"embedding_layers": 4}, {}),
}
TRAIN_SEED, VALIDATION_SEED, TEST_SEED = 1, 50, 101
FRAME_S = 0.1
ROUND_STEPS = 8  # that all train before they wait for each other
TRIPLET_SHARE = 0.4  # of the training that is the detector's alone: the paper's pre-training
CLIP_FRAMES = 8  # 0.8 s
SCORES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
COSINES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
DEPTHS = (1, 2, 5)
KEPT_SCORE = 0.02  # below it nothing is kept for COCO's curve
START = time.monotonic()
_queueing = threading.Lock()  # captures must not meet another thread's launches


def say(*words: object) -> None:
    """Print at once."""
    seconds = f"{time.monotonic() - START:6.1f} s"
    sys.stdout.write(" ".join([seconds, *map(str, words)]) + "\n")
    sys.stdout.flush()


def made(num: int, seed: int, device: torch.device) -> CrossingVideos:
    """Make videos."""
    return crossing_videos(CrossingConfig(), num, torch.Generator(device).manual_seed(seed))


@contextlib.contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Queue on a stream of this thread."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.default_stream())
    with torch.cuda.stream(stream):
        yield


class Pace:
    """Lets all networks train equally many steps: they wait for each other every few steps.

    Attributes:
        share: How much of the training is over.
    """

    def __init__(self, num_networks: int, end_s: float, num_steps: int) -> None:
        self.share = 0.0
        self._begin_s: float | None = None
        self._end_s, self._num_steps, self._rounds = end_s, num_steps, 0
        self._barrier = threading.Barrier(num_networks, action=self._look)

    def wait(self) -> None:
        """Wait for all others, then renew `share`."""
        self._barrier.wait()

    def _look(self) -> None:
        now_s = time.monotonic()
        # The first rounds set up libraries and capture graphs: the schedule begins after them.
        if self._rounds == 1 or self._begin_s is None:
            self._begin_s = now_s
        self.share = (now_s - self._begin_s) / max(self._end_s - self._begin_s, 1e-9)
        if self._num_steps:
            self.share = self._rounds * ROUND_STEPS / self._num_steps
        self._rounds += 1


def train(
    name: str, learner: RetinaTrackLearner, pace: Pace, log: list[Any], interval_s: float
) -> None:
    """Train one network until the time is over or the steps are done."""
    device, config = learner.data.frames.device, learner.config
    with own_stream(device):
        mark = (time.monotonic(), 0)
        while True:
            if device.type == "cuda":
                torch.cuda.current_stream().synchronize()
            pace.wait()
            if pace.share >= 1.0:
                break
            for _ in range(ROUND_STEPS):
                rate = rate_at(pace.share, learner.num_steps_done, config)
                weight = config.triplet_weight if pace.share >= TRIPLET_SHARE else 0.0
                with _queueing:
                    learner.advance(rate, weight)
            now_s, step = time.monotonic(), learner.num_steps_done
            if now_s - mark[0] > interval_s:
                speed = (step - mark[1]) / (now_s - mark[0])
                mark = (now_s, step)
                losses = {key: round(value, 4) for key, value in learner.report().items()}
                row = {"network": name, "step": step, "steps_per_s": round(speed, 2), **losses}
                log.append({"s": round(now_s - START, 1), **row})
                say(json.dumps(row))


def rate_at(share: float, step: int, config: RetinaTrackTrainingConfig) -> float:
    """Return the learning rate: warm-up by steps, cosine by the share of the time that is over."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    return max(config.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * share)), 1e-7)


def build(arguments: argparse.Namespace, data: TrackedFrames) -> dict[str, RetinaTrackLearner]:
    """Build all learners."""
    learners = {}
    for name in arguments.only or CONFIGURATIONS:
        network, training = CONFIGURATIONS[name]
        for seed in range(arguments.seeds):
            learners[f"{name}-{seed}"] = RetinaTrackLearner(
                RetinaTrackConfig(**{"embedding_size": 64, **network}),
                RetinaTrackTrainingConfig(
                    seed=seed,
                    clips_per_batch=arguments.clips,
                    learning_rate=arguments.rate,
                    warmup_steps=arguments.warmup,
                    **training,
                ),
                data,
                use_graph=not arguments.eager,
            )
    return learners


def answers_of(
    learner: RetinaTrackLearner, sets: dict[str, CrossingVideos]
) -> dict[str, list[VideoDetections]]:
    """Detect in all sets of videos, in bfloat16 where it was trained so."""
    learner.network.eval()
    device = learner.data.frames.device
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        return {
            name: detect(learner.network, videos.frames, DecodingConfig())
            for name, videos in sets.items()
        }


def compact(detections: list[VideoDetections]) -> list[VideoDetections]:
    """Drop what is far too unsure, and what is beyond need for tracking, to travel light."""
    kept = []
    for video in detections:
        num = max(int((video.scores >= KEPT_SCORE).sum(axis=1).max()), 1)
        kept.append(
            VideoDetections(
                boxes_px=video.boxes_px[:, :num],
                scores=np.where(video.scores >= KEPT_SCORE, video.scores, 0.0)[:, :num],
                embeddings=video.embeddings[:, :num],
            )
        )
    return kept


def scored(
    name: str,
    answers: dict[str, list[VideoDetections]],
    truths: dict[str, list[VideoTruth]],
) -> list[dict[str, Any]]:
    """Choose thresholds on the validation videos; score on the test videos."""
    found = score_detection(answers["test"], truths["test"])
    rows = []
    for cues in ("iou_and_embedding", "iou") if name.startswith("full") else ("iou_and_embedding",):
        config = chosen(TrackStoreConfig(cues=cues), answers["validation"], truths["validation"])
        scores = score_tracking(answers["test"], truths["test"], config, FRAME_S)
        rows.append(
            {
                "network": name,
                "cues": cues,
                "min_score": config.min_score,
                "min_cosine": config.min_cosine,
                "num_observations": config.num_observations,
                **dataclasses.asdict(scores),
                **dataclasses.asdict(found),
            }
        )
    return rows


def chosen(
    config: TrackStoreConfig, detections: list[VideoDetections], truths: list[VideoTruth]
) -> TrackStoreConfig:
    """Return what has the best MOTA: first the score, then the memory, then the embedding."""

    def best(options: list[TrackStoreConfig]) -> TrackStoreConfig:
        values = [score_tracking(detections, truths, o, FRAME_S).mota for o in options]
        return options[int(np.argmax(values))]

    config = best([config.model_copy(update={"min_score": value}) for value in SCORES])
    config = best([config.model_copy(update={"num_observations": value}) for value in DEPTHS])
    if config.cues == "iou":
        return config
    return best([config.model_copy(update={"min_cosine": value}) for value in COSINES])


def save(out: Path, learners: dict[str, RetinaTrackLearner]) -> None:
    """Store the weights of all networks, in half precision, with what they are."""
    for name, learner in learners.items():
        metadata = {
            "network": learner.network_config.model_dump_json(),
            "training": learner.config.model_dump_json(),
            "steps": str(learner.num_steps_done),
        }
        state = {
            key: value.half() if value.is_floating_point() else value
            for key, value in learner.network.state_dict().items()
        }
        (out / f"{name}.safetensors").write_bytes(checkpoint_bytes(state, metadata))


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=420.0, help="for everything")
    parser.add_argument("--scoring-seconds", type=float, default=50.0, help="kept for scoring")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--videos", type=int, default=900, help="to train on")
    parser.add_argument("--test-videos", type=int, default=60)
    parser.add_argument("--validation-videos", type=int, default=16)
    parser.add_argument("--steps", type=int, default=0, help="instead of a time")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0.03)
    parser.add_argument("--warmup", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=14)
    parser.add_argument("--interval", type=float, default=20.0)
    parser.add_argument("--eager", action="store_true", help="without CUDA graphs")
    parser.add_argument("--only", nargs="*", help="configurations")
    return parser.parse_args(arguments)


def train_all(
    arguments: argparse.Namespace, learners: dict[str, RetinaTrackLearner]
) -> list[dict[str, Any]]:
    """Train all side by side; return the log."""
    end_s = START + arguments.seconds - arguments.scoring_seconds
    pace = Pace(len(learners), end_s, arguments.steps)
    log: list[Any] = []
    threads = [
        threading.Thread(target=train, args=(name, learner, pace, log, arguments.interval))
        for name, learner in learners.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return log


def machine(device: torch.device) -> dict[str, Any]:
    """Say what this ran on."""
    if device.type != "cuda":
        return {"device": "cpu", "torch": torch.__version__}
    memory = torch.cuda.max_memory_reserved() / 2**30
    return {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "memory_gib": round(memory, 1),
    }


def commit() -> str:
    """Return the commit of the code, or nothing outside a checkout."""
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def main() -> None:
    """Train, detect, score."""
    arguments = options_of()
    device = torch.device(arguments.device)
    arguments.out.mkdir(parents=True, exist_ok=True)
    pool = ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn"))
    for _ in range(arguments.processes):
        pool.submit(time.sleep, 1.0)  # they import what they need while others train
    videos = made(arguments.videos, TRAIN_SEED, device)
    sets = {
        "validation": made(arguments.validation_videos, VALIDATION_SEED, device),
        "test": made(arguments.test_videos, TEST_SEED, device),
    }
    truths = {name: video_truths(found) for name, found in sets.items()}
    data = crossing_frames(videos, CLIP_FRAMES)
    say("videos", tuple(videos.frames.shape), f"{videos.is_truth.float().sum(2).mean():.2f} seen")
    learners = build(arguments, data)
    say(len(learners), "networks")
    log = train_all(arguments, learners)
    say("trained", {name: learner.num_steps_done for name, learner in learners.items()})
    save(arguments.out, learners)
    waiting = []
    for name, learner in learners.items():
        answers = {key: compact(value) for key, value in answers_of(learner, sets).items()}
        waiting.append(pool.submit(scored, name, answers, truths))
        say("detected", name)
    content = {
        "machine": machine(device),
        "commit": commit(),
        "arguments": {key: str(value) for key, value in vars(arguments).items()},
        "steps": {name: learner.num_steps_done for name, learner in learners.items()},
        "log": log,
    }
    rows: list[dict[str, Any]] = []
    for future in waiting:
        rows += future.result()
        text = json.dumps({**content, "rows": rows}, indent=1) + "\n"
        (arguments.out / "metrics.json").write_text(text)
        row = rows[-1]
        say(row["network"], f"MOTA {row['mota']:.4f} AP {row['ap']:.4f} {row['num_switches']}")
    pool.shutdown()
    say("all done")


if __name__ == "__main__":
    main()
