# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong in a recording on purpose: its messages say it, the truth beside it does not."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.synthetic.world import World
from unsup_track_ros.geometry.se3 import inverse, rigid, rotation_about_z, yaw_rad
from unsup_track_ros.shapes import Float64


class FaultConfig(Config):
    """Faults of real vehicles, to see whether they are found."""

    camera_late_s: float = parameter(
        0.0,
        "By how much the stamps of the images are later than the moment they show.",
        unit="s",
        ge=-0.5,
        le=0.5,
    )
    camera_yaw_rad: float = parameter(
        0.0, "By how much TF has the camera turned too far to the left.", unit="rad"
    )
    lidar_yaw_rad: float = parameter(
        0.0, "By how much TF has the LiDAR turned too far to the left.", unit="rad"
    )
    odom_jump_m: float = parameter(0.0, "Length of a jump of odom.", unit="m", ge=0)
    odom_jump_at_s: float = parameter(
        2.0, "Time of that jump, from the start of the drive.", unit="s", ge=0
    )
    odom_jump_course_rad: float = parameter(
        float(np.pi / 2), "Direction of that jump: 0 ahead, pi/2 to the left.", unit="rad"
    )


def told_mounting(
    world: World, faults: FaultConfig
) -> tuple[Float64[np.ndarray, "4 4"], tuple[Float64[np.ndarray, "4 4"], ...]]:
    """Return base_T_velo, and base_T_cam of every camera, as TF tells them."""
    base_T_velo = world.base_T_velo
    base_T_cams = [base_T_velo @ inverse(rig.cam_T_velo) for rig in world.cameras]
    return _turned(base_T_velo, faults.lidar_yaw_rad), tuple(
        _turned(base_T_cam, faults.camera_yaw_rad) for base_T_cam in base_T_cams
    )


def told_pose(world: World, faults: FaultConfig, time_s: float) -> Float64[np.ndarray, "4 4"]:
    """Return odom_T_base as TF tells it."""
    odom_T_base = world.odom_T_base(time_s)
    if faults.odom_jump_m == 0.0 or time_s < faults.odom_jump_at_s:
        return odom_T_base
    heading_rad = yaw_rad(world.odom_T_base(faults.odom_jump_at_s))
    course_rad = heading_rad + faults.odom_jump_course_rad
    jump = faults.odom_jump_m * np.array([np.cos(course_rad), np.sin(course_rad), 0.0])
    jumped: Float64[np.ndarray, "4 4"] = rigid(np.eye(3), jump) @ odom_T_base
    return jumped


def _turned(
    base_T_sensor: Float64[np.ndarray, "4 4"], angle_rad: float
) -> Float64[np.ndarray, "4 4"]:
    """Turn a mounting to the left where it is."""
    return rigid(rotation_about_z(angle_rad) @ base_T_sensor[:3, :3], base_T_sensor[:3, 3])
