# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stamps, headers, poses and bytes."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, Quaternion, Transform, Vector3
from std_msgs.msg import Header

from unsup_track_ros.geometry.se3 import from_quaternion, quaternion_xyzw, rigid, rotation_about_z
from unsup_track_ros.shapes import Float64

_NS_PER_S = 1_000_000_000


def to_time(stamp_ns: int) -> Time:
    """Split nanoseconds."""
    seconds, nanoseconds = divmod(int(stamp_ns), _NS_PER_S)
    return Time(sec=seconds, nanosec=nanoseconds)


def to_duration(duration_s: float) -> Duration:
    """Split seconds."""
    seconds, nanoseconds = divmod(round(duration_s * _NS_PER_S), _NS_PER_S)
    return Duration(sec=seconds, nanosec=nanoseconds)


def to_ns(time: Time | Duration) -> int:
    """Join seconds and nanoseconds."""
    return int(time.sec) * _NS_PER_S + int(time.nanosec)


def to_header(stamp_ns: int, frame_id: str) -> Header:
    """Build a header."""
    return Header(stamp=to_time(stamp_ns), frame_id=frame_id)


def to_point(xyz: Float64[np.ndarray, " 3"]) -> Point:
    """Build a point."""
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def to_vector(xyz: Float64[np.ndarray, " 3"]) -> Vector3:
    """Build a vector."""
    return Vector3(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def to_pose(a_T_b: Float64[np.ndarray, "4 4"]) -> Pose:
    """Build the pose of b in a."""
    return Pose(position=to_point(a_T_b[:3, 3]), orientation=_to_quaternion(a_T_b))


def to_transform(a_T_b: Float64[np.ndarray, "4 4"]) -> Transform:
    """Build the transform that moves points from b to a."""
    return Transform(translation=to_vector(a_T_b[:3, 3]), rotation=_to_quaternion(a_T_b))


def from_pose(pose: Pose) -> Float64[np.ndarray, "4 4"]:
    """Return a_T_b of a pose of b in a."""
    return _from_parts(pose.position, pose.orientation)


def from_transform(transform: Transform) -> Float64[np.ndarray, "4 4"]:
    """Return a_T_b of a transform that moves points from b to a."""
    return _from_parts(transform.translation, transform.rotation)


def box_pose(box: Float64[np.ndarray, " 7"]) -> Pose:
    """Return the pose of a box (x, y, z, length, width, height, yaw)."""
    return to_pose(rigid(rotation_about_z(float(box[6])), box[:3]))


def from_box(pose: Pose, size: Vector3) -> list[float]:
    """Return the box (x, y, z, length, width, height, yaw) of a pose and a size."""
    x, y, z, w = (getattr(pose.orientation, axis) for axis in "xyzw")
    yaw_rad = float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
    place = [pose.position.x, pose.position.y, pose.position.z]
    return [*place, size.x, size.y, size.z, yaw_rad]


def to_array(kind: str, values: np.ndarray) -> array.array[Any]:
    """Copy numbers into the type that rclpy assigns without looking at every one of them."""
    data: array.array[Any] = array.array(kind)
    data.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return data


def _to_quaternion(a_T_b: Float64[np.ndarray, "4 4"]) -> Quaternion:
    x, y, z, w = (float(value) for value in quaternion_xyzw(a_T_b))
    return Quaternion(x=x, y=y, z=z, w=w)


def _from_parts(place: Any, turn: Quaternion) -> Float64[np.ndarray, "4 4"]:
    shift = np.array([place.x, place.y, place.z], np.float64)
    return from_quaternion(np.array([turn.x, turn.y, turn.z, turn.w], np.float64), shift)
