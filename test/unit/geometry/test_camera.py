# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pinhole projection by hand."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry import camera
from unsup_track_ros.geometry.se3 import transform
from unsup_track_ros.structures.calibration import PinholeCamera

PIX_T_CAM = np.array([[100.0, 0.0, 50.0], [0.0, 200.0, 20.0], [0.0, 0.0, 1.0]])


def test_a_point_projects_where_similar_triangles_say() -> None:
    points_cam = np.array([[1.0, 0.5, 10.0], [0.0, 0.0, -1.0]])
    points_pix = camera.project(points_cam, PIX_T_CAM)
    np.testing.assert_allclose(points_pix[0], [60.0, 30.0])
    assert np.isnan(points_pix[1]).all()


def test_backprojection_undoes_projection() -> None:
    points_cam = np.array([[1.0, 0.5, 10.0], [-3.0, 2.0, 5.0]])
    points_pix = camera.project(points_cam, PIX_T_CAM)
    np.testing.assert_allclose(
        camera.backproject(points_pix, points_cam[:, 2], PIX_T_CAM), points_cam
    )


def test_of_two_points_on_a_pixel_the_nearer_makes_the_depth() -> None:
    points_pix = np.array([[1.0, 1.0], [1.2, 0.8], [2.0, 0.0], [9.0, 9.0]])
    depth = camera.depth_image(points_pix, np.array([5.0, 3.0, 7.0, 1.0]), 3, 2)
    np.testing.assert_allclose(depth, [[0, 0, 7], [0, 3, 0]])


def test_a_resized_camera_sees_the_same_rays() -> None:
    full = PinholeCamera(width_px=200, height_px=100, pix_T_cam=PIX_T_CAM)
    half = full.resized(100, 50)
    point_cam = np.array([[0.4, 0.1, 2.0]])
    at_full = camera.project(point_cam, full.pix_T_cam)[0]
    at_half = camera.project(point_cam, half.pix_T_cam)[0]
    np.testing.assert_allclose(at_half, (at_full + 0.5) / 2 - 0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num", [0, 1, 4000])
def test_seen_points_are_those_that_project_into_the_image(num: int, dtype: type) -> None:
    points_velo: np.ndarray = np.random.default_rng(0).normal(0.0, 10.0, (num, 3)).astype(dtype)
    points_velo[3:4] = np.nan
    points_velo[4:5] = (0.0, 0.0, 0.0)  # in the camera's own place
    points_velo.setflags(write=False)
    cam_T_velo = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    small = PinholeCamera(width_px=101, height_px=41, pix_T_cam=PIX_T_CAM)
    points_cam = transform(cam_T_velo, points_velo)
    points_pix = camera.project(points_cam, PIX_T_CAM)
    for min_depth_m in (camera.MIN_DEPTH_M, 5.0):
        expected = np.flatnonzero(
            camera.inside(points_pix, 101, 41) & (points_cam[:, 2] > min_depth_m)
        )
        index, seen_cam, seen_pix = camera.seen_points(points_velo, cam_T_velo, small, min_depth_m)
        np.testing.assert_array_equal(index, expected)
        np.testing.assert_array_equal(seen_cam, points_cam[expected])
        np.testing.assert_array_equal(seen_pix, points_pix[expected])
        assert seen_cam.dtype == seen_pix.dtype == dtype
    assert num < 4000 or 20 < len(index) < 1000
