# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A frame and its label with every member filled, small enough to check by hand."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.motion import MotionSegmentation, MotionState, MotionStatus
from unsup_track_ros.structures.tracks import Tracks, TrackState

# Looks along velo's x axis from the LiDAR's place.
CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
CAMERA = PinholeCamera(
    width_px=160,
    height_px=80,
    pix_T_cam=np.array([[80.0, 0, 79.5], [0, 80.0, 39.5], [0, 0, 1]]),
)
FRAME_NS = 100_000_000
NUM_POINTS = 1000


def pose_at(x_m: float) -> np.ndarray:
    odom_T_velo = np.eye(4)
    odom_T_velo[0, 3] = x_m
    return odom_T_velo


def make_frame(index: int, *, with_camera: bool = True) -> SensorFrame:
    rng = np.random.default_rng(index)
    points = rng.uniform((-20, -15, -1.8), (50, 15, 1.0), (NUM_POINTS, 3)).astype(np.float32)
    base_T_velo = np.eye(4)
    base_T_velo[2, 3] = 1.8
    image = CameraImage(
        name="front",
        stamp_ns=index * FRAME_NS,
        image_rgb=np.full((80, 160, 3), 90, np.uint8),
        camera=CAMERA,
        cam_T_velo=CAM_T_VELO,
    )
    return SensorFrame(
        stamp_ns=index * FRAME_NS,
        index=index,
        cloud=PointCloud(points_velo=points),
        cameras=(image,) if with_camera else (),
        base_T_velo=base_T_velo,
    )


def make_tracks(index: int, boxes_odom: np.ndarray, states: list[TrackState]) -> Tracks:
    number = len(boxes_odom)
    return Tracks(
        stamp_ns=index * FRAME_NS,
        ids=np.arange(1, number + 1),
        boxes_odom=boxes_odom,
        velocities_odom=np.tile([3.0, 0.0, 0.0], (number, 1)),
        position_covariances_odom=np.tile(np.eye(3) / 3, (number, 1, 1)),
        velocity_covariances_odom=np.tile(np.eye(3) / 7, (number, 1, 1)),
        existence=np.full(number, 0.9),
        states=np.array(states, np.int64).reshape(number),
        heading_known=np.ones(number, bool),
        ages_s=np.full(number, 0.1 * index),
        detection_index=np.arange(number) - 1,
    )


def make_grids(index: int) -> OccupancyGrids:
    static = np.full((40, 60), -1, np.int8)
    static[5:35, 5:55] = 0
    static[20, 10:50] = 80
    dynamic = np.where(static < 0, -1, 0).astype(np.int8)
    dynamic[22:26, 40:50] = 100
    return OccupancyGrids(
        stamp_ns=index * FRAME_NS,
        resolution_m=0.5,
        origin_odom=np.array([-10.0, -10.0]),
        static=static,
        dynamic=dynamic,
        combined=np.maximum(static, dynamic),
    )


def make_label(index: int, *, with_camera: bool = True) -> FrameLabel:
    frame = make_frame(index, with_camera=with_camera)
    rng = np.random.default_rng(100 + index)
    boxes_odom = np.array(
        [[12.0, 0.5, -1.0, 4.2, 1.8, 1.5, 0.1], [20.0, -4.0, -0.9, 4.0, 1.7, 1.6, -3.0]]
    )
    camera = frame.camera
    velo1_T_velo0 = pose_at(-0.5)
    return FrameLabel(
        stamp_ns=frame.stamp_ns,
        index=index,
        base_T_velo=frame.base_T_velo,
        camera=None if camera is None else camera.camera,
        cam_T_velo=None if camera is None else camera.cam_T_velo,
        egomotion=Egomotion(
            status=EgomotionStatus.OK,
            source=EgomotionSource.LIDAR,
            stamp0_ns=frame.stamp_ns - FRAME_NS,
            stamp1_ns=frame.stamp_ns,
            velo1_T_velo0=velo1_T_velo0,
            odom_T_velo1=pose_at(0.5 * index),
        ),
        motion=MotionSegmentation(
            status=MotionStatus.OK,
            moving_points=rng.random(NUM_POINTS) < 0.1,
            judged_points=rng.random(NUM_POINTS) < 0.8,
            moving_pixels=rng.random((40, 80)) < 0.1 if with_camera else None,
            judged_pixels=rng.random((40, 80)) < 0.8 if with_camera else None,
        ),
        detections=Detections(
            stamp_ns=frame.stamp_ns,
            boxes_velo=boxes_odom[:1] - np.array([0.5 * index, 0, 0, 0, 0, 0, 0]),
            scores=np.array([1 / 3]),
            velocities_velo=np.full((1, 3), np.nan),
            heading_known=np.zeros(1, bool),
            motion=np.array([int(MotionState.MOVING)]),
            num_points=np.array([42]),
            boxes_pix=np.array([[20.0, 30.0, 60.0, 70.0]]),
        ),
        tracks=make_tracks(index, boxes_odom, [TrackState.CONFIRMED, TrackState.COASTING]),
        grids=make_grids(index),
        missing_inputs=() if with_camera else ("Nothing of '/camera' near the scan.",),
    )
