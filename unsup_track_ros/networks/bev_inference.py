# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A trained bird's-eye-view network at work: scan in, boxes and segmentation out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.geometry import se3
from unsup_track_ros.networks.bev_centernet import BevCenternet, BevCenternetConfig
from unsup_track_ros.networks.bev_decoding import BevBoxes, BevDecodingConfig, decode, fuse
from unsup_track_ros.networks.bev_input import bev_image
from unsup_track_ros.networks.checkpoint import load_weights, read_checkpoint
from unsup_track_ros.networks.image_segmentor import ImageSegmentor, ImageSegmentorConfig
from unsup_track_ros.shapes import Bool, Float, Float32, Int64
from unsup_track_ros.structures.voxels import VoxelGrid

NETWORK_KEY = "network"  # of a checkpoint's metadata: the network's parameters as JSON
KIND_KEY = "kind"  # which network it is
BEV_KIND, SEGMENTOR_KIND = "bev", "segmentor"
_FUSION_IOU = 0.4
# Views of a scan that are fused: mirrored or not, scale. The first is the scan as it is.
_VIEWS = ((False, 1.0), (True, 1.0), (False, 0.93), (True, 1.07))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BevPrediction:
    """What the network says of a scan.

    Attributes:
        boxes: Boxes, best first.
        segmentation: (S, y, x) probability of an object per output voxel.
        grid: The volume of the segmentation, frame bev.
    """

    boxes: BevBoxes
    segmentation: Float32[np.ndarray, "S y x"]
    grid: VoxelGrid


class BevPredictor:
    """Runs a network on scans."""

    def __init__(
        self, network: BevCenternet, config: BevDecodingConfig, device: torch.device
    ) -> None:
        self._network = network.eval().to(device)
        self._config = config
        self._device = device

    @classmethod
    def load(cls, path_text: str, config: BevDecodingConfig, device: torch.device) -> BevPredictor:
        """Load a checkpoint of `unsup-track train bev` or `unsup-track em`.

        Raises:
            ConfigError: No checkpoint is named, or it is of another network.
            DataError: The file is missing or damaged.
        """
        weights, parameters = _checkpoint(path_text, BEV_KIND)
        network = BevCenternet(BevCenternetConfig.model_validate_json(parameters))
        load_weights(network, weights, Path(path_text))
        return cls(network, config, device)

    @property
    def config(self) -> BevCenternetConfig:
        """Parameters of the network."""
        return self._network.config

    @torch.inference_mode()
    def predict(
        self,
        points_bev: Float[np.ndarray, "P 3"],
        intensity: Float[np.ndarray, " P"] | None,
        *,
        num_views: int = 1,
    ) -> BevPrediction:
        """Answer for one scan, given in frame bev.

        Args:
            points_bev: The scan.
            intensity: Of each point, or None.
            num_views: Views (mirrored, scaled) whose boxes are fused, at most `len(VIEWS)`.
        """
        network, views = self._network.config, _VIEWS[:num_views]
        points = torch.from_numpy(np.ascontiguousarray(points_bev, np.float32)).to(self._device)
        bright = None
        if intensity is not None:
            bright = torch.from_numpy(np.ascontiguousarray(intensity)).to(self._device)
        images = [self._image(points, bright, view) for view in views]
        output = self._network(torch.stack(images))
        found = decode(output, network, self._config)
        boxes = found[0]
        if len(views) > 1:
            seen = [_unviewed(one, view) for one, view in zip(found, views, strict=True)]
            boxes = fuse(seen, _FUSION_IOU)
        num_z, num_y, num_x = output.segmentation.shape[1:]
        grid = replace(network.grid.grid(), shape_zyx=(num_z, num_y, num_x))
        segmentation = torch.sigmoid(output.segmentation[0].float()).cpu().numpy()
        return BevPrediction(boxes=boxes, segmentation=segmentation, grid=grid)

    def _image(
        self, points: Tensor, intensity: Tensor | None, view: tuple[bool, float]
    ) -> Float[Tensor, "C Y X"]:
        mirror, scale = view
        factor = points.new_tensor([scale, -scale if mirror else scale, scale])
        network = self._network.config
        return bev_image(
            points * factor,
            intensity,
            network.grid.grid(),
            with_features=network.mode == "improved",
        )


def _unviewed(found: BevBoxes, view: tuple[bool, float]) -> BevBoxes:
    """Move boxes found in a view back to the scan."""
    mirror, scale = view
    side = np.array([1.0, -1.0 if mirror else 1.0])
    boxes = found.boxes_bev.copy()
    boxes[:, :6] /= scale
    boxes[:, 1] *= side[1]
    boxes[:, 6] = se3.wrap_angle_rad(boxes[:, 6] * side[1])
    return replace(found, boxes_bev=boxes, velocities_bev=found.velocities_bev * side / scale)


class SegmentorPredictor:
    """Runs an image segmentor."""

    def __init__(self, network: ImageSegmentor, device: torch.device) -> None:
        self._network = network.eval().to(device)
        self._device = device

    @classmethod
    def load(cls, path_text: str, device: torch.device) -> SegmentorPredictor:
        """Load a checkpoint of `unsup-track train segmentor` or `unsup-track em`.

        Raises:
            ConfigError: No checkpoint is named, or it is of another network.
            DataError: The file is missing or damaged.
        """
        weights, parameters = _checkpoint(path_text, SEGMENTOR_KIND)
        config = ImageSegmentorConfig.model_validate_json(parameters)
        network = ImageSegmentor(config.model_copy(update={"backbone_path": ""}))
        load_weights(network, weights, Path(path_text))
        return cls(network, device)

    @property
    def side_px(self) -> tuple[int, int]:
        """Width and height of the images it takes."""
        return self._network.config.width_px, self._network.config.height_px

    @torch.inference_mode()
    def predict(self, image_rgb: np.ndarray) -> Float32[np.ndarray, "H W"]:
        """Return the probability of an object per pixel of an image of `side_px`, uint8 RGB."""
        image = torch.from_numpy(np.ascontiguousarray(image_rgb)).to(self._device)
        logits = self._network(image.permute(2, 0, 1)[None].float() / 255.0)
        probability: Float32[np.ndarray, "H W"] = torch.sigmoid(logits[0].float()).cpu().numpy()
        return probability


def _checkpoint(path_text: str, kind: str) -> tuple[dict[str, Tensor], str]:
    if not path_text:
        raise ConfigError(
            f"The detector needs weights of the network '{kind}', but no path is given. Train them "
            f"with `unsup-track train {kind}` or `unsup-track em`, or use the detector 'motion'."
        )
    weights, metadata = read_checkpoint(Path(path_text))
    if metadata.get(KIND_KEY) != kind or NETWORK_KEY not in metadata:
        raise ConfigError(
            f"{path_text} is no checkpoint of the network '{kind}', but of "
            f"'{metadata.get(KIND_KEY, 'something else')}'. Give the file of the other network."
        )
    return weights, metadata[NETWORK_KEY]


def volume_index(
    grid: VoxelGrid, points_bev: Float[np.ndarray, "P 3"]
) -> tuple[Int64[np.ndarray, "3 P"], Bool[np.ndarray, " P"]]:
    """Return z, y, x of the voxel around each point, or nearest to it, and which lie inside."""
    low, size = np.array(grid.minimum_m), np.array(grid.voxel_m)
    index = np.floor((points_bev - low) / size).astype(np.int64)
    limits = np.array(grid.shape_zyx)[::-1]
    inside = ((index >= 0) & (index < limits)).all(axis=1)
    return np.clip(index, 0, limits - 1).T[::-1], inside
