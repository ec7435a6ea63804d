# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of SILOT: schedules, determinism, resume to the bit, copies that do not touch."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from unsup_track_ros.data.scattered.videos import ScatteredConfig, scattered_videos
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.progress import no_progress
from unsup_track_ros.networks.silot import SilotConfig
from unsup_track_ros.training.loop import LoopConfig, train
from unsup_track_ros.training.run_directory import RunDirectory, RunManifest
from unsup_track_ros.training.silot import SilotLearner, SilotTrainingConfig

NETWORK = SilotConfig(what_size=4, memory_size=4, max_objects=4)
TRAINING = SilotTrainingConfig(
    batch_size=2, num_steps=6, stage_steps=3, heads_wait_steps=2, max_frames=4, learning_rate=1e-3
)


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    """A few small videos of shapes."""
    config = ScatteredConfig(kind="shapes", side_px=36, max_objects=2)
    videos = scattered_videos(config, 4, torch.Generator().manual_seed(0))
    return videos.frames[:, :, :1]


def learner(frames: torch.Tensor, **changes: int) -> SilotLearner:
    """A learner at its first step."""
    return SilotLearner(NETWORK, TRAINING.model_copy(update=changes), [frames])


def test_clips_grow_by_stages() -> None:
    config = SilotTrainingConfig(stage_steps=10, max_frames=5)
    assert [config.num_frames(step) for step in (0, 9, 10, 25, 99)] == [2, 2, 4, 5, 5]


def test_the_count_prior_falls_to_a_tenth_per_thousand_steps_down_to_its_end() -> None:
    config = SilotTrainingConfig()
    assert config.count_log_odds(0) == pytest.approx(math.log(1e6))
    assert config.count_log_odds(1000) == pytest.approx(math.log(1e5))
    assert config.count_log_odds(100_000) == pytest.approx(math.log(0.0125))


def test_the_last_steps_are_smaller() -> None:
    config = SilotTrainingConfig(num_steps=100, final_steps=20, learning_rate=0.9)
    rates = [config.learning_rate_at(step) for step in (0, 79, 80, 95)]
    assert rates == pytest.approx([0.9, 0.9, 0.3, 0.1])


def test_weights_move_and_stay_finite(frames: torch.Tensor) -> None:
    trained = learner(frames)
    before = trained.network.weights.detach().clone()
    for _ in range(6):
        trained.advance()
    assert torch.isfinite(trained.network.weights).all()
    assert not torch.equal(trained.network.weights, before)
    assert set(trained.report()) == {
        "reconstruction", "discovery_kl", "propagation_kl", "learned_prior_kl", "presence_kl",
    }  # fmt: skip


def test_heads_of_place_and_presence_wait(frames: torch.Tensor) -> None:
    trained = learner(frames, heads_wait_steps=9, gradient_noise=0)
    trained.advance()
    fresh = learner(frames)
    name = "discovery.presence_head.2.weight"
    now, before = (part.network.state_dict_of(0)[name] for part in (trained, fresh))
    assert torch.equal(now, before)


def test_equal_seeds_train_equally(frames: torch.Tensor) -> None:
    first, second = learner(frames), learner(frames)
    for _ in range(4):
        first.advance()
        second.advance()
    assert torch.equal(first.network.weights, second.network.weights)


def test_copies_start_from_their_own_seeds(frames: torch.Tensor) -> None:
    both = learner(frames, num_copies=2)
    other = learner(frames, seed=1)
    assert torch.equal(both.network.weights[1], other.network.weights[0])


def test_copies_do_not_touch_one_another(frames: torch.Tensor) -> None:
    """Spoiling one copy changes nothing of the other."""
    sound, spoiled = (learner(frames, num_copies=2) for _ in range(2))
    with torch.no_grad():
        spoiled.network.weights[1] *= 1.5
    for part in (sound, spoiled):
        part.advance()
    assert torch.allclose(sound.network.weights[0], spoiled.network.weights[0], atol=1e-7)
    assert not torch.allclose(sound.network.weights[1], spoiled.network.weights[1], atol=1e-3)


def run_of(folder: Path, frames: torch.Tensor, *steps: int) -> bytes:
    """Train into a folder up to some steps, each time in a new learner; return the weights."""
    manifest = RunManifest(network="silot", config_sha256="0", data_fingerprint="0")
    for num_steps in steps:
        with RunDirectory.open_for_writing(folder, manifest, TRAINING) as run:
            config = LoopConfig(report_steps=2, checkpoint_steps=2)
            train(learner(frames), num_steps, run, config, no_progress)
    return (folder / "state.safetensors").read_bytes()


def test_a_resumed_run_ends_with_the_bytes_of_an_undisturbed_one(
    frames: torch.Tensor, tmp_path: Path
) -> None:
    whole = run_of(tmp_path / "whole", frames, 6)
    parts = run_of(tmp_path / "parts", frames, 2, 4, 6)
    assert whole == parts
    progress = [(tmp_path / name / "progress.jsonl").read_text() for name in ("whole", "parts")]
    assert progress[0] == progress[1]


def test_a_directory_of_another_run_is_refused(frames: torch.Tensor, tmp_path: Path) -> None:
    run_of(tmp_path, frames, 2)
    other = RunManifest(network="silot", config_sha256="1", data_fingerprint="0")
    with (
        pytest.raises(DataError, match="config_sha256"),
        RunDirectory.open_for_writing(tmp_path, other, TRAINING),
    ):
        pass
