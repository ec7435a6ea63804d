# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training of the bird's-eye-view network on labels of moving objects (SPECS 0.9)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.box_iou import box_of_points
from unsup_track_ros.networks.bev_centernet import BevCenternet, BevCenternetConfig
from unsup_track_ros.networks.bev_input import bev_image
from unsup_track_ros.shapes import Bool, Float
from unsup_track_ros.training.bev_augmentation import BevAugmentationConfig, LabelledScan, varied
from unsup_track_ros.training.bev_losses import bev_losses
from unsup_track_ros.training.bev_targets import (
    BevLabels,
    background_cells,
    centre_targets,
    inside_grid,
    segment_targets,
)
from unsup_track_ros.training.drawing import DrawnSteps
from unsup_track_ros.training.network_learner import (
    NetworkLearner,
    OptimizerConfig,
    chances,
    own_share,
)
from unsup_track_ros.training.scan_cache import CachedScan
from unsup_track_ros.training.training_labels import ObjectLabels, TrainingSet

_TRIES = 5  # to keep a label in the grid
_ON_OBJECT_MARGIN_M = 0.05


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
class BevSample:
    """One scan as the network trains on it; shapes as in `bev_targets`, without B."""

    image: Float[Tensor, "C Y X"]
    labels: ObjectLabels
    background: Bool[Tensor, "y x"]
    positive: Bool[Tensor, "S y x"]
    negative: Bool[Tensor, "S y x"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnScan:
    """One scan that a step learns from, before the network's device sees it.

    Attributes:
        scan: The varied scan; its labels are those that count.
        on_object: (Q,) which points of the whole scan lie on a label.
        seed: Of the chance that is left for the targets.
    """

    scan: LabelledScan
    on_object: Bool[np.ndarray, " Q"]
    seed: int


class BevDrawer:
    """Draws and varies scans; as `training.drawing` wants it."""

    def __init__(
        self, network: BevCenternetConfig, config: BevTrainingConfig, frames: TrainingSet
    ) -> None:
        self._network = network
        self._config = config
        self._frames = frames
        self._samples = own_share(config.optimizer)

    def __call__(self, step: int) -> list[DrawnScan]:
        """Draw the scans of a step."""
        return [self._draw(rng) for rng in chances(self._config.optimizer, step, self._samples)]

    def _draw(self, rng: np.random.Generator) -> DrawnScan:
        scan = labelled_scan(*self._frames.read(int(rng.integers(len(self._frames)))))
        augmentation = self._config.augmentation
        donor = None
        if augmentation.max_pasted:
            donor = labelled_scan(*self._frames.read(int(rng.integers(len(self._frames)))))
        for _ in range(_TRIES):
            variation = varied(scan, augmentation, rng, donor, self._network.grid.grid())
            if self._has_label(variation.labels):
                return drawn_scan(variation, rng)
        return drawn_scan(scan, rng)

    def _has_label(self, labels: ObjectLabels) -> bool:
        padded_labels = padded([labels], self._network, torch.device("cpu"))
        return bool((padded_labels.weights > 0).any())


def drawn_scan(scan: LabelledScan, rng: np.random.Generator) -> DrawnScan:
    """Return a labelled scan ready for the network's device."""
    sure = scan.labels.chosen(scan.labels.weights > 0)
    owner = box_of_points(scan.whole_points_bev, sure.boxes_bev, _ON_OBJECT_MARGIN_M)
    return DrawnScan(
        scan=replace(scan, labels=sure), on_object=owner >= 0, seed=int(rng.integers(2**63))
    )


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
        return self.losses_of(
            [self.sample_of(scan) for scan in self._scans.of(self.num_steps_done)]
        )

    def losses_of(self, samples: list[BevSample]) -> dict[str, Tensor]:
        """Return the terms of the loss of given samples."""
        network = self._network_config
        output = self.network(torch.stack([sample.image for sample in samples]))
        labels = padded([sample.labels for sample in samples], network, self.device)
        background = torch.stack([sample.background for sample in samples])
        segments = (
            torch.stack([sample.positive for sample in samples]),
            torch.stack([sample.negative for sample in samples]),
        )
        centres = centre_targets(labels, network, background)
        return bev_losses(output, labels, centres, segments, network)

    def sample_of(self, drawn: DrawnScan) -> BevSample:
        """Return the input and the targets of one drawn scan."""
        network, training, scan = self._network_config, self._training, drawn.scan
        points = torch.from_numpy(scan.points_bev).to(self.device)
        intensity = None
        if scan.intensity is not None:
            intensity = torch.from_numpy(scan.intensity).to(self.device)
        image = bev_image(
            points, intensity, network.grid.grid(), with_features=network.mode == "improved"
        )
        whole = torch.from_numpy(scan.whole_points_bev).to(self.device)
        rows = torch.from_numpy(drawn.on_object).to(self.device)
        generator = torch.Generator().manual_seed(drawn.seed)
        segments = segment_targets(whole, rows, network, generator)
        background = torch.zeros_like(segments.positive[0])
        if network.mode == "improved" and training.background:
            heights = torch.from_numpy(scan.heights_m).to(self.device)
            band_m = (training.background_low_m, training.background_high_m)
            background = background_cells(
                points, heights, network, band_m, training.background_margin_m
            )
        return BevSample(
            image=image,
            labels=scan.labels,
            background=background,
            positive=segments.positive,
            negative=segments.negative,
        )


def labelled_scan(scan: CachedScan, labels: ObjectLabels) -> LabelledScan:
    """Join a cached scan with its labels."""
    return LabelledScan(
        points_bev=scan.points_bev,
        heights_m=scan.heights_m,
        intensity=scan.intensity,
        labels=labels,
        whole_points_bev=scan.points_bev,
    )


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
