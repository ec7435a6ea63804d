# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images of every encoding."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from unit.data.bags import START_NS, image_message

from unsup_track_ros.data.image_decoding import decode_compressed_image, decode_image
from unsup_track_ros.data.message_encoding import encode_image, header
from unsup_track_ros.data.message_types import COMPRESSED_IMAGE, RosMessage, ros2_classes
from unsup_track_ros.errors import DataError

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
COLOUR = np.array([200, 100, 50], np.uint8)


def test_encoding_and_decoding_are_inverse() -> None:
    np.testing.assert_array_equal(decode_image(encode_image(RGB, START_NS, "cam")), RGB)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("8UC3", RGB[..., ::-1]),
        ("rgba8", np.dstack([RGB, np.full((4, 6), 7, np.uint8)])),
        ("bgra8", np.dstack([RGB[..., ::-1], np.full((4, 6), 7, np.uint8)])),
    ],
)
def test_colour_is_decoded_with_and_without_padded_rows(
    encoding: str, pixels: np.ndarray, padding: int
) -> None:
    np.testing.assert_array_equal(
        decode_image(image_message(pixels, encoding, padding=padding)), RGB
    )


def test_tight_rgb_is_not_copied() -> None:
    message = image_message(RGB, "rgb8")
    assert np.shares_memory(decode_image(message), message.data)


def test_grey_becomes_three_equal_channels() -> None:
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    for padding in (0, 3):
        decoded = decode_image(image_message(grey, "mono8", padding=padding))
        np.testing.assert_array_equal(decoded, np.dstack([grey] * 3))


def test_sixteen_bits_keep_their_upper_byte() -> None:
    wide = np.array([[0x0000, 0x12FF], [0x7F00, 0xFFFF]], np.uint16)
    message = image_message(wide, "mono16")
    np.testing.assert_array_equal(decode_image(message)[..., 0], [[0, 0x12], [0x7F, 0xFF]])
    swapped = image_message(wide.byteswap(), "mono16")
    swapped.is_bigendian = 1
    np.testing.assert_array_equal(decode_image(swapped), decode_image(message))


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_every_bayer_pattern_gives_back_a_uniform_colour(pattern: str) -> None:
    tile = np.array(["rgb".index(letter) for letter in pattern]).reshape(2, 2)
    mosaic = COLOUR[np.tile(tile, (4, 5))]
    decoded = decode_image(image_message(mosaic, f"bayer_{pattern}8"))
    np.testing.assert_array_equal(decoded, np.broadcast_to(COLOUR, (8, 10, 3)))


def test_an_unsupported_encoding_is_answered_with_those_supported() -> None:
    with pytest.raises(DataError, match=r"encoding '32FC1'; supported are rgb8, .*bayer_grbg16"):
        decode_image(image_message(np.zeros((2, 2), np.float32), "32FC1"))


def test_data_shorter_than_its_size_is_refused() -> None:
    message = image_message(RGB, "rgb8")
    message.data = message.data[:-1]
    with pytest.raises(DataError, match="needs 72 bytes, got 71"):
        decode_image(message)


def test_an_image_without_pixels_is_refused() -> None:
    message = image_message(RGB, "rgb8")
    message.height = 0
    with pytest.raises(DataError, match="contradicts itself"):
        decode_image(message)


def compressed(data: np.ndarray, kind: str) -> RosMessage:
    return ros2_classes()[COMPRESSED_IMAGE](header=header(1, "cam"), format=kind, data=data)


def test_png_is_decoded_exactly() -> None:
    _, data = cv2.imencode(".png", RGB[..., ::-1])
    np.testing.assert_array_equal(decode_compressed_image(compressed(data, "png")), RGB)


def test_jpeg_is_decoded_in_the_right_channel_order() -> None:
    image = np.broadcast_to(COLOUR, (16, 16, 3))
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]))
    decoded = decode_compressed_image(compressed(data, "rgb8; jpeg compressed bgr8"))
    np.testing.assert_allclose(decoded.astype(float), image, atol=4)


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_bytes_that_are_no_picture_are_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="JPEG and PNG"):
        decode_compressed_image(compressed(np.frombuffer(data, np.uint8), "jpeg"))
