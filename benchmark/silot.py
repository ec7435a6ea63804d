# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train all SILOT networks of docs/results/silot.md side by side on one GPU, within a time.

    python benchmark/silot.py --minutes 9 --out DIR [--mnist FOLDER] [--drives FILE.npz ...]

Each condition is one `SilotLearner` with its seeds as copies and its own stream and thread. The
curriculum is cut to the time: shares of it for clips of 2, 4, 6 and 8 frames.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unsup_track_ros.data.scattered.videos import ScatteredConfig, scattered_videos
from unsup_track_ros.networks.checkpoint import checkpoint_bytes, read_checkpoint
from unsup_track_ros.networks.silot import Noise, Silot, SilotConfig
from unsup_track_ros.training.silot import SilotLearner, SilotTrainingConfig

# (share of the time at which it ends, frames per clip, factor on the learning rate)
PLAN = [
    (0.30, 2, 1.0), (0.48, 4, 0.6), (0.62, 6, 0.5), (0.80, 8, 0.4),
    (0.92, 8, 0.15), (1.00, 8, 0.04),
]  # fmt: skip
SHAPES = {
    "image_channels": 3, "max_objects": 25, "interacting": True, "attention_std": 0.15,
    "color_logit_scale": 1.0, "alpha_logit_scale": 1.0, "alpha_logit_offset": 3.0,
}  # fmt: skip
START = time.monotonic()
_queueing = threading.Lock()  # captures must not meet another thread's launches


def say(*words: object) -> None:
    """Print at once."""
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


def digits(mnist: str, max_objects: int, num: int, device: torch.device) -> torch.Tensor:
    """Make scattered digits."""
    config = ScatteredConfig(mnist_folder=mnist, max_objects=max_objects)
    return _made(config, num, device)


def shapes(num: int, device: torch.device) -> torch.Tensor:
    """Make scattered shapes, 1 to 10."""
    config = ScatteredConfig(kind="shapes", side_px=96, max_objects=10, speed_px=5.0)
    return _made(config, num, device)


