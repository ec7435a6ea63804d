# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The things that scattered videos show: small pictures with an opacity."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.errors import ConfigError, DataError
from unsup_track_ros.shapes import Float, UInt8

DIGIT_PX: Final = 14
_MNIST_IMAGES: Final = "t10k-images-idx3-ubyte.gz"
_IDX_HEADER: Final = 16
_IDX_IMAGES: Final = 0x0803
_MNIST_PX: Final = 28
SHAPE_PX: Final = 14
SHAPE_PATCH_PX: Final = 21  # holds a shape half as large again
NUM_SHAPES: Final = 5
SHAPE_COLORS: Final = (
    (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0),
    (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0),
)  # fmt: skip


def digit_bank(mnist_folder: Path | None) -> UInt8[np.ndarray, "N 14 14"]:
    """Read handwritten digits, white on black, at 14 x 14 px.

    Args:
        mnist_folder: Folder with MNIST's test images; None takes the digits of scikit-learn.

    Raises:
        DataError: The file is missing or is no file of images.
        ConfigError: scikit-learn is asked for its digits and is not installed.
    """
    if mnist_folder is None:
        return _sklearn_digits()
    path = mnist_folder / _MNIST_IMAGES
    if not path.is_file():
        raise DataError(
            f"There are no MNIST images: {path} does not exist. Put MNIST's file of that name "
            "there, or leave the folder out to use the digits of scikit-learn."
        )
    content = gzip.decompress(path.read_bytes())
    header = np.frombuffer(content[:_IDX_HEADER], ">i4")
    if len(header) < 4 or header[0] != _IDX_IMAGES or tuple(header[2:]) != (_MNIST_PX, _MNIST_PX):
        raise DataError(
            f"{path} is not an idx file of 28 x 28 images; its header says {header.tolist()}."
        )
    images = np.frombuffer(content, np.uint8, offset=_IDX_HEADER)
    images = images.reshape(int(header[1]), DIGIT_PX, 2, DIGIT_PX, 2)
    return np.asarray(np.rint(images.mean(axis=(2, 4))), np.uint8)


def shape_sprites(
    kind: Float[Tensor, " N"], side_px: Float[Tensor, " N"]
) -> Float[Tensor, "N 21 21"]:
    """Draw circles, diamonds, stars, x and plus signs: opacity 0 or 1, centred in their patch.

    Args:
        kind: 0 to 4, the shape.
        side_px: Its side.
    """
    step = torch.arange(SHAPE_PATCH_PX, device=side_px.device) + 0.5 - SHAPE_PATCH_PX / 2
    v, u = torch.meshgrid(step, step, indexing="ij")
    v, u = (axis / (0.5 * side_px[:, None, None]) for axis in (v, u))
    radius, angle = torch.hypot(u, v), torch.atan2(u, -v)
    # A five-pointed star: its edges, seen from the centre, repeat every fifth of a turn.
    fifth = 2 * torch.pi / 5
    bend = torch.remainder(angle + fifth / 2, fifth) - fifth / 2
    star = radius * (torch.cos(bend) + torch.sin(bend.abs()) * 1.5) <= 1.0
    arm = 0.3
    inside = (u.abs() <= 1) & (v.abs() <= 1)
    cross = ((u - v).abs() <= arm * 2**0.5) | ((u + v).abs() <= arm * 2**0.5)
    plus = (u.abs() <= arm) | (v.abs() <= arm)
    drawn = torch.stack([radius <= 1, u.abs() + v.abs() <= 1, star, cross & inside, plus & inside])
    return drawn.gather(0, kind.to(torch.int64)[None, :, None, None].expand(1, *u.shape))[0].float()


def tight_edges_px(opacity: Float[Tensor, "N P P"], min_opacity: float) -> Float[Tensor, "N 4"]:
    """Return top, left, bottom, right of what is visible of each sprite, in its patch."""
    visible = opacity >= min_opacity
    edges = []
    for along in (2, 1):
        line = visible.any(dim=along).to(torch.uint8)
        first = line.argmax(dim=1)
        last = line.shape[1] - line.flip(1).argmax(dim=1)
        edges.append((first, last))
    (top, bottom), (left, right) = edges
    return torch.stack([top, left, bottom, right], dim=1).float()


def _sklearn_digits() -> UInt8[np.ndarray, "N 14 14"]:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ConfigError(
            "Scattered digits without MNIST's images need scikit-learn, which is not installed. "
            "Run `pip install scikit-learn`, or give a folder with MNIST's test images."
        ) from error
    images = load_digits().images / 16.0
    # The 8 x 8 digits fill their image; MNIST's leave a margin of a seventh on each side.
    larger = [cv2.resize(image, (10, 10), interpolation=cv2.INTER_CUBIC) for image in images]
    margin = (DIGIT_PX - 10) // 2
    padded = np.pad(np.stack(larger), ((0, 0), (margin, margin), (margin, margin)))
    return np.asarray(np.rint(padded.clip(0, 1) * 255), np.uint8)
