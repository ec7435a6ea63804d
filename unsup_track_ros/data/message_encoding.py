# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Structures to ROS 2 sensor messages (the message objects of rosbags' type store)."""

from __future__ import annotations

from typing import Any

import numpy as np

from unsup_track_ros.data.message_types import (
    CAMERA_INFO,
    IMAGE,
    POINT_CLOUD,
    POINT_FIELD,
    TF_MESSAGE,
    RosMessage,
    ros2_classes,
)
from unsup_track_ros.geometry.se3 import quaternion_xyzw
from unsup_track_ros.shapes import Float64, UInt8
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import PointCloud

# sensor_msgs/PointField.datatype of the columns written here.
_FIELD_DATATYPES = {"<f4": 7, "<u2": 4}
_NANOSECONDS = 1_000_000_000


def header(stamp_ns: int, frame_id: str) -> RosMessage:
    """Build a std_msgs/Header."""
    classes = ros2_classes()
    seconds, nanoseconds = divmod(int(stamp_ns), _NANOSECONDS)
    stamp = classes["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return classes["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def encode_cloud(cloud: PointCloud, stamp_ns: int, frame_id: str) -> RosMessage:
    """Encode a cloud as PointCloud2: x y z, and where present intensity, ring, time (s)."""
    columns: dict[str, tuple[str, Any]] = {
        name: ("<f4", cloud.points_velo[:, axis]) for axis, name in enumerate("xyz")
    }
    if cloud.intensity is not None:
        columns["intensity"] = ("<f4", cloud.intensity)
    if cloud.ring is not None:
        columns["ring"] = ("<u2", cloud.ring)
    if cloud.time_offset_s is not None:
        columns["time"] = ("<f4", cloud.time_offset_s)
    dtype = np.dtype([(name, kind) for name, (kind, _) in columns.items()])
    packed = np.empty(len(cloud.points_velo), dtype)
    for name, (_, values) in columns.items():
        packed[name] = values
    classes = ros2_classes()
    kinds = [kind for kind, _ in columns.values()]
    widths = [np.dtype(kind).itemsize for kind in kinds]
    offsets = np.cumsum([0, *widths])
    fields = [
        classes[POINT_FIELD](name=name, offset=int(at), datatype=_FIELD_DATATYPES[kind], count=1)
        for name, kind, at in zip(columns, kinds, offsets, strict=False)
    ]
    return classes[POINT_CLOUD](
        header=header(stamp_ns, frame_id),
        height=1,
        width=len(packed),
        fields=fields,
        is_bigendian=False,
        point_step=dtype.itemsize,
        row_step=dtype.itemsize * len(packed),
        data=packed.view(np.uint8),
        is_dense=True,
    )


def encode_image(image_rgb: UInt8[np.ndarray, "H W 3"], stamp_ns: int, frame_id: str) -> RosMessage:
    """Encode a colour image as Image with encoding rgb8, which decodes without a conversion."""
    height, width = image_rgb.shape[:2]
    return ros2_classes()[IMAGE](
        header=header(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding="rgb8",
        is_bigendian=0,
        step=3 * width,
        data=np.ascontiguousarray(image_rgb).reshape(-1),
    )


def encode_camera_info(camera: PinholeCamera, stamp_ns: int, frame_id: str) -> RosMessage:
    """Encode a pinhole camera as CameraInfo: no distortion, R identity, P = [K 0]."""
    classes = ros2_classes()
    projection = np.zeros((3, 4))
    projection[:, :3] = camera.pix_T_cam
    region = classes["sensor_msgs/msg/RegionOfInterest"](
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    return classes[CAMERA_INFO](
        header=header(stamp_ns, frame_id),
        height=camera.height_px,
        width=camera.width_px,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=np.asarray(camera.pix_T_cam, np.float64).reshape(-1),
        r=np.eye(3).reshape(-1),
        p=projection.reshape(-1),
        binning_x=0,
        binning_y=0,
        roi=region,
    )


def encode_transform(
    parent: str, child: str, stamp_ns: int, parent_T_child: Float64[np.ndarray, "4 4"]
) -> RosMessage:
    """Encode one rigid motion as TransformStamped."""
    classes = ros2_classes()
    x, y, z = (float(value) for value in parent_T_child[:3, 3])
    qx, qy, qz, qw = (float(value) for value in quaternion_xyzw(parent_T_child))
    motion = classes["geometry_msgs/msg/Transform"](
        translation=classes["geometry_msgs/msg/Vector3"](x=x, y=y, z=z),
        rotation=classes["geometry_msgs/msg/Quaternion"](x=qx, y=qy, z=qz, w=qw),
    )
    return classes["geometry_msgs/msg/TransformStamped"](
        header=header(stamp_ns, parent), child_frame_id=child, transform=motion
    )


def encode_transforms(transforms: list[RosMessage]) -> RosMessage:
    """Bundle TransformStamped messages into one TFMessage."""
    return ros2_classes()[TF_MESSAGE](transforms=transforms)
