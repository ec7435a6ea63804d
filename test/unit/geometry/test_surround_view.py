# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import rigid
from unsup_track_ros.geometry.surround_view import SurroundViewConfig, occupancy_frame
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame

CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
BASE_T_VELO = rigid(np.eye(3), np.array([0.0, 0.0, 1.5]))
CONFIG = SurroundViewConfig(width_px=32, height_px=16, depth_stride_px=4)


def frame(points: list[list[float]]) -> SensorFrame:
    pix_T_cam = np.array([[64.0, 0.0, 31.5], [0.0, 64.0, 15.5], [0.0, 0.0, 1.0]])
    image = CameraImage(
        name="front",
        stamp_ns=1,
        image_rgb=np.full((32, 64, 3), 9, np.uint8),
        camera=PinholeCamera(width_px=64, height_px=32, pix_T_cam=pix_T_cam),
        cam_T_velo=CAM_T_VELO,
    )
    return SensorFrame(
        stamp_ns=1,
        index=0,
        cloud=PointCloud(points_velo=np.array(points, np.float32).reshape(-1, 3)),
        cameras=(image,),
        base_T_velo=BASE_T_VELO,
    )


def test_images_are_resized_with_their_intrinsics_and_placed_in_base() -> None:
    odom_T_velo = rigid(np.eye(3), np.array([7.0, 0.0, 1.5]))
    seen = occupancy_frame(frame([[5.0, 0.1, 0.0]]), odom_T_velo, CONFIG)
    assert seen.images.shape == (1, 16, 32, 3)
    np.testing.assert_allclose(seen.pix_T_cam[0, :2, 2], [15.5, 7.5])
    np.testing.assert_allclose(seen.base_T_cam[0, :3, 3], [0.0, 0.0, 1.5])
    np.testing.assert_allclose(seen.odom_T_base[:3, 3], [7.0, 0.0, 0.0])


def test_every_block_has_the_depth_of_its_nearest_return_and_zero_without_one() -> None:
    seen = occupancy_frame(frame([[5.0, 0.1, 0.1], [8.0, 0.16, 0.16]]), np.eye(4), CONFIG)
    assert seen.depth_m is not None
    assert seen.depth_m.shape == (1, 4, 8)
    assert seen.depth_m[0, 1, 3] == pytest.approx(5.0)
    assert (seen.depth_m > 0).sum() == 1


def test_without_a_scan_there_is_no_depth_and_without_a_camera_no_frame() -> None:
    assert occupancy_frame(frame([]), np.eye(4), CONFIG).depth_m is None
    with pytest.raises(DataError, match="needs an image"):
        occupancy_frame(dataclasses.replace(frame([]), cameras=()), np.eye(4), CONFIG)
