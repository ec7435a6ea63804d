# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The camera of the synthetic world: intrinsics, mounting, and one ray per pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.synthetic.raycast import Rays, bundled
from unsup_track_ros.geometry.se3 import rigid
from unsup_track_ros.shapes import Float64, Int64
from unsup_track_ros.structures.calibration import PinholeCamera

_TILE_PX = (16, 16)
# Columns over rows of a KITTI image, which has square pixels.
_KITTI_ASPECT = 1242 / 375


class CameraConfig(Config):
    """The camera and how it is mounted; the defaults are KITTI's."""

    width_px: int = parameter(832, "Image columns.", unit="px", ge=16)
    height_px: int = parameter(256, "Image rows.", unit="px", ge=16)
    focal_length_ratio: float = parameter(
        0.581, "Horizontal focal length as a share of the image width.", gt=0.1
    )
    centre_row_ratio: float = parameter(
        0.461, "Row of the principal point as a share of the image height.", ge=0.0, le=1.0
    )
    forward_m: float = parameter(0.27, "Distance ahead of the LiDAR.", unit="m")
    left_m: float = parameter(0.06, "Distance to the left of the LiDAR.", unit="m")
    below_m: float = parameter(0.08, "Distance below the LiDAR.", unit="m")
    noise: float = parameter(2.0, "Largest sensor noise in steps of the 8-bit image.", ge=0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraRig:
    """Intrinsics, mounting and rays of a camera.

    Attributes:
        camera: Pinhole model.
        cam_T_velo: (4, 4) mounting against the LiDAR.
        rays_cam: One ray per pixel, in tiles, in the camera's frame.
        order: (R,) flat pixel index of each ray.
    """

    camera: PinholeCamera
    cam_T_velo: Float64[np.ndarray, "4 4"]
    rays_cam: Rays
    order: Int64[np.ndarray, " R"]


def build_camera(config: CameraConfig) -> CameraRig:
    """Set up the camera: KITTI's view, resized to the size asked for."""
    width, height = config.width_px, config.height_px
    focal_x = config.focal_length_ratio * width
    focal_y = config.focal_length_ratio * _KITTI_ASPECT * height
    pix_T_cam = np.array(
        [
            [focal_x, 0.0, 0.5 * (width - 1)],
            [0.0, focal_y, config.centre_row_ratio * height],
            [0.0, 0.0, 1.0],
        ]
    )
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    grid = np.stack(
        [
            (columns - pix_T_cam[0, 2]) / focal_x,
            (rows - pix_T_cam[1, 2]) / focal_y,
            np.ones(rows.shape),
        ],
        -1,
    )
    grid /= np.linalg.norm(grid, axis=-1, keepdims=True)
    rays, order = bundled(grid, _TILE_PX)
    turn = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    position_velo = np.array([config.forward_m, config.left_m, -config.below_m])
    return CameraRig(
        camera=PinholeCamera(width_px=width, height_px=height, pix_T_cam=pix_T_cam),
        cam_T_velo=rigid(turn, -turn @ position_velo),
        rays_cam=rays,
        order=order,
    )
