# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which voxels a camera or a LiDAR sees: those of which some part is not behind a surface.

A voxel is sampled at a lattice of places and each is held against the depth in its direction, so
that coarse voxels of a road seen at a low angle do not hide each other, as they would if rays were
followed from voxel to voxel.
"""

from __future__ import annotations

import math

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.base_voxels import OUTSIDE, base_voxel_centres, base_voxel_of
from unsup_track_ros.geometry.camera import MIN_DEPTH_M
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.shapes import Bool, Float, Float32, Float64
from unsup_track_ros.structures.voxels import VoxelGrid

# Distance of the places at which a voxel is sampled: a third of a person's width.
_SAMPLE_M = 0.27


def seen_by_camera(
    grid: VoxelGrid,
    depth_m: Float[np.ndarray, "H W"],
    pix_T_cam: Float64[np.ndarray, "3 3"],
    base_T_cam: Float64[np.ndarray, "4 4"],
    tolerance_m: float = 0.05,
) -> Bool[np.ndarray, "Z Y X"]:
    """Return the voxels with a part in the image and not behind its surfaces.

    Args:
        grid: Volume in base.
        depth_m: Depth of the first surface in every pixel, inf or 0 where there is none.
        pix_T_cam: Intrinsics.
        base_T_cam: Pose of the camera.
        tolerance_m: How far behind the surface still counts as on it.
    """
    points_cam = _transformed(se3.inverse(base_T_cam), _sampled(grid))
    z = points_cam[..., 2]
    before = z > MIN_DEPTH_M
    safe = np.where(before, z, 1.0)
    height, width = depth_m.shape
    column = np.rint(points_cam[..., 0] / safe * pix_T_cam[0, 0] + pix_T_cam[0, 2])
    row = np.rint(points_cam[..., 1] / safe * pix_T_cam[1, 1] + pix_T_cam[1, 2])
    inside = before & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    pixel = np.where(inside, row * width + column, 0).astype(np.int64)
    surface_m = np.where(depth_m > 0, depth_m, np.inf).reshape(-1)[pixel]
    return np.asarray((inside & (z <= surface_m + tolerance_m)).any(-1))


def seen_by_lidar(
    grid: VoxelGrid,
    points_velo: Float[np.ndarray, "P 3"],
    base_T_velo: Float64[np.ndarray, "4 4"],
    margin_m: float = 0.1,
) -> Bool[np.ndarray, "Z Y X"]:
    """Return the voxels that hold a return of a scan or that a ray passed through."""
    hit = base_voxel_of(grid, se3.transform(base_T_velo, points_velo))
    centres = base_voxel_centres(grid)
    centres_velo = _transformed(se3.inverse(base_T_velo), centres).reshape(-1, 3)
    seen = RangeImage(points_velo).sees_through(centres_velo, margin_m)
    seen[hit[hit != OUTSIDE]] = True
    return seen.reshape(grid.shape_zyx)


def _sampled(grid: VoxelGrid) -> Float32[np.ndarray, "Z Y X S 3"]:
    """Return the places at which every voxel is looked at."""
    steps = []
    for side_m in grid.voxel_m:
        num = max(math.ceil(side_m / _SAMPLE_M), 1)
        steps.append(((np.arange(num) + 0.5) / num - 0.5) * side_m)
    offsets = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3)
    return (base_voxel_centres(grid)[..., None, :] + offsets).astype(np.float32)


def _transformed(
    a_T_b: Float64[np.ndarray, "4 4"], points_b: Float[np.ndarray, "*S 3"]
) -> Float[np.ndarray, "*S 3"]:
    return se3.transform(a_T_b, points_b.reshape(-1, 3)).reshape(points_b.shape)
