# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A real, slow scene: a tanker truck passes at 3.5 m/s, the car ahead rolls at 1 m/s."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from unsup_track_ros.data.kitti.calibration import read_calibration
from unsup_track_ros.data.kitti.scans import read_scan
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.box_iou import bev_iou
from unsup_track_ros.geometry.ground import level_scan
from unsup_track_ros.perception.box_fitting import BoxFitter, BoxFittingConfig
from unsup_track_ros.perception.detection import DetectionConfig, MotionDetector
from unsup_track_ros.perception.motion_segmentation import MotionSegmentationConfig, MotionSegmenter
from unsup_track_ros.perception.optical_flow import OpticalFlowConfig, OpticalFlowEstimator
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import CameraImage, SensorFrame
from unsup_track_ros.structures.history import PastFrame

# Place of the sensor along the road since frame 9, by LiDAR odometry; it turned by 0.04 degrees.
FORWARD_M = {9: 0.0, 10: 0.26, 11: 0.473, 12: 0.685, 13: 0.952, 14: 1.163}
PERIOD_NS = 100_000_000
CPU = torch.device("cpu")


def read_frame(folder: Path, index: int) -> SensorFrame:
    calibration = read_calibration(folder)
    assert calibration is not None
    file = folder / "image_02" / "data" / f"{index:010d}.png"
    image_bgr = cv2.imread(str(file))
    assert image_bgr is not None
    image_rgb = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB)
    image = CameraImage(
        name="image_02",
        stamp_ns=(index + 1) * PERIOD_NS,
        image_rgb=image_rgb,
        camera=PinholeCamera(
            width_px=image_rgb.shape[1],
            height_px=image_rgb.shape[0],
            pix_T_cam=calibration.pix_T_cam,
        ),
        cam_T_velo=calibration.cam_T_velo,
    )
    return SensorFrame(
        stamp_ns=(index + 1) * PERIOD_NS,
        index=index,
        cloud=read_scan(folder / "velodyne_points" / "data" / f"{index:010d}.bin"),
        cameras=(image,),
        base_T_velo=se3.rigid(np.eye(3), np.array([0, 0, 1.73])),
    )


def pose(index: int) -> np.ndarray:
    return se3.rigid(np.eye(3), np.array([FORWARD_M[index], 0, 0]))


def egomotion(past: int, current: int) -> Egomotion:
    return Egomotion(
        status=EgomotionStatus.OK,
        source=EgomotionSource.LIDAR,
        stamp0_ns=(past + 1) * PERIOD_NS,
        stamp1_ns=(current + 1) * PERIOD_NS,
        velo1_T_velo0=se3.inverse(pose(current)) @ pose(past),
        odom_T_velo1=pose(current),
    )


def detect(folder: Path, config: MotionSegmentationConfig, flow_from: int) -> Detections:
    history = tuple(
        PastFrame(frame=read_frame(folder, i), egomotion=egomotion(max(i - 1, 9), i))
        for i in (9, 10, 13)
    )
    frame = read_frame(folder, 14)
    past = next(p for p in history if p.frame.index == flow_from)
    flow = OpticalFlowEstimator(OpticalFlowConfig(), CPU).step(frame, past)
    motion = MotionSegmenter(config).step(frame, history, lambda: flow, egomotion(13, 14))
    regions = MotionDetector(DetectionConfig(), CPU).step(frame, motion)
    fitter = BoxFitter(BoxFittingConfig())
    return fitter.step(frame, regions, level_scan(frame.base_T_velo, frame.cloud.points_velo))


def test_the_two_frame_test_finds_pieces_of_the_truck_and_nothing_else(shared_data: Path) -> None:
    folder = shared_data / "kitti_raw_0052"
    detections = detect(folder, MotionSegmentationConfig(mode="tcr"), flow_from=10)
    assert 1 <= len(detections) <= 4
    truck = np.array([[7.03, -3.89, -0.2, 13.6, 2.6, 3.28, 0]])
    assert (bev_iou(detections.boxes_velo, truck) > 0).all()
    assert (np.abs(detections.boxes_velo[:, 1] + 3.2) < 0.8).all()
