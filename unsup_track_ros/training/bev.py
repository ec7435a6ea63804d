# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of the bird's-eye-view network on labels of moving objects (SPECS 0.9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.bev_centernet import BevCenternet, BevCenternetConfig
from unsup_track_ros.networks.bev_input import bev_images
from unsup_track_ros.shapes import Bool, Float
from unsup_track_ros.training.bev_augmentation import (
    BevAugmentationConfig,
    LabelledScan,
    labelled_scan,
    varied,
)
from unsup_track_ros.training.bev_losses import bev_losses
from unsup_track_ros.training.bev_targets import (
    BevLabels,
    ScanBatch,
    SegmentTargets,
    background_cells,
    centre_targets,
    inside_grid,
    output_grid,
    segment_targets,
)
from unsup_track_ros.training.drawing import DrawnSteps, Remembered
from unsup_track_ros.training.network_learner import (
    NetworkLearner,
    OptimizerConfig,
    chances,
    own_share,
)
from unsup_track_ros.training.training_labels import ObjectLabels, TrainingSet

_TRIES = 5  # to keep a label in the grid


class BevTrainingConfig(Config):
    """Training of the bird's-eye-view network."""

    optimizer: OptimizerConfig = OptimizerConfig()
    augmentation: BevAugmentationConfig = BevAugmentationConfig.improved()
    background: bool = parameter(
        True, "Mode `improved`: cells around which nothing stands are negatives."
    )
    background_low_m: float = parameter(
        0.3, "Lower end of the heights at which something stands.", unit="m", ge=0
    )
    background_high_m: float = parameter(2.5, "Upper end of them.", unit="m", gt=0)
    background_margin_m: float = parameter(
        1.0, "How far around a negative cell nothing may stand.", unit="m", ge=0
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BevBatch:
    """Scans as the network trains on them; shapes as in `bev_targets`."""

    images: Float[Tensor, "B C Y X"]
    labels: BevLabels
    background: Bool[Tensor, "B y x"]
    segments: SegmentTargets


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnScan:
    """One scan that a step learns from, before the network's device sees it.

    Attributes:
        scan: The varied scan; its labels are those that count.
        seed: Of the chance that is left for the targets.
    """

    scan: LabelledScan
    seed: int


class BevDrawer:
    """Draws and varies scans; as `training.drawing` wants it."""

    def __init__(
        self, network: BevCenternetConfig, config: BevTrainingConfig, frames: TrainingSet
    ) -> None:
        self._network = network
        self._config = config
        self._num_frames = len(frames)
        self._scans = Remembered(partial(_scan_of, frames))
        self._samples = own_share(config.optimizer)

    def __call__(self, step: int) -> list[DrawnScan]:
        """Draw the scans of a step."""
        return [self._draw(rng) for rng in chances(self._config.optimizer, step, self._samples)]

    def _draw(self, rng: np.random.Generator) -> DrawnScan:
        scan = self._scans(int(rng.integers(self._num_frames)))
        augmentation = self._config.augmentation
        donor = None
        if augmentation.max_pasted:
            donor = self._scans(int(rng.integers(self._num_frames)))
        for _ in range(_TRIES):
            variation = varied(scan, augmentation, rng, donor, self._network.grid.grid())
            if self._has_label(variation.labels):
                return drawn_scan(variation, rng)
        return drawn_scan(scan, rng)

    def _has_label(self, labels: ObjectLabels) -> bool:
        padded_labels = padded([labels], self._network, torch.device("cpu"))
        return bool((padded_labels.weights > 0).any())


def _scan_of(frames: TrainingSet, row: int) -> LabelledScan:
    return labelled_scan(*frames.read(row))


def drawn_scan(scan: LabelledScan, rng: np.random.Generator) -> DrawnScan:
    """Return a labelled scan ready for the network's device: doubtless bad labels are no labels."""
    counts = scan.labels.weights > 0
    number = np.append(np.where(counts, np.cumsum(counts) - 1, -1), -1)  # the last is for "none"
    sure = replace(scan, labels=scan.labels.chosen(counts), owner=number[scan.owner])
    return DrawnScan(scan=sure, seed=int(rng.integers(2**63)))


class BevLearner(NetworkLearner):
    """Trains the bird's-eye-view network.

    Args:
        network: Parameters of the network.
        config: Parameters of the training.
        frames: What to learn from.
        device: Where the network is trained.
        num_workers: Processes that draw and vary scans; the result does not depend on them.
    """

    def __init__(
        self,
        network: BevCenternetConfig,
        config: BevTrainingConfig,
        frames: TrainingSet,
        device: torch.device,
        num_workers: int = 0,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.optimizer.seed)
            built = BevCenternet(network)
        super().__init__(built, config.optimizer, device)
        self._network_config = network
        self._training = config
        drawer = BevDrawer(network, config, frames)
        self._scans = DrawnSteps(drawer, config.optimizer.num_steps, num_workers)

    def losses(self, rngs: list[np.random.Generator]) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the terms of the loss of one batch, drawn with equal chance beside this."""
        return self.losses_of(self.batch_of(self._scans.of(self.num_steps_done)))

    def losses_of(self, batch: BevBatch) -> dict[str, Tensor]:
        """Return the terms of the loss of a batch."""
        network = self._network_config
        output = self.network(batch.images)
        centres = centre_targets(batch.labels, network, batch.background)
        segments = (batch.segments.positive, batch.segments.negative)
        return bev_losses(output, batch.labels, centres, segments, network)

    def batch_of(self, drawn: list[DrawnScan]) -> BevBatch:
        """Return the input and the targets of drawn scans."""
        network, grid = self._network_config, self._network_config.grid.grid()
        scans = [one.scan for one in drawn]
        whole = self._whole(scans)
        seen = whole.of(self._joined([_seen(scan) for scan in scans]))
        intensity = None
        if all(scan.intensity is not None for scan in scans):
            intensity = self._joined([scan.intensity for scan in scans])
        images = bev_images(
            whole.points_bev,
            intensity,
            (seen, len(scans)),
            grid,
            with_features=network.mode == "improved",
        )
        on_object = self._joined([scan.owner >= 0 for scan in scans])
        generators = [torch.Generator(self.device).manual_seed(one.seed) for one in drawn]
        return BevBatch(
            images=images,
            labels=padded([scan.labels for scan in scans], network, self.device),
            background=self._background(replace(whole, sample=seen), scans),
            segments=segment_targets(whole, on_object, network, generators),
        )

    def _whole(self, scans: list[LabelledScan]) -> ScanBatch:
        num_points = [len(scan.points_bev) for scan in scans]
        return ScanBatch(
            points_bev=self._joined([scan.points_bev for scan in scans]),
            sample=self._joined([np.repeat(np.arange(len(scans)), num_points)]),
            num_samples=len(scans),
        )

    def _background(self, seen: ScanBatch, scans: list[LabelledScan]) -> Bool[Tensor, "B y x"]:
        network, training = self._network_config, self._training
        if network.mode == "improved" and training.background:
            heights = self._joined([scan.heights_m for scan in scans])
            band_m = (training.background_low_m, training.background_high_m)
            return background_cells(seen, heights, network, band_m, training.background_margin_m)
        _, num_y, num_x = output_grid(network).shape_zyx
        return torch.zeros(len(scans), num_y, num_x, dtype=torch.bool, device=self.device)

    def _joined(self, arrays: Sequence[Any]) -> Tensor:
        """Return arrays of several scans as one, on the network's device."""
        return torch.from_numpy(np.concatenate(arrays)).to(self.device)


def _seen(scan: LabelledScan) -> Bool[np.ndarray, " P"]:
    return np.ones(len(scan.points_bev), bool) if scan.seen is None else scan.seen


def padded(
    labels: list[ObjectLabels], network: BevCenternetConfig, device: torch.device
) -> BevLabels:
    """Stack labels of several scans; what lies outside the grid gets weight 0."""
    slots = max(1, *(len(one) for one in labels)) if len(labels) > 1 else max(1, len(labels[0]))
    boxes = np.zeros((len(labels), slots, 7), np.float32)
    weights = np.zeros((len(labels), slots), np.float32)
    heading = np.zeros((len(labels), slots), bool)
    velocities = np.full((len(labels), slots, 2), np.nan, np.float32)
    for row, one in enumerate(labels):
        boxes[row, : len(one)] = one.boxes_bev
        weights[row, : len(one)] = one.weights
        heading[row, : len(one)] = one.heading_known
        velocities[row, : len(one)] = one.velocities_bev
    boxes_bev = torch.from_numpy(boxes)
    weight = torch.from_numpy(weights) * inside_grid(boxes_bev, network)
    return BevLabels(
        boxes_bev=boxes_bev.to(device),
        weights=weight.to(device),
        heading_known=torch.from_numpy(heading).to(device),
        velocities_bev=torch.from_numpy(velocities).to(device),
    )
