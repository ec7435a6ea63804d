# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small street as messages: LiDAR and camera on a vehicle, walls, and one box that drives by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from unsup_track_ros.data.message_encoding import (
    encode_camera_info,
    encode_cloud,
    encode_image,
    encode_transform,
    encode_transforms,
)
from unsup_track_ros.data.message_types import RosMessage
from unsup_track_ros.geometry.se3 import rigid
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import PointCloud

POINTS: Final = "/lidar/points"
IMAGE: Final = "/camera/image_raw"
INFO: Final = "/camera/camera_info"
STEP_NS: Final = 100_000_000
START_NS: Final = 1_000 * 1_000_000_000
SPEED_MPS: Final = 5.0
_WIDTH_PX, _HEIGHT_PX = 128, 64
_VELO_R_CAM: Final = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
CAMERA: Final = PinholeCamera(
    width_px=_WIDTH_PX,
    height_px=_HEIGHT_PX,
    pix_T_cam=np.array([[64.0, 0.0, 63.5], [0.0, 64.0, 31.5], [0.0, 0.0, 1.0]]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The messages of one stamp."""

    stamp_ns: int
    cloud: RosMessage
    image: RosMessage
    info: RosMessage
    transforms: RosMessage


def moment(index: int, start_ns: int = START_NS) -> Moment:
    """Return what the sensors say at the index-th step."""
    stamp_ns = start_ns + index * STEP_NS
    seconds = index * STEP_NS / 1e9
    odom_T_base = rigid(np.eye(3), np.array([SPEED_MPS * seconds, 0.0, 0.0]))
    return Moment(
        stamp_ns=stamp_ns,
        cloud=encode_cloud(_scan(seconds), stamp_ns, "lidar"),
        image=encode_image(_picture(index), stamp_ns, "camera"),
        info=encode_camera_info(CAMERA, stamp_ns, "camera"),
        transforms=encode_transforms(
            [encode_transform("odom", "base_link", stamp_ns, odom_T_base)]
        ),
    )


def static_transforms() -> RosMessage:
    """Return the mounting of the sensors."""
    base_T_velo = rigid(np.eye(3), np.array([0.0, 0.0, 1.8]))
    velo_T_cam = rigid(_VELO_R_CAM, np.array([0.2, 0.0, -0.1]))
    return encode_transforms(
        [
            encode_transform("base_link", "lidar", START_NS, base_T_velo),
            encode_transform("lidar", "camera", START_NS, velo_T_cam),
        ]
    )


def _scan(seconds: float) -> PointCloud:
    """Return ground, two walls with pillars, and the box that drives ahead to the left."""
    ego_m = SPEED_MPS * seconds
    x, y = np.meshgrid(np.linspace(3, 40, 60), np.linspace(-8, 8, 40))
    ground = np.stack([x.ravel(), y.ravel(), np.full(x.size, -1.8)], 1)
    along, up = np.meshgrid(np.arange(-5, 60, 0.5), np.linspace(-1.6, 2.0, 12))
    wall = np.stack([along.ravel(), 9 + 0.4 * np.sign(np.sin(along.ravel())), up.ravel()], 1)
    walls = np.concatenate([wall, wall * np.array([1.0, -1.0, 1.0])])
    walls[:, 0] -= ego_m
    side, height = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1.4, 0.2, 16))
    box = np.stack([np.zeros(side.size), side.ravel(), height.ravel()], 1)
    box += np.array([12.0 - ego_m, 6.0 - 12.0 * seconds, 0.0])
    points = np.concatenate([ground, walls, box]).astype(np.float32)
    return PointCloud(points_velo=points, intensity=np.ones(len(points), np.float32))


def _picture(index: int) -> np.ndarray:
    rng = np.random.default_rng(index)
    return rng.integers(0, 255, (_HEIGHT_PX, _WIDTH_PX, 3), dtype=np.uint8)
