# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""White poles before a black wall: every edge of the scan is an edge of the image, and no other."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.camera import project
from unsup_track_ros.geometry.se3 import inverse, rigid, rotation_about, transform
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame

SPEED_MPS = 10.0
PERIOD_S = 0.1
UP = np.array([0.0, 0.0, 1.0])
CAMERA = PinholeCamera(
    width_px=640,
    height_px=192,
    pix_T_cam=np.array([[480.0, 0, 320.0], [0, 480.0, 96.0], [0, 0, 1]]),
)
CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, -0.3], [0, 0, 0, 1]])
VELO1_T_VELO0 = rigid(np.eye(3), np.array([-SPEED_MPS * PERIOD_S, 0.0, 0.0]))
# Place ahead and to the left, and half the width.
POLES = np.array(
    [
        [8.0, 2.5, 0.2],
        [9.0, -3.5, 0.2],
        [12.0, 5.0, 0.3],
        [14.0, -2.0, 0.25],
        [18.0, 7.0, 0.4],
        [22.0, -8.0, 0.5],
        [26.0, 3.0, 0.4],
    ]
)
WALL_M = 60.0


def scan() -> np.ndarray:
    """Return (P, 3) points of a LiDAR that sees the poles and, beside them, the wall."""
    azimuth, elevation = np.meshgrid(
        np.radians(np.arange(-40.0, 40.0, 0.2)), np.radians(np.arange(-8.0, 8.0, 0.4))
    )
    slope = np.tan(azimuth)
    ahead = np.full(slope.shape, WALL_M)
    for x, y, half in sorted(POLES.tolist(), reverse=True):  # the nearest comes last
        ahead[np.abs(slope * x - y) < half] = x
    points = np.stack([ahead, ahead * slope, ahead * np.tan(elevation)], -1)
    return points.reshape(-1, 3).astype(np.float32)


def picture(cam_T_velo: np.ndarray) -> np.ndarray:
    """Return the (H, W, 3) image of a camera at this place."""
    image = np.zeros((CAMERA.height_px, CAMERA.width_px, 3), np.uint8)
    for x, y, half in sorted(POLES.tolist(), reverse=True):
        sides_velo = np.array([[x, y + half, 0.0], [x, y - half, 0.0]])
        sides_pix = project(transform(cam_T_velo, sides_velo), CAMERA.pix_T_cam)
        left, right = np.clip(np.rint(sides_pix[:, 0]), 0, CAMERA.width_px).astype(int)
        image[:, left:right] = 255
    return image


def frame(
    index: int = 0,
    *,
    late_s: float = 0.0,
    yaw_rad: float = 0.0,
    odom_T_velo: np.ndarray | None = None,
) -> SensorFrame:
    """Return a frame whose image is late, and whose camera TF has turned too far to the left."""
    back = rigid(np.eye(3), np.array([SPEED_MPS * late_s, 0.0, 0.0]))
    shown_cam_T_velo = CAM_T_VELO @ back
    velo_T_cam = inverse(CAM_T_VELO)
    told_R_cam = rotation_about(UP, yaw_rad)[:3, :3] @ velo_T_cam[:3, :3]
    stamp_ns = 1_700_000_000_000_000_000 + round(index * PERIOD_S * 1e9)
    image = CameraImage(
        name="front",
        stamp_ns=stamp_ns,
        image_rgb=picture(shown_cam_T_velo),
        camera=CAMERA,
        cam_T_velo=inverse(rigid(told_R_cam, velo_T_cam[:3, 3])),
    )
    return SensorFrame(
        stamp_ns=stamp_ns,
        index=index,
        cloud=PointCloud(points_velo=scan()),
        cameras=(image,),
        base_T_velo=rigid(np.eye(3), np.array([0.0, 0.0, 1.8])),
        odom_T_velo=odom_T_velo,
    )
