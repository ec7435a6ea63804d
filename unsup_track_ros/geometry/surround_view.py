# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A synchronised frame as occupancy networks see it: images of one size, placed in base."""

from __future__ import annotations

import cv2
import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.camera import depth_image, seen_points
from unsup_track_ros.shapes import Float32, Float64
from unsup_track_ros.structures.frame import CameraImage, SensorFrame
from unsup_track_ros.structures.voxel_scene import OccupancyFrame, VoxelLabels


class SurroundViewConfig(Config):
    """Size of what a network gets to see."""

    width_px: int = parameter(160, "Columns that every image is resized to.", unit="px", ge=16)
    height_px: int = parameter(96, "Rows that every image is resized to.", unit="px", ge=16)
    depth_stride_px: int = parameter(
        4, "Pixels of an image along a side of a block that has one depth.", unit="px", ge=1
    )


def occupancy_frame(
    frame: SensorFrame,
    odom_T_velo: Float64[np.ndarray, "4 4"],
    config: SurroundViewConfig,
    labels: VoxelLabels | None = None,
) -> OccupancyFrame:
    """Resize the images of a frame, place its cameras in base, and project the scan into them.

    Args:
        frame: With at least one camera; a scan without points gives no depth.
        odom_T_velo: (4, 4) pose of the LiDAR at its stamp.
        config: Sizes.
        labels: What fills the voxels, if it is known.

    Raises:
        DataError: The frame has no camera.
    """
    if not frame.cameras:
        raise DataError(
            f"Occupancy from cameras needs an image, and the frame at {frame.stamp_ns} ns has none."
        )
    base_T_velo = frame.base_T_velo
    cameras = [image.camera.resized(config.width_px, config.height_px) for image in frame.cameras]
    depth_m = None
    if len(frame.cloud.points_velo):
        depth_m = np.stack([_depth(frame, image, config) for image in frame.cameras])
    return OccupancyFrame(
        stamp_ns=frame.stamp_ns,
        images=np.stack([_resized(image, config) for image in frame.cameras]),
        pix_T_cam=np.stack([camera.pix_T_cam for camera in cameras]),
        base_T_cam=np.stack([base_T_velo @ se3.inverse(i.cam_T_velo) for i in frame.cameras]),
        depth_m=depth_m,
        odom_T_base=odom_T_velo @ se3.inverse(base_T_velo),
        labels=labels,
    )


def _resized(image: CameraImage, config: SurroundViewConfig) -> np.ndarray:
    size = (config.width_px, config.height_px)
    if (image.camera.width_px, image.camera.height_px) == size:
        return image.image_rgb
    # Area averages when shrinking: anything else lets fine texture alias.
    return np.asarray(cv2.resize(image.image_rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _depth(
    frame: SensorFrame, image: CameraImage, config: SurroundViewConfig
) -> Float32[np.ndarray, "h w"]:
    """Return the nearest return of every block of pixels, 0 where there is none."""
    stride = config.depth_stride_px
    width, height = config.width_px // stride, config.height_px // stride
    camera = image.camera.resized(width, height)
    _, points_cam, points_pix = seen_points(frame.cloud.points_velo, image.cam_T_velo, camera)
    return depth_image(points_pix, points_cam[:, 2], width, height)
