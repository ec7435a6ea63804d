# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.voxel_visibility import seen_by_camera, seen_by_lidar
from unsup_track_ros.structures.voxels import VoxelGrid

GRID = VoxelGrid(minimum_m=(0.0, -4.0, -1.0), maximum_m=(10.0, 4.0, 1.0), shape_zyx=(2, 8, 10))
# x right, y down, z forward of a camera at the origin of base that looks along x.
EGO_T_CAM = np.array(
    [[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
PIX_T_CAM = np.array([[40.0, 0.0, 39.5], [0.0, 40.0, 39.5], [0.0, 0.0, 1.0]])  # 90 degrees


def test_a_wall_hides_what_is_wholly_behind_it_and_nothing_else() -> None:
    seen = seen_by_camera(GRID, np.full((80, 80), 5.5), PIX_T_CAM, EGO_T_CAM)
    row = seen[0, 4]
    np.testing.assert_array_equal(row, [*[True] * 6, *[False] * 4])


def test_what_lies_beside_the_image_is_not_seen() -> None:
    seen = seen_by_camera(GRID, np.full((80, 80), 50.0), PIX_T_CAM, EGO_T_CAM)
    assert not seen[:, 0, :3].any()  # 3 to 4 m to the right, nearer than 3 m
    assert seen[:, 0, 5:].all()


def test_no_surface_hides_nothing() -> None:
    for nothing in (0.0, np.inf):
        seen = seen_by_camera(GRID, np.full((80, 80), nothing), PIX_T_CAM, EGO_T_CAM)
        assert seen[:, 4, 1:].all()


def test_a_voxel_is_seen_if_a_part_of_it_is_beside_an_obstacle() -> None:
    depth_m = np.full((80, 80), np.inf)
    depth_m[:, 36:] = 2.0  # hides the right half and a little of the left
    seen = seen_by_camera(GRID, depth_m, PIX_T_CAM, EGO_T_CAM)
    assert seen[0, 4, 3]
    assert not seen[0, 3, 3]


def test_a_scan_has_seen_what_it_hit_and_what_its_rays_passed() -> None:
    azimuth, elevation = np.meshgrid(np.linspace(-0.9, 0.9, 400), np.linspace(-0.2, 0.2, 60))
    y = 6.5 * np.tan(azimuth).ravel()
    z = np.hypot(6.5, y) * np.tan(elevation).ravel()
    points = np.stack([np.full(len(y), 6.5), y, z], 1)
    seen = seen_by_lidar(GRID, points, np.eye(4))
    np.testing.assert_array_equal(seen[1, 4, 3:], [True, True, True, True, False, False, False])
