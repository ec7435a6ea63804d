# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What SILOT is trained on: scattered videos, or what has changed in the views of recordings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, flatten, from_values, parameter
from unsup_track_ros.data.recording import Recording, RecordingConfig
from unsup_track_ros.data.scattered.videos import ScatteredConfig, scattered_videos
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.pipeline import Pipeline, PipelineConfig
from unsup_track_ros.shapes import UInt8
from unsup_track_ros.structures.change import ChangeImage

_VIDEOS_AT_ONCE = 1000
_FINGERPRINT_LENGTH = 16


class SilotDataConfig(Config):
    """Training data of SILOT."""

    source: Literal["scattered", "recordings"] = parameter(
        "scattered", "Made-up videos, or the bird's-eye views of recordings."
    )
    num_videos: int = parameter(10_000, "Scattered videos (paper: 60 000).", ge=1)
    seed: int = parameter(0, "Seed of the videos and clips.", ge=0)
    scattered: ScatteredConfig = ScatteredConfig()
    clip_frames: int = parameter(8, "Recordings: length of a clip.", ge=2)
    clip_px: int = parameter(96, "Recordings: side of a clip.", unit="px", ge=24)
    clips_per_frame: int = parameter(6, "Recordings: clips that start at a frame.", ge=1)
    recording: RecordingConfig = RecordingConfig()
    pipeline: PipelineConfig = PipelineConfig()


def training_frames(
    config: SilotDataConfig, recordings: Sequence[Path], progress: Progress
) -> UInt8[Tensor, "N T C H W"]:
    """Make the videos to train on.

    Raises:
        DataError: Recordings are asked for and there are none, or nothing changes in them.
    """
    if config.source == "scattered":
        return _scattered_frames(config, progress)
    if not recordings:
        raise DataError(
            "Training on recordings needs at least one. Name them on the command line, or set "
            "`data.source` to 'scattered'."
        )
    rng = np.random.default_rng(config.seed)
    clips = [change_clips(_changes(path, config, progress), config, rng) for path in recordings]
    together = np.concatenate(clips)
    if not len(together):
        names = ", ".join(path.name for path in recordings)
        raise DataError(
            f"Nothing changes in {names}, so there is nothing to learn from. "
            "Use recordings with traffic in which the pipeline finds its pose."
        )
    return torch.from_numpy(together)


def data_fingerprint(frames: Tensor) -> str:
    """Return a hash of the videos."""
    digest = hashlib.sha256(str(tuple(frames.shape)).encode())
    for video in frames:  # piece by piece: the whole may be larger than what is free
        digest.update(video.contiguous().numpy().tobytes())
    return digest.hexdigest()[:_FINGERPRINT_LENGTH]


def change_clips(
    changes: Sequence[ChangeImage], config: SilotDataConfig, rng: np.random.Generator
) -> UInt8[np.ndarray, "N T 1 S S"]:
    """Cut clips around what changes; the window of a clip stands still in odom."""
    length, side = config.clip_frames, config.clip_px
    clips = [np.zeros((0, length, 1, side, side), np.uint8)]
    for start in range(len(changes) - length + 1):
        middle = changes[start + length // 2]
        rows, columns = np.nonzero(middle.changed)
        if not len(rows):
            continue
        for pick in rng.integers(len(rows), size=config.clips_per_frame):
            place = middle.first_cell + np.array([columns[pick], rows[pick]])
            corner = place - rng.integers(side // 4, 3 * side // 4, size=2)
            views = [_window(change, corner, side) for change in changes[start : start + length]]
            clips.append(np.stack(views)[None, :, None])
    return np.concatenate(clips)


def _window(change: ChangeImage, corner: np.ndarray, side: int) -> UInt8[np.ndarray, "S S"]:
    """Cut a window at a cell of odom out of a view; black beyond its border."""
    view = np.zeros((side, side), np.uint8)
    x, y = corner - change.first_cell
    rows, columns = change.changed.shape
    top, bottom, left, right = max(y, 0), min(y + side, rows), max(x, 0), min(x + side, columns)
    if bottom > top and right > left:
        seen = change.changed[top:bottom, left:right]
        view[top - y : bottom - y, left - x : right - x] = seen * np.uint8(255)
    return view


def _changes(path: Path, config: SilotDataConfig, progress: Progress) -> list[ChangeImage]:
    """Run the pipeline over a recording for its images of change."""
    wanted = {"change_image.always": True, "detector": "motion"}
    pipeline = Pipeline(_with_values(config.pipeline, wanted))
    found = []
    with Recording(path, config.recording) as recording:
        total = len(recording.stamps_ns)
        for frame in recording.frames(0):
            change = pipeline.step(frame).change
            if change is not None:
                found.append(change)
            progress(f"reading {path.name}", frame.index + 1, total)
    return found


def _with_values(config: PipelineConfig, values: dict[str, object]) -> PipelineConfig:
    return from_values(PipelineConfig, flatten(config) | values)


def _scattered_frames(config: SilotDataConfig, progress: Progress) -> UInt8[Tensor, "N T C H W"]:
    generator = torch.Generator().manual_seed(config.seed)
    parts, done = [], 0
    while done < config.num_videos:
        num = min(_VIDEOS_AT_ONCE, config.num_videos - done)
        parts.append(scattered_videos(config.scattered, num, generator).frames)
        done += num
        progress("making videos", done, config.num_videos)
    return torch.cat(parts)
