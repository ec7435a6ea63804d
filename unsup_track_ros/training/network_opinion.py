# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What trained networks say of a frame of a recording: boxes with the joint score of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.networks.bev_inference import BevPredictor, SegmentorPredictor
from unsup_track_ros.perception.learned_detection.evidence import (
    LogOddsConfig,
    box_evidence,
    joint_scores,
)
from unsup_track_ros.shapes import Bool, Float32, Float64
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.voxels import VoxelGrid
from unsup_track_ros.training.scan_cache import CachedScan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameOpinion:
    """Boxes of one frame.

    Attributes:
        boxes_velo: (N, 7) boxes.
        scores: (N,) joint score of network and image; 0 without a return.
        moves: (N,) motion was seen in the box.
        points_velo: (P, 3) the cached scan.
        heights_m: (P,) of its points above the ground.
        grid: Where the network looks, frame bev.
        bev_T_velo: (4, 4) levels the scan.
    """

    boxes_velo: Float64[np.ndarray, "N 7"]
    scores: Float64[np.ndarray, " N"]
    moves: Bool[np.ndarray, " N"]
    points_velo: Float32[np.ndarray, "P 3"]
    heights_m: Float32[np.ndarray, " P"]
    grid: VoxelGrid
    bev_T_velo: Float64[np.ndarray, "4 4"]

    def covers(self, boxes_velo: Float64[np.ndarray, "M 7"]) -> Bool[np.ndarray, " M"]:
        """Tell which boxes lie where the network looks."""
        centres = se3.transform(self.bev_T_velo, boxes_velo[:, :3])[:, :2]
        low, high = np.array(self.grid.minimum_m)[:2], np.array(self.grid.maximum_m)[:2]
        return np.asarray(((centres >= low) & (centres < high)).all(axis=1))


def network_opinion(
    label: FrameLabel,
    scan: CachedScan,
    networks: tuple[BevPredictor, SegmentorPredictor | None],
    num_views: int,
    image_weight: float,
) -> FrameOpinion:
    """Ask the networks about one frame.

    Args:
        label: The frame's label, for what was seen moving.
        scan: The frame's cached scan.
        networks: The bird's-eye-view network, and the segmentor or None.
        num_views: Views of the scan that are fused.
        image_weight: Weight of the image's log-odds.
    """
    bev, segmentor = networks
    boxes = bev.predict(scan.points_bev, scan.intensity, num_views=num_views).boxes
    frame = cached_frame(scan, label.base_T_velo)
    boxes_velo = se3.transform_boxes(se3.inverse(scan.bev_T_velo), boxes.boxes_bev)
    probability = None
    if segmentor is not None and scan.image_rgb is not None:
        probability = segmentor.predict(scan.image_rgb)
    evidence = box_evidence(frame, boxes_velo, None, probability)
    weights = LogOddsConfig(image_weight=image_weight, motion_weight=0.0)
    moving = se3.transform_boxes(scan.bev_T_velo, label.detections.boxes_velo[
        label.detections.moving])  # fmt: skip
    near = np.linalg.norm(boxes.boxes_bev[:, None, :2] - moving[None, :, :2], axis=2)
    return FrameOpinion(
        boxes_velo=boxes_velo,
        scores=joint_scores(boxes.scores, evidence, weights),
        moves=near.min(axis=1, initial=np.inf) < moving_reach_m(boxes.boxes_bev),
        points_velo=frame.cloud.points_velo,
        heights_m=scan.heights_m,
        grid=bev.config.grid.grid(),
        bev_T_velo=scan.bev_T_velo,
    )


def moving_reach_m(boxes_bev: Float64[np.ndarray, "N 7"]) -> Float64[np.ndarray, " N"]:
    """Return how near a moving label may be to a box that is still another object."""
    return boxes_bev[:, 4] / 2


def cached_frame(scan: CachedScan, base_T_velo: Float64[np.ndarray, "4 4"]) -> SensorFrame:
    """Return a cached scan as a frame again, as far as it was kept."""
    cameras: tuple[CameraImage, ...] = ()
    if scan.image_rgb is not None and scan.camera is not None and scan.cam_T_velo is not None:
        cameras = (
            CameraImage(
                name="cached",
                stamp_ns=scan.stamp_ns,
                image_rgb=scan.image_rgb,
                camera=scan.camera,
                cam_T_velo=scan.cam_T_velo,
            ),
        )
    points_velo = se3.transform(se3.inverse(scan.bev_T_velo), scan.points_bev)
    return SensorFrame(
        stamp_ns=scan.stamp_ns,
        index=scan.index,
        cloud=PointCloud(points_velo=points_velo, intensity=scan.intensity),
        cameras=cameras,
        base_T_velo=base_T_velo,
    )
