# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The cameras of the synthetic world: intrinsics, mounting, and one ray per pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.synthetic.raycast import Rays, bundled
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.geometry.se3 import rigid, rotation_about_z
from unsup_track_ros.shapes import Float64, Int64
from unsup_track_ros.structures.calibration import PinholeCamera

_TILE_PX = (16, 16)
# Columns over rows of a KITTI image, which has square pixels.
_KITTI_ASPECT = 1242 / 375
# What looks ahead when nothing else is said: its topics and its frame.
CAMERA_NAME = "/camera/image_raw"
CAMERA_INFO_TOPIC = "/camera/camera_info"
CAMERA_FRAME = "camera_optical"
# Axes of a camera that looks ahead (x right, y down, z forward) in those of the vehicle.
_CAM_R_BASE = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


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


class SurroundConfig(Config):
    """Cameras all around instead of the one ahead; the defaults look where Waymo's five do."""

    enabled: bool = parameter(False, "Whether the vehicle carries these cameras.")
    names: tuple[str, ...] = parameter(
        ("front", "front_left", "front_right", "side_left", "side_right"),
        "Names; camera NAME is recorded as /camera_NAME/image_raw.",
    )
    yaws_rad: tuple[float, ...] = parameter(
        (0.0, 0.7854, -0.7854, 1.5708, -1.5708),
        "Where each looks, to the left of ahead.",
        unit="rad",
    )
    width_px: int = parameter(160, "Image columns.", unit="px", ge=16)
    height_px: int = parameter(96, "Image rows.", unit="px", ge=16)
    view_rad: float = parameter(
        0.88, "Horizontal angle of view; pixels are square.", unit="rad", gt=0.1, lt=3.0
    )
    radius_m: float = parameter(0.3, "Distance from the LiDAR's axis.", unit="m", ge=0.0)
    below_m: float = parameter(0.1, "Distance below the LiDAR.", unit="m")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraRig:
    """Intrinsics, mounting and rays of a camera.

    Attributes:
        name: Name and image topic.
        info_topic: Topic of its calibration.
        frame_id: Its frame in TF.
        noise: Largest sensor noise in steps of the 8-bit image.
        camera: Pinhole model.
        cam_T_velo: (4, 4) mounting against the LiDAR.
        rays_cam: One ray per pixel, in tiles, in the camera's frame.
        order: (R,) flat pixel index of each ray.
    """

    name: str
    info_topic: str
    frame_id: str
    noise: float
    camera: PinholeCamera
    cam_T_velo: Float64[np.ndarray, "4 4"]
    rays_cam: Rays
    order: Int64[np.ndarray, " R"]


def build_camera(config: CameraConfig) -> CameraRig:
    """Set up the camera ahead: KITTI's view, resized to the size asked for."""
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
    position_velo = np.array([config.forward_m, config.left_m, -config.below_m])
    return _rig(
        (CAMERA_NAME, CAMERA_INFO_TOPIC, CAMERA_FRAME),
        PinholeCamera(width_px=width, height_px=height, pix_T_cam=pix_T_cam),
        rigid(_CAM_R_BASE, -_CAM_R_BASE @ position_velo),
        config.noise,
    )


def build_surround(config: SurroundConfig, noise: float) -> tuple[CameraRig, ...]:
    """Set up the cameras around the vehicle.

    Raises:
        ConfigError: There are not as many directions as names.
    """
    if len(config.names) != len(config.yaws_rad) or not config.names:
        raise ConfigError(
            "Every camera around the vehicle needs a name and a direction, got "
            f"{len(config.names)} names and {len(config.yaws_rad)} yaws_rad."
        )
    width, height = config.width_px, config.height_px
    focal = 0.5 * width / np.tan(0.5 * config.view_rad)
    pix_T_cam = np.array(
        [[focal, 0.0, 0.5 * (width - 1)], [0.0, focal, 0.5 * (height - 1)], [0.0, 0.0, 1.0]]
    )
    camera = PinholeCamera(width_px=width, height_px=height, pix_T_cam=pix_T_cam)
    rigs = []
    for name, yaw_rad in zip(config.names, config.yaws_rad, strict=True):
        turn = _CAM_R_BASE @ rotation_about_z(-yaw_rad)
        ahead = np.array([np.cos(yaw_rad), np.sin(yaw_rad)]) * config.radius_m
        position_velo = np.append(ahead, -config.below_m)
        topics = (f"/camera_{name}/image_raw", f"/camera_{name}/camera_info")
        rigs.append(
            _rig(
                (*topics, f"camera_{name}_optical"),
                camera,
                rigid(turn, -turn @ position_velo),
                noise,
            )
        )
    return tuple(rigs)


def _rig(
    names: tuple[str, str, str],
    camera: PinholeCamera,
    cam_T_velo: Float64[np.ndarray, "4 4"],
    noise: float,
) -> CameraRig:
    """Aim one ray through the middle of every pixel."""
    pix_T_cam = camera.pix_T_cam
    columns, rows = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
    grid = np.stack(
        [
            (columns - pix_T_cam[0, 2]) / pix_T_cam[0, 0],
            (rows - pix_T_cam[1, 2]) / pix_T_cam[1, 1],
            np.ones(rows.shape),
        ],
        -1,
    )
    grid /= np.linalg.norm(grid, axis=-1, keepdims=True)
    rays, order = bundled(grid, _TILE_PX)
    return CameraRig(
        name=names[0],
        info_topic=names[1],
        frame_id=names[2],
        noise=noise,
        camera=camera,
        cam_T_velo=cam_T_velo,
        rays_cam=rays,
        order=order,
    )
