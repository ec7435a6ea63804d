# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Image and CompressedImage to RGB, without cv_bridge."""

from __future__ import annotations

import cv2
import numpy as np

from unsup_track_ros.data.message_types import RosMessage
from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Shaped, UInt8

# Encoding -> channels and OpenCV conversion to RGB. OpenCV names a Bayer pattern by the second and
# third pixel of the second row, ROS by the first two of the first: rggb is OpenCV's "BG".
_CONVERSIONS: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, None),
    "8UC3": (3, cv2.COLOR_BGR2RGB),  # no colour order is stated; OpenCV's own is BGR
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "8UC4": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
    "8UC1": (1, cv2.COLOR_GRAY2RGB),
    "bayer_rggb8": (1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": (1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": (1, cv2.COLOR_BayerGB2RGB),
}
# Sixteen bits hold 8-bit colour in their upper byte, as the drivers scale them.
_WIDE = {
    "mono16": "mono8",
    "bayer_rggb16": "bayer_rggb8",
    "bayer_bggr16": "bayer_bggr8",
    "bayer_gbrg16": "bayer_gbrg8",
    "bayer_grbg16": "bayer_grbg8",
}
SUPPORTED_ENCODINGS = (*_CONVERSIONS, *_WIDE)


def decode_image(message: RosMessage) -> UInt8[np.ndarray, "H W 3"]:
    """Decode a sensor_msgs/Image to RGB; rgb8 is a read-only view, everything else one conversion.

    Raises:
        DataError: The encoding is not supported, or the data is shorter than its size says.
    """
    encoding = str(message.encoding)
    base = _WIDE.get(encoding, encoding)
    if base not in _CONVERSIONS:
        raise DataError(
            f"The image of frame '{message.header.frame_id}' has encoding '{encoding}'; supported "
            f"are {', '.join(SUPPORTED_ENCODINGS)}."
        )
    channels, conversion = _CONVERSIONS[base]
    pixels = _pixels(message, channels, is_wide=encoding in _WIDE)
    if conversion is None:
        return pixels
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), conversion), np.uint8)


def decode_compressed_image(message: RosMessage) -> UInt8[np.ndarray, "H W 3"]:
    """Decode a sensor_msgs/CompressedImage (JPEG or PNG) to RGB.

    Raises:
        DataError: The bytes are no such image.
    """
    data = np.frombuffer(message.data, np.uint8)
    image_bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image_bgr is None:
        raise DataError(
            f"The compressed image of frame '{message.header.frame_id}' (format "
            f"'{message.format}', {len(data)} bytes) cannot be decoded; JPEG and PNG are supported."
        )
    return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _pixels(message: RosMessage, channels: int, *, is_wide: bool) -> Shaped[np.ndarray, "H W ..."]:
    """Return the 8-bit pixels as a view that steps over the padding of the rows."""
    height, width = int(message.height), int(message.width)
    bytes_per_sample = 2 if is_wide else 1
    row_bytes = width * channels * bytes_per_sample
    step = int(message.step) or row_bytes
    data = np.frombuffer(message.data, np.uint8)
    needed = step * (height - 1) + row_bytes
    if height <= 0 or width <= 0 or step < row_bytes or len(data) < needed:
        raise DataError(
            f"The image of frame '{message.header.frame_id}' contradicts itself: {width} x "
            f"{height} '{message.encoding}' in rows of {step} bytes needs {needed} bytes, "
            f"got {len(data)}."
        )
    upper = 1 if is_wide and not message.is_bigendian else 0
    shape = (height, width, channels) if channels > 1 else (height, width)
    strides = (step, channels * bytes_per_sample, 1)[: len(shape)]
    return np.ndarray(shape, np.uint8, data, upper, strides)
