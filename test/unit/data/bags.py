# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small recordings written by the package's own writer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.message_encoding import encode_cloud, header
from unsup_track_ros.data.message_types import (
    IMAGE,
    POINT_CLOUD,
    POINT_FIELD,
    RosMessage,
    ros2_classes,
)
from unsup_track_ros.geometry.se3 import rigid
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import PointCloud

START_NS = 10_000_000_000
PERIOD_NS = 100_000_000
IMAGE_DELAY_NS = 5_000_000
# The LiDAR looks along x, the camera along its own z: an optical frame without displacement.
VELO_R_CAM = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
CAMERA = PinholeCamera(
    width_px=16,
    height_px=12,
    pix_T_cam=np.array([[20.0, 0.0, 7.5], [0.0, 20.0, 5.5], [0.0, 0.0, 1.0]]),
)
DATATYPES = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 8}


def scan_of(frame: int) -> PointCloud:
    """Return 50 points that differ from frame to frame."""
    points = np.random.default_rng(frame).normal(size=(50, 3)).astype(np.float32)
    return PointCloud(points_velo=points, intensity=np.full(50, frame, np.float32))


def image_of(frame: int) -> np.ndarray:
    """Return a small image that differs from frame to frame."""
    return np.full((12, 16, 3), (frame, 100, 200), np.uint8)


def write_bag(
    path: Path, *, frames: int = 4, with_camera: bool = True, with_tf: bool = True
) -> Path:
    """Write a LiDAR, a camera 5 ms later, and a base that drives 1 m per frame along x."""
    with BagWriter(path) as writer:
        if with_tf:
            mount = rigid(np.eye(3), np.array([1.0, 0.0, 1.7]))
            writer.write_transform("base_link", "velo", START_NS, mount, static=True)
            optical = rigid(VELO_R_CAM, np.zeros(3))
            writer.write_transform("velo", "cam", START_NS, optical, static=True)
        for frame in range(frames):
            write_frame(writer, frame, with_camera=with_camera, with_tf=with_tf)
    return path


def write_frame(
    writer: BagWriter, frame: int, *, with_camera: bool = True, with_tf: bool = True
) -> None:
    """Write the messages of one frame; twice a pose, so that the last image has one too."""
    stamp_ns = START_NS + frame * PERIOD_NS
    for half in range(2 if with_tf else 0):
        pose = rigid(np.eye(3), np.array([frame + half / 2, 0.0, 0.0]))
        writer.write_transform("odom", "base_link", stamp_ns + half * PERIOD_NS // 2, pose)
    writer.write_cloud("/points", "velo", stamp_ns, scan_of(frame))
    if with_camera:
        late_ns = stamp_ns + IMAGE_DELAY_NS
        writer.write_camera_info("/cam/camera_info", "cam", late_ns, CAMERA)
        writer.write_image("/cam/image_raw", "cam", late_ns, image_of(frame))


def cloud_message(frame: int) -> RosMessage:
    """Return the PointCloud2 of one frame."""
    return encode_cloud(scan_of(frame), START_NS + frame * PERIOD_NS, "velo")


def packed_cloud_message(
    table: np.ndarray, *, shape: tuple[int, int] | None = None, row_padding: int = 0
) -> RosMessage:
    """Build a PointCloud2 with exactly the memory layout of a structured array."""
    rows, columns = shape or (1, len(table))
    layout = dict(table.dtype.fields or {})
    kinds = {name: entry[0].str.lstrip("<>|") for name, entry in layout.items()}
    fields = [
        ros2_classes()[POINT_FIELD](
            name=name, offset=entry[1], datatype=DATATYPES[kinds[name]], count=1
        )
        for name, entry in layout.items()
    ]
    step = table.dtype.itemsize
    lines = table.reshape(rows, columns).view(np.uint8).reshape(rows, columns * step)
    data = np.pad(lines, ((0, 0), (0, row_padding)))
    return ros2_classes()[POINT_CLOUD](
        header=header(START_NS, "velo"),
        height=rows,
        width=columns,
        fields=fields,
        is_bigendian=any(entry[0].byteorder == ">" for entry in layout.values()),
        point_step=step,
        row_step=columns * step + row_padding,
        data=data.reshape(-1),
        is_dense=True,
    )


def image_message(pixels: np.ndarray, encoding: str, *, padding: int = 0) -> RosMessage:
    """Build an Image from (H, W) or (H, W, C) bytes, optionally with padded rows."""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    return ros2_classes()[IMAGE](
        header=header(START_NS, "cam"),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=padded.shape[1],
        data=padded.reshape(-1),
    )
