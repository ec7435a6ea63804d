# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Video of pictures: an mp4 where OpenCV has a codec, else a folder of JPEG pictures.

Nothing half-written is ever left under the final name: everything goes to a temporary name first.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Final

import cv2
import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.visualization.drawing import Image

PARTIAL_SUFFIX: Final = ".partial"
_CODEC: Final = "mp4v"  # MPEG-4 part 2: in every build of OpenCV with a video backend, free to use
_SERIES_QUALITY: Final = 92


def encode_jpeg(image: Image, quality: int) -> bytes:
    """Return an RGB image as JPEG."""
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise DataError(f"OpenCV could not encode a picture of shape {image.shape} as JPEG.")
    return bytes(data)


def encode_png(image: Image) -> bytes:
    """Return an RGB image as PNG, which loses nothing."""
    done, data = cv2.imencode(".png", image[..., ::-1])
    if not done:
        raise DataError(f"OpenCV could not encode a picture of shape {image.shape} as PNG.")
    return bytes(data)


class VideoWriter:
    """Writes pictures of one size; the video is there when the `with` block has ended well."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        """Prepare a video.

        Args:
            path: Where the mp4 goes; a series of pictures goes to a folder without the suffix.
            rate_hz: Pictures per second when played.
        """
        self._path = path
        self._partial = path.with_name(path.stem + PARTIAL_SUFFIX + path.suffix)
        self._rate_hz = rate_hz
        self._video: cv2.VideoWriter | None = None
        self._num_written = 0

    def __enter__(self) -> VideoWriter:
        self._discard()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._video is not None:
            self._video.release()
        if kind is None:
            self._publish()
        else:
            self._discard()

    def write(self, image: Image) -> None:
        """Append one RGB picture."""
        if self._num_written == 0:
            self._open(image)
        if self._video is not None:
            self._video.write(np.ascontiguousarray(image[..., ::-1]))
        else:
            name = f"{self._num_written:06d}.jpg"
            (self._series_partial / name).write_bytes(encode_jpeg(image, _SERIES_QUALITY))
        self._num_written += 1

    @property
    def _series(self) -> Path:
        return self._path.with_suffix("")

    @property
    def _series_partial(self) -> Path:
        return self._path.with_suffix(PARTIAL_SUFFIX)

    def _open(self, image: Image) -> None:
        height, width = image.shape[:2]
        code = cv2.VideoWriter.fourcc(*_CODEC)
        video = cv2.VideoWriter(str(self._partial), code, self._rate_hz, (width, height))
        if video.isOpened():
            self._video = video
        else:
            self._partial.unlink(missing_ok=True)
            self._series_partial.mkdir()

    def _publish(self) -> None:
        if self._video is not None:
            if self._num_readable() != self._num_written:
                self._discard()
                raise DataError(
                    f"The video {self._path} could not be written. The disk may be full: free some "
                    "space and run the same command again."
                )
            self._partial.replace(self._path)
        elif self._num_written:
            shutil.rmtree(self._series, ignore_errors=True)
            self._series_partial.rename(self._series)

    def _num_readable(self) -> int:
        """Count the pictures in the file: OpenCV does not tell when a write has failed."""
        reader = cv2.VideoCapture(str(self._partial))
        number = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
        reader.release()
        return number

    def _discard(self) -> None:
        self._partial.unlink(missing_ok=True)
        shutil.rmtree(self._series_partial, ignore_errors=True)
