# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The M step: both networks trained from scratch on the labels of a round."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch

from unsup_track_ros.config import Config, config_hash
from unsup_track_ros.labeling.atomic_file import write_atomically
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.networks.bev_centernet import BevCenternetConfig
from unsup_track_ros.networks.bev_inference import (
    BEV_KIND,
    KIND_KEY,
    NETWORK_KEY,
    SEGMENTOR_KIND,
)
from unsup_track_ros.networks.checkpoint import checkpoint_bytes
from unsup_track_ros.networks.image_segmentor import ImageSegmentorConfig
from unsup_track_ros.training.bev import BevLearner, BevTrainingConfig
from unsup_track_ros.training.loop import LoopConfig, train
from unsup_track_ros.training.network_learner import NetworkLearner
from unsup_track_ros.training.run_directory import RunDirectory, RunManifest
from unsup_track_ros.training.segmentor import SegmentorLearner, SegmentorTrainingConfig
from unsup_track_ros.training.training_labels import TrainingSet

CHECKPOINT_SUFFIX: Final = ".safetensors"


class BevRunConfig(Config):
    """All parameters of `unsup-track train bev`."""

    network: BevCenternetConfig = BevCenternetConfig()
    training: BevTrainingConfig = BevTrainingConfig()
    loop: LoopConfig = LoopConfig()


class SegmentorRunConfig(Config):
    """All parameters of `unsup-track train segmentor`."""

    network: ImageSegmentorConfig = ImageSegmentorConfig()
    training: SegmentorTrainingConfig = SegmentorTrainingConfig()
    loop: LoopConfig = LoopConfig()


def train_bev(
    config: BevRunConfig,
    frames: TrainingSet,
    places: tuple[Path, Path],
    device: str,
    progress: Progress,
) -> Path:
    """Train the bird's-eye-view network, or go on where a former run stopped.

    Args:
        config: Parameters.
        frames: What to learn from.
        places: Run directory (state, curves) and checkpoint file.
        device: "cpu" or "cuda".
        progress: Told after every step.

    Returns:
        The checkpoint.
    """

    def learner() -> NetworkLearner:
        return BevLearner(config.network, config.training, frames, torch.device(device))

    steps = config.training.optimizer.num_steps
    about = (BEV_KIND, config.network.model_dump_json(), steps)
    return _train(learner, config, (frames, about), places, (device, progress))


def train_segmentor(
    config: SegmentorRunConfig,
    frames: TrainingSet,
    places: tuple[Path, Path],
    device: str,
    progress: Progress,
) -> Path:
    """Train the image segmentor; arguments as of `train_bev`."""

    def learner() -> NetworkLearner:
        return SegmentorLearner(config.network, config.training, frames, torch.device(device))

    steps = config.training.optimizer.num_steps
    about = (SEGMENTOR_KIND, config.network.model_dump_json(), steps)
    return _train(learner, config, (frames, about), places, (device, progress))


def _train(
    build: Callable[[], NetworkLearner],
    config: BevRunConfig | SegmentorRunConfig,
    what: tuple[TrainingSet, tuple[str, str, int]],
    places: tuple[Path, Path],
    how: tuple[str, Progress],
) -> Path:
    frames, (kind, network, num_steps) = what
    folder, checkpoint = places
    device, progress = how
    manifest = RunManifest(
        network=kind,
        config_sha256=config_hash(config),
        data_fingerprint=frames.fingerprint(),
        device=device,
    )
    with RunDirectory.open_for_writing(folder, manifest, config) as run:
        learner = build()

        def told(_: str, done: int, total: int) -> None:
            progress(f"training {kind}", done, total)

        train(learner, num_steps, run, config.loop, told)
        metadata = {
            KIND_KEY: kind,
            NETWORK_KEY: network,
            "steps": str(num_steps),
            "labels_sha256": manifest.data_fingerprint,
            "code_version": manifest.code_version,
        }
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(checkpoint, checkpoint_bytes(learner.network.state_dict(), metadata))
    return checkpoint


def file_sha256(path: Path) -> str:
    """Return the hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