def _made(config: ScatteredConfig, num: int, device: torch.device) -> torch.Tensor:
    generator = torch.Generator(device).manual_seed(12345)
    parts = [scattered_videos(config, 2000, generator).frames for _ in range(max(num // 2000, 1))]
    return torch.cat(parts)


def drives(files: list[str], device: torch.device, clip: int = 8, side: int = 96) -> torch.Tensor:
    """Cut clips around what changes out of bird's-eye views; the window stands still in odom."""
    rng = np.random.default_rng(0)
    videos = []
    for name in files:
        data = np.load(name)
        bits, first = np.unpackbits(data["changed"], axis=2), data["first"]
        num_rows, num_columns = bits.shape[1:]
        for start in range(0, len(bits) - clip + 1):
            rows, columns = np.nonzero(bits[start + clip // 2])
            if not len(rows):
                continue
            for pick in rng.integers(len(rows), size=6):
                centre = np.array([columns[pick], rows[pick]]) + first[start + clip // 2]
                corner = centre - rng.integers(side // 4, 3 * side // 4, size=2)
                video = np.zeros((clip, 1, side, side), np.uint8)
                for index in range(clip):
                    x, y = corner - first[start + index]
                    x0, x1 = max(x, 0), min(x + side, num_columns)
                    y0, y1 = max(y, 0), min(y + side, num_rows)
                    if x1 > x0 and y1 > y0:
                        cut = bits[start + index, y0:y1, x0:x1]
                        video[index, 0, y0 - y : y1 - y, x0 - x : x1 - x] = cut * 255
                videos.append(video)
    return torch.from_numpy(np.stack(videos)).to(device)


def conditions(arguments: argparse.Namespace, device: torch.device) -> dict[str, SilotLearner]:
    """Build the learners."""
    num = arguments.videos
    wanted: dict[str, Any] = {}
    for spec in arguments.runs:
        name, _, text = spec.partition(":")
        given = json.loads(text) if text else {}
        network, training = dict(given.get("network", {})), dict(given.get("training", {}))
        training = {"num_copies": 3, "batch_size": 32, "learning_rate": 3e-4, **training}
        kind = name.split("-")[0]
        if kind == "digits":  # the first half of the copies sees 1-6, the second half 1-12
            frames = [digits(arguments.mnist, most, num, device) for most in (6, 12)]
        elif kind == "shapes":
            frames = [shapes(num // 2, device)]
            network = SHAPES | network
            training = {"crop_px": 60} | training
        else:
            frames = [drives(arguments.drives, device)]
            network = {"max_objects": 12, **network}
        wanted[name] = SilotLearner(SilotConfig(**network), SilotTrainingConfig(**training), frames)
        resume(wanted[name], arguments.resume)
        say(name, tuple(frames[0].shape), f"{time.monotonic() - START:.1f} s")
    return wanted


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


def train(
    name: str, learner: SilotLearner, end_s: float, log: list[Any], arguments: argparse.Namespace
) -> None:
    """Train one condition until the time is over."""
    device = learner.network.weights.device
    with own_stream(device):
        warm_up(learner)
        begin_s = time.monotonic()
        say(f"{begin_s - START:.1f} s: {name} is ready")
        previous, mark = None, (begin_s, learner.num_steps_done)
        while (now_s := time.monotonic()) < end_s:
            share = (now_s - begin_s) / (end_s - begin_s)
            _, num_frames, factor = next(row for row in PLAN if share < row[0] or row is PLAN[-1])
            if previous is not None and num_frames != previous:
                save(arguments.out, name, learner, log)
            previous = num_frames
            with _queueing:
                learner.advance(num_frames, learner.config.learning_rate * factor)
            step = learner.num_steps_done
            if step % 10 == 0 and device.type == "cuda":
                torch.cuda.current_stream().synchronize()
            if now_s - mark[0] > arguments.interval:
                rate = (step - mark[1]) / (now_s - mark[0])
                mark = (now_s, step)
                row = {
                    "run": name, "s": round(now_s - START, 1), "step": step, "frames": num_frames,
                    "steps_per_s": round(rate, 2), "losses": learner.report(),
                    "check": check(learner),
                }  # fmt: skip
                log.append(row)
                say(brief(row))
        save(arguments.out, name, learner, log)


def warm_up(learner: SilotLearner) -> None:
    """Let the libraries set themselves up, and capture."""
    for _ in range(6):
        learner.advance(PLAN[0][1])
    if learner.network.weights.is_cuda:
        torch.cuda.synchronize()


def resume(learner: SilotLearner, files: list[str]) -> None:
    """Take over the weights of an earlier run; moments of the optimiser start anew."""
    for name in files:
        stored, metadata = read_checkpoint(Path(name))
        tensors = {key: value.float() for key, value in stored.items()}
        learner.num_steps_done = int(metadata["steps"])
        for copy in {int(key.split("/")[0]) for key in tensors}:
            wanted = {key: tensors[f"{copy}/{key}"] for key in learner.network.shapes}
            learner.network.load(copy, wanted)


def brief(row: dict[str, Any]) -> str:
    """One line of the log."""
    losses = {key: [round(v) for v in value] for key, value in row["losses"].items()}
    return (
        f"{row['s']} {row['run']} step {row['step']} T{row['frames']} {row['steps_per_s']}/s "
        + (f"{json.dumps(losses)} {row['check']}")
    )


@torch.no_grad()
def check(learner: SilotLearner) -> dict[str, Any]:
    """Count, on training videos without noise: objects present, and the error of the picture."""
    config, copies = learner.network_config, learner.network.num_copies
    side = learner.config.crop_px or max(learner.frames[0].shape[-2:])
    share = copies // len(learner.frames)
    videos = torch.stack(
        [videos[:64, :2, :, :side, :side].float() / 255.0 for videos in learner.frames]
    ).repeat_interleave(share, dim=0)
    frames = videos[0]
    noise = Noise.none(frames, config.max_objects, config)

    def count(network: Silot, video: torch.Tensor) -> dict[str, torch.Tensor]:
        first = network.step(video[:, 0], None, noise.frame(0))
        second = network.step(video[:, 1], first.objects, noise.frame(1))
        here = (second.objects.presence > 0.5).float()
        size = (second.objects.size * here).sum((0, 1)) / here.sum().clamp_min(1.0)
        return {
            "present": here.sum(1).mean(),
            "kept": ((first.objects.presence > 0.5) & (second.objects.presence > 0.5)).float()
            .sum(1).mean(),
            "px": size.mean() * config.anchor_px,
            "error": (second.reconstruction - video[:, 1]).abs().sum((1, 2, 3)).mean(),
        }  # fmt: skip

    found = learner.network.apply(count, learner.network.weights, videos)
    answer = {name: [round(v, 2) for v in value.tolist()] for name, value in found.items()}
    answer["ink"] = [round(v, 1) for v in videos[:, :, 1].sum((2, 3, 4)).mean(1).tolist()]
    return answer


def save(out: Path, name: str, learner: SilotLearner, log: list[Any]) -> None:
    """Store the weights of all copies, in half precision, with what they were trained with."""
    metadata = {
        "network": learner.network_config.model_dump_json(),
        "training": learner.config.model_dump_json(),
        "steps": str(learner.num_steps_done),
    }
    for first in range(0, learner.network.num_copies, 3):
        tensors = {
            f"{copy}/{key}": value.half().cpu().contiguous()
            for copy in range(first, min(first + 3, learner.network.num_copies))
            for key, value in learner.network.state_dict_of(copy).items()
        }
        path = out / f"{name}-{first}.safetensors"
        path.write_bytes(checkpoint_bytes(tensors, metadata))
    (out / f"{name}.json").write_text(json.dumps(log))


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mnist", default="")
    parser.add_argument("--drives", nargs="*", default=[])
    parser.add_argument("--videos", type=int, default=20000)
    parser.add_argument("--interval", type=float, default=20.0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--plan", type=json.loads, help="other shares, frames, factors")
    parser.add_argument("--resume", nargs="*", default=[], help="weights to go on from")
    parser.add_argument("--runs", nargs="+", default=["digits6", "digits12", "shapes"])
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.set_float32_matmul_precision("high")
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.plan:
        PLAN[:] = [tuple(row) for row in arguments.plan]
    learners = conditions(arguments, device)
    end_s = START + 60.0 * arguments.minutes
    log: list[Any] = []
    threads = [
        threading.Thread(target=train, args=(name, learner, end_s, log, arguments))
        for name, learner in learners.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    memory = torch.cuda.max_memory_reserved() / 2**30 if device.type == "cuda" else 0.0
    say(f"all done at {time.monotonic() - START:.0f} s, {memory:.1f} GiB")


if __name__ == "__main__":
    main()
