# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The M step: both networks trained from scratch on the labels of a round."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
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
from unsup_track_ros.networks.bev_input import BevGridConfig
from unsup_track_ros.networks.checkpoint import (
    checkpoint_bytes,
    load_weights,
    read_checkpoint,
)
from unsup_track_ros.networks.image_segmentor import ImageSegmentorConfig
from unsup_track_ros.training.bev import BevLearner, BevTrainingConfig
from unsup_track_ros.training.loop import LoopConfig, train
from unsup_track_ros.training.network_learner import NetworkLearner
from unsup_track_ros.training.processes import process_rank, wait_for_all
from unsup_track_ros.training.run_directory import RunDirectory, RunManifest
from unsup_track_ros.training.scan_cache import ScanCacheConfig
from unsup_track_ros.training.segmentor import SegmentorLearner, SegmentorTrainingConfig
from unsup_track_ros.training.training_labels import TrainingSet

CHECKPOINT_SUFFIX: Final = ".safetensors"


class BevRunConfig(Config):
    """All parameters of `unsup-track train bev`."""

    network: BevCenternetConfig = BevCenternetConfig()
    training: BevTrainingConfig = BevTrainingConfig()
    scans: ScanCacheConfig = ScanCacheConfig()
    loop: LoopConfig = LoopConfig()


class SegmentorRunConfig(Config):
    """All parameters of `unsup-track train segmentor`."""

    network: ImageSegmentorConfig = ImageSegmentorConfig(width_px=416, height_px=128)
    training: SegmentorTrainingConfig = SegmentorTrainingConfig()
    scans: ScanCacheConfig = ScanCacheConfig()
    grid: BevGridConfig = BevGridConfig()
    loop: LoopConfig = LoopConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlace:
    """Where a training happens.

    Attributes:
        folder: Run directory: state to resume from, curves.
        checkpoint: The file of weights to write.
        start: Weights to start from, None for random ones.
        device: "cpu" or "cuda".
        num_workers: Processes that draw samples beside the training; they change no result.
    """

    folder: Path
    checkpoint: Path
    start: Path | None = None
    device: str = "cpu"
    num_workers: int = 0


def train_bev(
    config: BevRunConfig, frames: TrainingSet, place: TrainingPlace, progress: Progress
) -> Path:
    """Train the bird's-eye-view network, or go on where a former run stopped.

    Args:
        config: Parameters.
        frames: What to learn from.
        place: Where it happens.
        progress: Told after every step.

    Returns:
        The checkpoint.
    """
    device = torch.device(place.device)
    learner = BevLearner(config.network, config.training, frames, device, place.num_workers)
    network = config.network.model_dump_json()
    return _train(learner, config, (frames, BEV_KIND, network), place, progress)


def train_segmentor(
    config: SegmentorRunConfig, frames: TrainingSet, place: TrainingPlace, progress: Progress
) -> Path:
    """Train the image segmentor; arguments as of `train_bev`."""
    device = torch.device(place.device)
    learner = SegmentorLearner(config.network, config.training, frames, device, place.num_workers)
    network = config.network.model_dump_json()
    return _train(learner, config, (frames, SEGMENTOR_KIND, network), place, progress)


def _train(
    learner: NetworkLearner,
    config: BevRunConfig | SegmentorRunConfig,
    what: tuple[TrainingSet, str, str],
    place: TrainingPlace,
    progress: Progress,
) -> Path:
    frames, kind, network = what
    fingerprint = frames.fingerprint()
    if place.start is not None:
        load_weights(learner.network, read_checkpoint(place.start)[0], place.start)
        fingerprint += f" from {file_sha256(place.start)}"
    manifest = RunManifest(
        network=kind,
        config_sha256=config_hash(config),
        data_fingerprint=fingerprint,
        device=place.device,
    )
    if process_rank() > 0:
        return _follow(learner, config, RunDirectory(place.folder, manifest), place)
    with RunDirectory.open_for_writing(place.folder, manifest, config) as run:
        wait_for_all()

        def told(_: str, done: int, total: int) -> None:
            progress(f"training {kind}", done, total)

        num_steps = config.training.optimizer.num_steps
        train(learner, num_steps, run, config.loop, told)
        metadata = {
            KIND_KEY: kind,
            NETWORK_KEY: network,
            "steps": str(num_steps),
            "labels_sha256": fingerprint,
            "code_version": manifest.code_version,
        }
        place.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        content = checkpoint_bytes(learner.network.state_dict(), metadata)
        write_atomically(place.checkpoint, content)
        wait_for_all()
    return place.checkpoint


def _follow(
    learner: NetworkLearner,
    config: BevRunConfig | SegmentorRunConfig,
    run: RunDirectory,
    place: TrainingPlace,
) -> Path:
    """Train along with process 0, which writes the files.

    It cannot get ahead: every step needs the gradients of all.
    """
    wait_for_all()
    if (stored := run.load_state()) is not None:
        learner.restore(stored[0])
    while learner.num_steps_done < config.training.optimizer.num_steps:
        learner.advance()
    wait_for_all()
    return place.checkpoint


def file_sha256(path: Path) -> str:
    """Return the hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
