# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a label directory: video.mp4, pictures/ and report.html.

They are a function of the recording and its labels, made in a second pass, so that a killed run has
nothing of a video to mend.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import LabelStoreError
from unsup_track_ros.labeling.atomic_file import PARTIAL_SUFFIX
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.labeling.read_ahead import read_ahead
from unsup_track_ros.labeling.store import PICTURES_NAME, VIDEO_NAME, LabelStore
from unsup_track_ros.labeling.thumbnails import Thumbnails
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.visualization.drawing import Image
from unsup_track_ros.visualization.frame_picture import FramePicture, PictureConfig
from unsup_track_ros.visualization.video import VideoWriter, encode_jpeg

_NS_PER_S: Final = 1e9
_FALLBACK_RATE_HZ: Final = 10.0  # of a recording of one frame, which has no rate


class PicturesConfig(Config):
    """Video, pictures and report beside the labels."""

    picture: PictureConfig = PictureConfig()
    report_pictures: int = parameter(
        40, "Pictures in the report, evenly spread over the recording.", ge=0
    )
    jpeg_quality: int = parameter(80, "Quality of the pictures in the report.", ge=1, le=100)


def write_pictures(
    recording: Recording,
    store: LabelStore,
    config: PicturesConfig,
    progress: Progress,
    *,
    with_voxels: bool = False,
) -> None:
    """Make video and pictures of the stored labels, unless they are there already.

    Args:
        recording: What was labelled.
        store: Its labels.
        config: What is drawn.
        progress: Told after every picture.
        with_voxels: Whether there is a panel for what cameras say fills the voxels.

    Raises:
        LabelStoreError: The disk is full.
    """
    indices = store.indices
    if not indices or (store.folder / PICTURES_NAME).is_dir():
        return
    chosen = set(_spread(indices, config.report_pictures))
    try:
        with (
            _whole_folder(store.folder / PICTURES_NAME) as folder,
            VideoWriter(store.folder / VIDEO_NAME, _rate_hz(recording)) as video,
        ):
            small, painter = (
                Thumbnails(store),
                FramePicture(config.picture, with_voxels=with_voxels),
            )
            for frame, image in _drawn(recording, store, painter):
                index = frame.index
                video.write(image)
                for name, picture in small.draw(frame):
                    path = folder / name
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(encode_jpeg(picture, config.jpeg_quality))
                if index in chosen:
                    jpeg = encode_jpeg(image, config.jpeg_quality)
                    (folder / f"{index:06d}.jpg").write_bytes(jpeg)
                progress("drawing", index + 1, len(indices))
    except OSError as error:
        raise LabelStoreError(
            f"The pictures in {store.folder} could not be written: {error.strerror or error}. The "
            "labels are complete; free some space and run the same command again."
        ) from error


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder that gets its name when the block ends well, and else disappears."""
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _drawn(
    recording: Recording, store: LabelStore, painter: FramePicture
) -> Iterator[tuple[SensorFrame, Image]]:
    labelled = set(store.indices)
    for frame in read_ahead(_until(recording.frames(0), max(labelled))):
        if frame.index in labelled:
            yield frame, painter.draw(frame, store.read(frame.index))


def _until(frames: Iterator[SensorFrame], last: int) -> Iterator[SensorFrame]:
    for frame in frames:
        yield frame
        if frame.index >= last:
            return


def _spread(indices: tuple[int, ...], count: int) -> list[int]:
    places = np.linspace(0, len(indices) - 1, min(count, len(indices)))
    return [indices[round(place)] for place in places]


def _rate_hz(recording: Recording) -> float:
    """Return the rate at which the video runs as fast as the world did."""
    steps_ns = np.diff(np.asarray(recording.stamps_ns))
    return float(_NS_PER_S / np.median(steps_ns)) if len(steps_ns) else _FALLBACK_RATE_HZ


def report_pictures(folder: Path) -> list[Path]:
    """Return the pictures for the report of a label directory, in order."""
    return sorted((folder / PICTURES_NAME).glob("*.jpg"))
