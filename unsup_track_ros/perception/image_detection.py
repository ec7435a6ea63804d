# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A RetinaTrack network on the first camera: what is in the image, and what was there before.

In: the image of a frame. Out: boxes in the image with identities that last through occlusions. It
does not look at points; how its objects look is one cue of the tracker in odom.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.box_iou import rectangle_iou
from unsup_track_ros.networks.retinatrack.anchors import anchor_boxes
from unsup_track_ros.networks.retinatrack.checkpoint import load_retinatrack
from unsup_track_ros.networks.retinatrack.decoding import DecodingConfig, decode
from unsup_track_ros.networks.retinatrack.track_store import TrackStore, TrackStoreConfig
from unsup_track_ros.shapes import Float64, UInt8
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.image_objects import ImageObjects


class ImageDetectionConfig(Config):
    """Detection and tracking in the image by a trained RetinaTrack network."""

    weights_path: str = parameter(
        "",
        "Weights (.safetensors) from `unsup-track train retinatrack`; needed by image detector "
        "'retinatrack'.",
    )
    width_px: int = parameter(
        640,
        "Width that images are scaled to; that of the training (`data.width_px`).",
        unit="px",
        ge=64,
    )
    min_shared_iou: float = parameter(
        0.4,
        "IoU in the image from which a detection in space looks like an object in the image.",
        gt=0,
        le=1,
    )
    decoding: DecodingConfig = DecodingConfig()
    track_store: TrackStoreConfig = TrackStoreConfig()


class RetinaTrackDetector:
    """Detects and follows objects in images."""

    def __init__(self, config: ImageDetectionConfig, device: torch.device) -> None:
        """Load the network.

        Raises:
            ConfigError: No checkpoint is named, or it is of another network.
            DataError: The file is missing or damaged.
        """
        self._config = config
        self._device = device
        self._network = load_retinatrack(config.weights_path, device)
        self._store = TrackStore(config.track_store)

    def reset(self) -> None:
        """Forget all tracks; identities go on."""
        self._store.reset()

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on."""
        return self._store.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state()`; a state of a pipeline without this stage is a fresh start."""
        self.reset()
        if "next_id" in state:
            self._store.restore(state)

    def step(self, frame: SensorFrame) -> ImageObjects | None:
        """Detect and follow what the first camera sees; None without an image."""
        camera = frame.camera
        if camera is None:
            return None
        boxes, scores, embeddings = self._detect(camera.image_rgb)
        ids = self._store.step(frame.stamp_ns, boxes, scores, embeddings)
        kept = ids >= 0
        return ImageObjects(
            stamp_ns=frame.stamp_ns,
            ids=ids[kept],
            boxes_pix=boxes[kept] - 0.5,
            scores=scores[kept],
            embeddings=embeddings[kept],
        )

    @torch.no_grad()
    def _detect(
        self, image_rgb: UInt8[np.ndarray, "H W 3"]
    ) -> tuple[Float64[np.ndarray, "D 4"], Float64[np.ndarray, " D"], Float64[np.ndarray, "D E"]]:
        """Return boxes at the native size (pixel (0, 0) spans 0 to 1), scores, embeddings."""
        height_px, width_px = image_rgb.shape[:2]
        size = (self._config.width_px, round(height_px * self._config.width_px / width_px))
        scaled = cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA)
        batch = torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))[None]
        output = self._network(batch.to(self._device))
        anchors = anchor_boxes(self._network.config, size[1], size[0], self._device)
        found = decode(output, anchors, (size[1], size[0]), self._config.decoding)
        scale = np.tile([width_px / size[0], height_px / size[1]], 2)
        boxes, scores, embeddings = (
            part[0].double().cpu().numpy()
            for part in (found.boxes_px, found.scores, found.embeddings)
        )
        return boxes * scale, scores, embeddings


def embeddings_of(
    detections: Detections, objects: ImageObjects | None, min_iou: float
) -> Float64[np.ndarray, "D E"] | None:
    """Return how detections in space look, nan for those that no object in the image goes with.

    Each goes with at most one object, and the pairs together overlap as much as they can. None
    without an image.
    """
    if objects is None:
        return None
    iou = np.nan_to_num(rectangle_iou(detections.boxes_pix, objects.boxes_pix))
    possible = np.where(iou >= min_iou, iou, 0.0)
    rows, columns = linear_sum_assignment(possible, maximize=True)
    real = possible[rows, columns] > 0
    found = np.full((len(detections), objects.embeddings.shape[1]), np.nan)
    found[rows[real]] = objects.embeddings[columns[real]]
    return found
