# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A whole training run of TrackOcc: clips, learner, directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from unsup_track_ros.config import Config, config_hash
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.networks.trackocc import TrackOccConfig
from unsup_track_ros.networks.trackocc.checkpoint import NAME, NETWORK_KEY
from unsup_track_ros.structures.voxel_scene import OccupancyFrame
from unsup_track_ros.training.loop import LoopConfig, train
from unsup_track_ros.training.occupancy_clips import ClipFolder
from unsup_track_ros.training.run_directory import RunDirectory, RunManifest
from unsup_track_ros.training.trackocc import TrackOccLearner, TrackOccTrainingConfig


class TrackOccRunConfig(Config):
    """All parameters of `unsup-track train trackocc`."""

    network: TrackOccConfig = TrackOccConfig()
    training: TrackOccTrainingConfig = TrackOccTrainingConfig()
    loop: LoopConfig = LoopConfig(report_steps=20, checkpoint_steps=100)


class FolderClips:
    """The clips of a folder, each read when it is needed."""

    def __init__(self, folder: ClipFolder, num_frames: int) -> None:
        """Find the clips.

        Raises:
            DataError: All sequences are shorter than a clip.
        """
        self._folder = folder
        self._num_frames = num_frames
        self._clips = folder.clips(num_frames)
        if not self._clips:
            raise DataError(
                f"{folder.folder} has no sequence of {num_frames} frames. Make longer ones, or "
                "lower training.clip_frames."
            )

    def __len__(self) -> int:
        return len(self._clips)

    def read(self, index: int) -> Sequence[OccupancyFrame]:
        """Return the frames of a clip."""
        sequence, first = self._clips[index]
        return [self._folder.frame(sequence, first + i) for i in range(self._num_frames)]


def train_trackocc(
    config: TrackOccRunConfig, clips: Path, out: Path, device: str, progress: Progress
) -> RunDirectory:
    """Train into a directory, or go on where a former run stopped.

    Raises:
        DataError: The directory holds another run, or the clips do not fit the network.
    """
    folder = ClipFolder.open(clips)
    check_fit(folder, config.network)
    manifest = RunManifest(
        network=NAME,
        config_sha256=config_hash(config),
        data_fingerprint=folder.fingerprint,
        device=device,
    )
    with RunDirectory.open_for_writing(out, manifest, config) as run:
        source = FolderClips(folder, config.training.clip_frames)
        learner = TrackOccLearner(config.network, config.training, source, torch.device(device))
        train(learner, config.training.optimizer.num_steps, run, config.loop, progress)
        metadata = {NETWORK_KEY: config.network.model_dump_json()}
        run.save_weights(0, learner.network.state_dict(), metadata)
        return run


def check_fit(folder: ClipFolder, network: TrackOccConfig) -> None:
    """Demand clips of the vocabulary, the grid and the image size of a network.

    Raises:
        DataError: They are of others.
    """
    if folder.origin.vocabulary != network.vocabulary or folder.grid != network.grid.grid:
        raise DataError(
            f"The clips in {folder.folder} are labelled with '{folder.origin.vocabulary}' on "
            f"{folder.grid}, the network expects '{network.vocabulary}' on {network.grid.grid}. "
            "Set network.vocabulary and network.grid to those of the clips."
        )
    size_px = folder.frame(folder.sequences[0], 0).images.shape[1:3]
    wanted_px = (network.image_height_px, network.image_width_px)
    if size_px != wanted_px:
        raise DataError(
            f"The images in {folder.folder} are of {size_px} pixels (rows, columns), the network "
            f"expects {wanted_px}. Set network.image_height_px and image_width_px to them."
        )
