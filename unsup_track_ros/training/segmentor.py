# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of the image segmentor on the hulls of labelled objects (SPECS 0.8)."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.networks.image_segmentor import ImageSegmentor, ImageSegmentorConfig
from unsup_track_ros.shapes import Bool, UInt8
from unsup_track_ros.training.bev_losses import balanced_bce
from unsup_track_ros.training.drawing import DrawnSteps, Remembered
from unsup_track_ros.training.image_augmentation import (
    ImageAugmentationConfig,
    LabelledImage,
    varied_image,
)
from unsup_track_ros.training.network_learner import (
    NetworkLearner,
    OptimizerConfig,
    chances,
    own_share,
)
from unsup_track_ros.training.scan_cache import CachedScan
from unsup_track_ros.training.training_labels import ObjectLabels, TrainingSet

_RELEASED_WIDTH_PX = 832
_RING_PX = (24, 48)  # at the released width
_MIN_POINTS = 4  # fewer give no hull
_TRIES = 20  # to draw a frame that shows an object


class SegmentorTrainingConfig(Config):
    """Training of the image segmentor."""

    optimizer: OptimizerConfig = OptimizerConfig()
    augmentation: ImageAugmentationConfig = ImageAugmentationConfig()
    quirk_one_image: bool = parameter(
        True, "A batch is one image in several variations, as released; else several images."
    )


def labelled_image(scan: CachedScan, labels: ObjectLabels) -> LabelledImage | None:
    """Return the image of a frame with its targets, None where it shows no labelled object.

    Positive: the convex hulls of the points on each object. Negative: the ring 24 to 48 px around
    (at 832 px width; the ring shrinks with the image). Divergence: the released code takes the hull
    of the object's voxel centres, which is up to a voxel wider.
    """
    if scan.image_rgb is None or scan.camera is None or scan.cam_T_velo is None:
        return None
    sure = labels.chosen(labels.weights > 0)
    positive = object_hulls(scan, sure)
    if not positive.any():
        return None
    scale = scan.camera.width_px / _RELEASED_WIDTH_PX
    inner, outer = (_dilated(positive, max(1, round(side * scale))) for side in _RING_PX)
    return LabelledImage(
        image_rgb=scan.image_rgb.astype(np.float32) / np.float32(255),
        positive=positive,
        negative=outer & ~inner,
    )


def object_hulls(scan: CachedScan, labels: ObjectLabels) -> Bool[np.ndarray, "H W"]:
    """Return the pixels in the convex hull of the points on any labelled object."""
    assert scan.camera is not None
    assert scan.cam_T_velo is not None
    owner = box_of_points(scan.points_bev, labels.boxes_bev)
    member = np.flatnonzero(owner >= 0)
    points_velo = se3.transform(se3.inverse(scan.bev_T_velo), scan.points_bev[member])
    seen, _, points_pix = camera.seen_points(points_velo, scan.cam_T_velo, scan.camera)
    group = owner[member[seen]]
    mask = np.zeros((scan.camera.height_px, scan.camera.width_px), np.uint8)
    for number in np.unique(group):  # OpenCV fills one hull at a time
        pixels = np.rint(points_pix[group == number]).astype(np.int32)
        if len(pixels) >= _MIN_POINTS:
            cv2.fillConvexPoly(mask, cv2.convexHull(pixels), 1)
    return mask.astype(bool)


def _dilated(mask: Bool[np.ndarray, "H W"], steps_px: int) -> Bool[np.ndarray, "H W"]:
    square = np.ones((2 * steps_px + 1, 2 * steps_px + 1), np.uint8)
    grown: UInt8[np.ndarray, "H W"] = cv2.dilate(mask.astype(np.uint8), square)
    return grown.astype(bool)


class ImageDrawer:
    """Draws and varies images; as `training.drawing` wants it."""

    def __init__(
        self, side_px: tuple[int, int], config: SegmentorTrainingConfig, frames: TrainingSet
    ) -> None:
        self._side_px = side_px
        self._config = config
        self._num_frames = len(frames)
        self._images = Remembered(partial(_image_of, frames))
        self._samples = own_share(config.optimizer)

    def __call__(self, step: int) -> list[LabelledImage]:
        """Draw the images of a step."""
        optimizer = self._config.optimizer
        original = None
        if self._config.quirk_one_image:
            original = self._drawn(np.random.default_rng((optimizer.seed, step)))
        return [
            varied_image(original or self._drawn(rng), self._config.augmentation, rng)
            for rng in chances(optimizer, step, self._samples)
        ]

    def _drawn(self, rng: np.random.Generator) -> LabelledImage:
        """Draw an image that shows a labelled object; after many tries an image without targets."""
        for _ in range(_TRIES):
            if (found := self._images(int(rng.integers(self._num_frames)))) is not None:
                return found
        width_px, height_px = self._side_px
        nothing = np.zeros((height_px, width_px), bool)
        return LabelledImage(
            image_rgb=np.zeros((height_px, width_px, 3), np.float32),
            positive=nothing,
            negative=nothing,
        )


def _image_of(frames: TrainingSet, row: int) -> LabelledImage | None:
    return labelled_image(*frames.read(row))


class SegmentorLearner(NetworkLearner):
    """Trains the image segmentor; arguments as of `bev.BevLearner`."""

    def __init__(
        self,
        network: ImageSegmentorConfig,
        config: SegmentorTrainingConfig,
        frames: TrainingSet,
        device: torch.device,
        num_workers: int = 0,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.optimizer.seed)
            built = ImageSegmentor(network)
        super().__init__(built, config.optimizer, device)
        drawer = ImageDrawer((network.width_px, network.height_px), config, frames)
        self._images = DrawnSteps(drawer, config.optimizer.num_steps, num_workers)

    def losses(self, rngs: list[np.random.Generator]) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the loss of one batch, drawn with equal chance beside this."""
        return self.losses_of(self._images.of(self.num_steps_done))

    def losses_of(self, samples: list[LabelledImage]) -> dict[str, Tensor]:
        """Return the loss of given images."""
        images = np.stack([sample.image_rgb for sample in samples]).transpose(0, 3, 1, 2)
        logits = self.network(torch.from_numpy(np.ascontiguousarray(images)).to(self.device))
        positive, negative = (
            torch.from_numpy(np.stack(masks)).to(self.device)
            for masks in (
                [sample.positive for sample in samples],
                [sample.negative for sample in samples],
            )
        )
        return {"segmentation": balanced_bce(logits, positive, negative)}
