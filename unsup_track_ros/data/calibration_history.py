# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The calibration of a camera over time, from recordings and live alike."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable

from unsup_track_ros.data.camera_rectification import CameraModel, decode_camera_info
from unsup_track_ros.data.message_types import RosMessage
from unsup_track_ros.errors import DataError


class CalibrationHistory:
    """Calibrations of one camera over time; usually one for the whole stream."""

    def __init__(self, *, is_rectified: bool) -> None:
        self._is_rectified = is_rectified
        self._stamps_ns: list[int] = []
        self._messages: list[RosMessage] = []
        self._models: dict[tuple[int, tuple[int, int]], CameraModel] = {}
        self._newest: Hashable = None

    def __len__(self) -> int:
        """Return the number of different calibrations so far."""
        return len(self._messages)

    def add(self, content: Hashable, stamp_ns: int, decode: Callable[[], RosMessage]) -> None:
        """Take one camera_info message in; repetitions are not even decoded.

        Args:
            content: All of the message but its stamp: equal for equal calibrations.
            stamp_ns: Its header stamp.
            decode: Returns the message.
        """
        if content != self._newest:
            self._newest = content
            self._stamps_ns.append(stamp_ns)
            self._messages.append(decode())

    def model_at(self, stamp_ns: int, image_size: tuple[int, int]) -> CameraModel:
        """Return the calibration valid at a stamp: the latest before it, else the first.

        Args:
            stamp_ns: Stamp of the image.
            image_size: Its width and height.

        Raises:
            DataError: No calibration has come, or the camera is not calibrated.
        """
        if not self._messages:
            raise DataError(
                "No camera_info has come, so the image cannot be placed; publish it beside the "
                "image or name its topic in `camera_infos`."
            )
        index = max(bisect_right(self._stamps_ns, stamp_ns) - 1, 0)
        if (index, image_size) not in self._models:
            self._models[index, image_size] = decode_camera_info(
                self._messages[index], image_size, is_rectified=self._is_rectified
            )
        return self._models[index, image_size]
