# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pinhole projection by hand."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry import camera
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
