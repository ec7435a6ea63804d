# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Variations of a labelled image for training the segmentor (SPECS 0.8).

Colour jitter, grey, blur, noise, mirroring and a random zoom that keeps enough of both targets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import Bool, Float32

_TRIES = 10
_RELEASED_PIXELS = 832 * 256
_BLUR_TIMES = 2
_BLUR_SIGMA_PX = (0.1, 2.0)
_NUM_JITTERS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledImage:
    """An image, pixels on objects, pixels off them; the rest is not asked.

    Attributes:
        image_rgb: (H, W, 3) in [0, 1].
        positive: (H, W) on an object.
        negative: (H, W) near one, but not on it.
    """

    image_rgb: Float32[np.ndarray, "H W 3"]
    positive: Bool[np.ndarray, "H W"]
    negative: Bool[np.ndarray, "H W"]


class ImageAugmentationConfig(Config):
    """Variations of images."""

    jitter_probability: float = parameter(0.8, "How often colours change.", ge=0, le=1)
    jitter: float = parameter(
        0.64, "Largest change of brightness, contrast and saturation, as a share.", ge=0, lt=1
    )
    hue_jitter: float = parameter(0.16, "Largest turn of the hue, in turns.", ge=0, le=0.5)
    grey_probability: float = parameter(0.2, "How often colours are taken away.", ge=0, le=1)
    blur_probability: float = parameter(0.5, "How often each of two blurs happens.", ge=0, le=1)
    blur_kernel_px: int = parameter(9, "Side of the blur, odd.", unit="px", ge=1)
    noise_probability: float = parameter(0.5, "How often noise is added.", ge=0, le=1)
    noise: float = parameter(0.05, "Its standard deviation; an image goes from 0 to 1.", ge=0)
    mirror_probability: float = parameter(0.5, "How often left and right are swapped.", ge=0, le=1)
    min_zoom: float = parameter(0.5, "Smallest window, as a share of the image.", gt=0)
    max_zoom: float = parameter(2.0, "Largest window.", gt=0)
    min_target_px: int = parameter(
        128, "A window keeps more pixels of each target (at 832 x 256).", unit="px", ge=0
    )


def varied_image(
    labelled: LabelledImage, config: ImageAugmentationConfig, rng: np.random.Generator
) -> LabelledImage:
    """Return a variation of an image and its targets."""
    image = labelled.image_rgb
    if rng.random() < config.jitter_probability:
        image = _jittered(image, config, rng)
    if rng.random() < config.grey_probability:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    for _ in range(_BLUR_TIMES):
        if rng.random() < config.blur_probability:
            side = config.blur_kernel_px
            image = cv2.GaussianBlur(image, (side, side), rng.uniform(*_BLUR_SIGMA_PX))
    if rng.random() < config.noise_probability:
        noise = rng.standard_normal(image.shape, np.float32)
        image = image + np.float32(config.noise) * noise
    varied = replace(labelled, image_rgb=np.clip(image, 0, 1).astype(np.float32))
    if rng.random() < config.mirror_probability:
        varied = LabelledImage(
            image_rgb=np.ascontiguousarray(varied.image_rgb[:, ::-1]),
            positive=np.ascontiguousarray(varied.positive[:, ::-1]),
            negative=np.ascontiguousarray(varied.negative[:, ::-1]),
        )
    return _zoomed(varied, config, rng)


def _jittered(
    image: Float32[np.ndarray, "H W 3"], config: ImageAugmentationConfig, rng: np.random.Generator
) -> Float32[np.ndarray, "H W 3"]:
    """Change brightness, contrast, saturation and hue, in an order that is drawn."""
    factors = rng.uniform(1 - config.jitter, 1 + config.jitter, 3).astype(np.float32)
    turn_deg = np.float32(360 * rng.uniform(-config.hue_jitter, config.hue_jitter))
    for kind in rng.permutation(_NUM_JITTERS):
        if kind == 0:
            image = image * factors[0]
        elif kind == 1:
            image = (image - image.mean()) * factors[1] + image.mean()
        else:
            colours = cv2.cvtColor(np.clip(image, 0, 1), cv2.COLOR_RGB2HSV)
            if kind == 2:
                colours[..., 1] = np.minimum(colours[..., 1] * factors[2], 1)
            else:
                colours[..., 0] = (colours[..., 0] + turn_deg) % 360
            image = cv2.cvtColor(colours, cv2.COLOR_HSV2RGB)
        image = np.clip(image, 0, 1).astype(np.float32)
    return image


def _zoomed(
    labelled: LabelledImage, config: ImageAugmentationConfig, rng: np.random.Generator
) -> LabelledImage:
    """Cut a window out, centred in the middle half, and resize it back; 0 beyond the image."""
    height, width = labelled.positive.shape
    least = config.min_target_px * height * width / _RELEASED_PIXELS
    for _ in range(_TRIES):
        zoom = rng.uniform(config.min_zoom, config.max_zoom)
        x, y = rng.uniform(0.25, 0.75, 2) * (width, height)
        # Moves pixels of the window to those of the result.
        scale = 1 / zoom
        move = np.array([[scale, 0, width / 2 - scale * x], [0, scale, height / 2 - scale * y]])
        positive = _warped(labelled.positive, move)
        negative = _warped(labelled.negative, move)
        if positive.sum() > least and negative.sum() > least:
            image = cv2.warpAffine(
                labelled.image_rgb, move, (width, height), flags=cv2.INTER_LINEAR
            )
            return LabelledImage(image_rgb=image, positive=positive, negative=negative)
    return labelled


def _warped(mask: Bool[np.ndarray, "H W"], move: np.ndarray) -> Bool[np.ndarray, "H W"]:
    height, width = mask.shape
    moved = cv2.warpAffine(mask.astype(np.uint8), move, (width, height), flags=cv2.INTER_NEAREST)
    return np.asarray(moved, bool)
