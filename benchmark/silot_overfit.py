# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Train SILOT from scratch on four videos until it knows them; every gradient must be finite.

    python benchmark/silot_overfit.py [--mnist FOLDER] [--steps 4000]

What a network of any use must be able to do; 4,000 steps take about 18 minutes of one CPU core,
1,000 are too few. Prints the error of the picture and MOTA on the four videos, and exits with 1 if
a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch

from unsup_track_ros.data.scattered.videos import ScatteredConfig, ScatteredVideos, scattered_videos
from unsup_track_ros.evaluation.image_tracking import score_videos
from unsup_track_ros.networks.silot import Silot, SilotConfig, SilotInferenceConfig
from unsup_track_ros.training.silot import SilotLearner, SilotTrainingConfig
from unsup_track_ros.training.silot_evaluation import network_steps, tracked_by_network

NUM_VIDEOS = 4
MIN_MOTA = 0.9
MAX_ERROR = 0.5  # of the brightness that there is
# (share of the steps at which it ends, frames per clip, learning rate)
PLAN = ((0.6, 2, 1e-3), (0.8, 4, 5e-4), (1.0, 8, 2e-4))


def say(*words: object) -> None:
    """Print at once."""
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


def error_of(network: Silot, videos: ScatteredVideos) -> float:
    """Return the mean error of the picture as a share of its brightness, in one pass per frame."""
    paper = SilotInferenceConfig(method="paper")
    wrong, bright = 0.0, 0.0
    for index, found in enumerate(network_steps(videos.frames, network, None, paper)):
        frame = videos.frames[:, index].float() / 255.0
        wrong += float((found.reconstruction - frame).abs().sum())
        bright += float(frame.sum())
    return wrong / bright


def trained(videos: ScatteredVideos, num_steps: int, seed: int) -> tuple[Silot, int]:
    """Train on the videos; return the network and the number of steps with finite gradients."""
    network_config = SilotConfig(learned_prior=False, max_objects=6)
    # The schedules of the paper, cut to this length.
    config = SilotTrainingConfig(
        seed=seed, batch_size=2 * NUM_VIDEOS, num_steps=num_steps,
        decay_steps=max(num_steps // 16, 1), heads_wait_steps=num_steps // 16,
    )  # fmt: skip
    learner = SilotLearner(network_config, config, [videos.frames])
    finite, begin_s = 0, time.process_time()
    for step in range(num_steps):
        _, num_frames, rate = next(row for row in PLAN if step < row[0] * num_steps)
        learner.advance(num_frames, rate)
        gradient = learner.network.weights.grad
        assert gradient is not None
        finite += bool(torch.isfinite(gradient).all())
        if (step + 1) % max(num_steps // 10, 1) == 0:
            losses = {name: round(values[0]) for name, values in learner.report().items()}
            say(f"step {step + 1}, {time.process_time() - begin_s:.0f} s of CPU time: {losses}")
    network = Silot(network_config)
    network.load_state_dict(learner.network.state_dict_of(0), strict=False)
    return network, finite


def main() -> None:
    """Train, score, and hold the scores against the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", default="", help="folder of MNIST; else scikit-learn's digits")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    scene = ScatteredConfig(mnist_folder=arguments.mnist, min_objects=3, max_objects=3)
    videos = scattered_videos(scene, NUM_VIDEOS, torch.Generator().manual_seed(arguments.seed))
    network, finite = trained(videos, arguments.steps, arguments.seed)
    error = error_of(network, videos)
    say(f"finite gradients in {finite} of {arguments.steps} steps")
    say(f"error of the picture: {error:.3f} of its brightness (bar: {MAX_ERROR})")
    motas = {}
    for method in ("paper", "lasting"):
        inference = SilotInferenceConfig(method=method)
        scores = score_videos(tracked_by_network(videos, network, None, inference))
        motas[method] = scores.mota
        say(f"{method}: MOTA {scores.mota:.3f} (bar: {MIN_MOTA}), AP {scores.ap:.3f}")
    good = finite == arguments.steps and error <= MAX_ERROR and max(motas.values()) >= MIN_MOTA
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
