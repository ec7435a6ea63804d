# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train and score all configurations of docs/results/retinatrack.md on one GPU, within a time.

    python -m benchmark.retinatrack --seconds 540 --out DIR

Every configuration and seed is a learner of its own, on its own stream, in one process that shares
the videos. The configurations that the bars compare go first; the others follow, with as many
steps, if the machine is fast enough that both get enough of them. Thresholds of each tracker are
chosen on validation videos, once by MOTA and once by IDF1, and applied to test videos; scoring
runs in processes of its own. With `--steps` the length of training is fixed instead.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch

from benchmark.retinatrack_scores import answers_of, compact, scored
from unsup_track_ros.data.crossing.videos import CrossingConfig, CrossingVideos, crossing_videos
from unsup_track_ros.networks.checkpoint import checkpoint_bytes
from unsup_track_ros.networks.retinatrack import RetinaTrackConfig
from unsup_track_ros.training.retinatrack import RetinaTrackLearner, RetinaTrackTrainingConfig
from unsup_track_ros.training.retinatrack_clips import TrackedFrames, crossing_frames
from unsup_track_ros.training.retinatrack_evaluation import video_truths

ONE_ANCHOR = {"anchor_ratios": (0.55,), "anchor_scales": (1.2,)}
# Name: parameters of the network, parameters of training.
CONFIGURATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "full": ({}, {}),
    "one_anchor": (ONE_ANCHOR, {}),
    "shared": ({"anchor_features": "shared"}, {}),
    "triplets": (
        {},
        {"embedding_loss": "batch_hard", "identity_iou": 0.7, "triplet_weight": 1.0},
    ),
    "no_triplet": ({"embedding_layers": 0}, {"triplet_weight": 0.0}),
    "m3_0": ({"embedding_layers": 0}, {}),
    "m3_4": ({"embedding_layers": 4}, {}),
}
FIRST = ("full", "one_anchor", "shared")  # what the bars compare
TRAIN_SEED, VALIDATION_SEED, TEST_SEED = 1, 50, 303
ROUND_STEPS = 8  # that all train before they wait for each other
CLIP_FRAMES = 8  # 0.8 s
JUDGED_ROUNDS = 24  # after which the speed is known
MIN_TRAINING_S = 30.0  # less is not worth beginning
_PATIENCE_S = 120.0  # for one that has failed
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
        num_steps: Steps of each network when the coming round is over.
    """

    def __init__(
        self,
        num_networks: int,
        end_s: float,
        max_steps: int = 0,
        enough_steps: int = 0,
        first_share: float = 1.0,
    ) -> None:
        """Begin.

        Args:
            num_networks: That train side by side.
            end_s: When training is over.
            max_steps: Or after how many steps; 0 for any number.
            enough_steps: Where a share of the time is enough for so many steps, the rest is left
                to others; 0 for never.
            first_share: That share.
        """
        self.share, self.num_steps = 0.0, 0
        self._begin_s: float | None = None
        self._end_s, self._max_steps = end_s, max_steps
        self._enough_steps, self._first_share = enough_steps, first_share
        self._barrier = threading.Barrier(num_networks, action=self._look)

    def wait(self) -> None:
        """Wait for all others, then renew `share`."""
        self._barrier.wait(_PATIENCE_S)

    def _look(self) -> None:
        now_s, rounds = time.monotonic(), self.num_steps // ROUND_STEPS
        # The first rounds set up libraries and capture graphs: the schedule begins after them.
        if rounds == 1 or self._begin_s is None:
            self._begin_s = now_s
        if rounds == JUDGED_ROUNDS and self._enough_steps:
            speed = (self.num_steps - ROUND_STEPS) / (now_s - self._begin_s)
            end_s = self._begin_s + self._first_share * (self._end_s - self._begin_s)
            if speed * (end_s - self._begin_s) >= self._enough_steps:
                self._end_s = end_s
            say(f"{speed:.2f} steps/s of each, training ends at {self._end_s - START:.0f} s")
        self.share = (now_s - self._begin_s) / max(self._end_s - self._begin_s, 1e-9)
        if self._max_steps:
            self.share = max(self.share, self.num_steps / self._max_steps)
        if self.share < 1.0:
            self.num_steps += ROUND_STEPS


def train(
    name: str,
    learner: RetinaTrackLearner,
    pace: Pace,
    log: list[Any],
    interval_s: float,
    alone_share: float,
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
                weight = config.triplet_weight if pace.share >= alone_share else 0.0
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


def build(
    names: Sequence[str], num_seeds: int, arguments: argparse.Namespace, data: TrackedFrames
) -> dict[str, RetinaTrackLearner]:
    """Build the learners of configurations, every seed."""
    learners = {}
    for name in names:
        network, training = CONFIGURATIONS[name]
        for seed in range(num_seeds):
            learners[f"{name}-{seed}"] = RetinaTrackLearner(
                RetinaTrackConfig(**{"embedding_size": 64, **network}),
                RetinaTrackTrainingConfig(
                    seed=seed,
                    clips_per_batch=arguments.clips,
                    learning_rate=arguments.rate,
                    warmup_steps=arguments.warmup,
                    **{**arguments.training, **training},
                ),
                data,
                use_graph=not arguments.eager,
            )
    return learners


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
    parser.add_argument("--scoring-seconds", type=float, default=90.0, help="kept for scoring")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--videos", type=int, default=900, help="to train on")
    parser.add_argument("--test-videos", type=int, default=60)
    parser.add_argument("--validation-videos", type=int, default=24)
    parser.add_argument("--steps", type=int, default=0, help="instead of a time")
    parser.add_argument("--enough-steps", type=int, default=3500, help="to let others train too")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0.03)
    parser.add_argument("--warmup", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--other-seeds", type=int, default=3, help="of what the bars do not need")
    parser.add_argument(
        "--first-share", type=float, default=0.5, help="of the time, where others follow"
    )
    parser.add_argument("--processes", type=int, default=12)
    parser.add_argument("--interval", type=float, default=20.0)
    parser.add_argument("--eager", action="store_true", help="without CUDA graphs")
    parser.add_argument(
        "--alone-share",
        type=float,
        default=0.4,
        help="of the training that is the detector's alone: the paper's pre-training",
    )
    parser.add_argument(
        "--training", type=json.loads, default={}, help="other parameters of training, as JSON"
    )
    parser.add_argument("--tuned", action="store_true", help="let cuDNN try its algorithms")
    parser.add_argument("--only", nargs="*", choices=CONFIGURATIONS, help="configurations")
    return parser.parse_args(arguments)


def train_all(
    learners: dict[str, RetinaTrackLearner], pace: Pace, interval_s: float, alone_share: float
) -> list[dict[str, Any]]:
    """Train all side by side; return the log."""
    log: list[Any] = []
    threads = [
        threading.Thread(target=train, args=(name, learner, pace, log, interval_s, alone_share))
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


class Report:
    """What was measured so far, in a file that is always whole."""

    def __init__(self, out: Path, arguments: argparse.Namespace) -> None:
        self._path = out / "metrics.json"
        self._writing = threading.Lock()
        self._content: dict[str, Any] = {
            "machine": machine(torch.device(arguments.device)),
            "commit": commit(),
            "arguments": {key: str(value) for key, value in vars(arguments).items()},
            "steps": {},
            "log": [],
            "rows": [],
        }

    def trained(self, learners: dict[str, RetinaTrackLearner], log: list[dict[str, Any]]) -> None:
        """Add how networks were trained."""
        steps = {name: learner.num_steps_done for name, learner in learners.items()}
        say("trained", steps)
        with self._writing:
            self._content["machine"] = machine(next(iter(learners.values())).data.frames.device)
            self._content["steps"].update(steps)
            self._content["log"] += log
            self._write()

    def scored(self, future: Future[list[dict[str, Any]]]) -> None:
        """Add the scores of a network."""
        rows = future.result()
        with self._writing:
            self._content["rows"] += rows
            self._write()
        for row in rows:
            figures = f"MOTA {row['mota']:.4f} IDF1 {row['idf1']:.4f} AP {row['ap']:.4f}"
            say(row["network"], row["cues"], row["chosen_by"], figures, row["num_switches"])

    def _write(self) -> None:
        draft = self._path.with_suffix(".part")
        draft.write_text(json.dumps(self._content, indent=1) + "\n")
        draft.replace(self._path)


def main() -> None:
    """Train, detect, score."""
    arguments = options_of()
    device = torch.device(arguments.device)
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.benchmark = arguments.tuned
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
    report = Report(arguments.out, arguments)
    end_s = START + arguments.seconds - arguments.scoring_seconds
    enough_steps, max_steps = arguments.enough_steps, arguments.steps
    asked = arguments.only or list(CONFIGURATIONS)
    for part, num_seeds in (
        ([name for name in asked if name in FIRST], arguments.seeds),
        ([name for name in asked if name not in FIRST], arguments.other_seeds),
    ):
        if not part or time.monotonic() > end_s - MIN_TRAINING_S:
            continue
        learners = build(part, num_seeds, arguments, data)
        share = arguments.first_share
        pace = Pace(len(learners), end_s, max_steps, enough_steps, share)
        log = train_all(learners, pace, arguments.interval, arguments.alone_share)
        report.trained(learners, log)
        save(arguments.out, learners)
        for name, learner in learners.items():
            answers = {key: compact(value) for key, value in answers_of(learner, sets).items()}
            pool.submit(scored, name, answers, truths).add_done_callback(report.scored)
        say("detected")
        max_steps, enough_steps = max_steps or pace.num_steps, 0
    pool.shutdown()
    say("all done")


if __name__ == "__main__":
    main()
