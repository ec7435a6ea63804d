# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The detectors `bev` and `ensemble` of the pipeline. Keep no state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.networks.bev_decoding import BevDecodingConfig
from unsup_track_ros.networks.bev_inference import BevPrediction, BevPredictor, SegmentorPredictor
from unsup_track_ros.networks.bev_input import bev_T_velo
from unsup_track_ros.perception.learned_detection.evidence import (
    LogOddsConfig,
    box_evidence,
    boxes_in_velo,
    detections_of,
    joint_scores,
)
from unsup_track_ros.perception.learned_detection.voxel_ensemble import (
    VoxelEnsembleConfig,
    voxel_ensemble,
)
from unsup_track_ros.shapes import Float32
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.motion import MotionRegions, MotionSegmentation, MotionState


class LearnedDetectionConfig(Config):
    """Detection by trained networks."""

    bev_path: str = parameter(
        "", "Weights (.safetensors) of the bird's-eye-view network; `unsup-track em` makes them."
    )
    segmentor_path: str = parameter(
        "", "Weights of the image segmentor; needed by the ensemble of products."
    )
    ensemble: Literal["product", "log_odds"] = parameter(
        "log_odds", "Detector 'ensemble': product in voxels, as released, or joint odds of boxes."
    )
    min_moving_share: float = parameter(
        0.3, "A box moves if this share of its judged points does.", gt=0, le=1, tunable=True
    )
    decoding: BevDecodingConfig = BevDecodingConfig()
    product: VoxelEnsembleConfig = VoxelEnsembleConfig()
    log_odds: LogOddsConfig = LogOddsConfig()


class LearnedDetector:
    """Finds objects with trained networks; motion says which of them move."""

    def __init__(
        self,
        config: LearnedDetectionConfig,
        kind: Literal["bev", "ensemble"],
        device: torch.device,
    ) -> None:
        """Load the networks.

        Raises:
            ConfigError: Weights that are needed are not named, or are of another network.
            DataError: A file of weights is missing or damaged.
        """
        self._config = config
        self._kind = kind
        self._bev = BevPredictor.load(config.bev_path, config.decoding, device)
        self._segmentor: SegmentorPredictor | None = None
        by_product = config.ensemble == "product"
        if kind == "ensemble" and (by_product or config.segmentor_path):
            self._segmentor = SegmentorPredictor.load(config.segmentor_path, device)

    def step(
        self,
        frame: SensorFrame,
        motion: MotionSegmentation,
        group_motion: Callable[[], MotionRegions],
    ) -> tuple[MotionRegions, Detections | None]:
        """Detect the objects of one frame.

        Args:
            frame: The frame.
            motion: What moves in it.
            group_motion: Groups what moves as the detector `motion` does, where that is wanted.

        Returns:
            The moving regions of the scan and the detections; None for these where boxes are still
            to be fitted to the regions (ensemble of products).
        """
        prediction = self._predict(frame)
        probability = self._seen(frame)
        if self._kind == "ensemble" and self._config.ensemble == "product":
            if probability is None:
                probability = np.zeros((1, 1), np.float32)
            witnesses = (frame, motion, prediction, probability)
            return voxel_ensemble(*witnesses, self._config.product, group_motion), None
        return self._boxes(frame, motion, prediction, probability)

    def _predict(self, frame: SensorFrame) -> BevPrediction:
        points_bev = se3.transform(bev_T_velo(frame.base_T_velo), frame.cloud.points_velo)
        return self._bev.predict(points_bev, frame.cloud.intensity)

    def _seen(self, frame: SensorFrame) -> Float32[np.ndarray, "H W"] | None:
        if self._segmentor is None or frame.camera is None:
            return None
        side = self._segmentor.side_px
        image = cv2.resize(frame.camera.image_rgb, side, interpolation=cv2.INTER_AREA)
        return self._segmentor.predict(image)

    def _boxes(
        self,
        frame: SensorFrame,
        motion: MotionSegmentation,
        prediction: BevPrediction,
        probability: Float32[np.ndarray, "H W"] | None,
    ) -> tuple[MotionRegions, Detections]:
        boxes, config = prediction.boxes, self._config
        boxes_velo = boxes_in_velo(frame, boxes)
        if self._kind == "ensemble":
            evidence = box_evidence(frame, boxes_velo, motion, probability)
            joint = joint_scores(boxes.scores, evidence, config.log_odds)
            kept = np.flatnonzero(joint >= config.log_odds.min_score)
            boxes, boxes_velo = boxes.chosen(kept), boxes_velo[kept]
        evidence = box_evidence(frame, boxes_velo, motion, None)
        detections = detections_of(
            frame, boxes, boxes_velo, evidence, motion, config.min_moving_share
        )
        return _moving_regions(detections, evidence.point_box), detections


def _moving_regions(detections: Detections, point_box: np.ndarray) -> MotionRegions:
    """Return the regions of the boxes that move: the others belong to the static map."""
    moves = np.flatnonzero(detections.motion == MotionState.MOVING)
    number = np.zeros(len(detections) + 1, np.int64)
    number[moves] = np.arange(1, len(moves) + 1)
    return MotionRegions(
        point_region=number[point_box],  # the last entry answers for "none", -1
        scores=detections.scores[moves].astype(np.float32),
        motion=detections.motion[moves],
        flow_velo=detections.velocities_velo[moves].astype(np.float32),
    )
