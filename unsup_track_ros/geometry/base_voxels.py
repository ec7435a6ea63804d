# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The voxel grid around the vehicle: its parameters, and points to voxels and back.

A voxel holds the points from its lower faces up to, but without, its upper ones. (`voxels` rounds
and clears as Track, Check, Repeat released it; that is not wanted here.)
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import Float, Float64, Int64
from unsup_track_ros.structures.voxels import VoxelGrid

OUTSIDE = -1


class EgoGridConfig(Config):
    """Volume around the vehicle; the defaults are those of TrackOcc on Occ3D-Waymo."""

    half_size_m: float = parameter(
        40.0, "The volume reaches this far ahead, behind, left and right.", unit="m", gt=0
    )
    bottom_m: float = parameter(-1.0, "Its lower face over the vehicle's ground.", unit="m")
    layers: int = parameter(16, "Voxels along z.", ge=1)
    voxel_m: float = parameter(0.4, "Side of a voxel.", unit="m", gt=0)

    @property
    def grid(self) -> VoxelGrid:
        """The grid in base."""
        num = max(round(2 * self.half_size_m / self.voxel_m), 1)
        half_m = 0.5 * num * self.voxel_m
        top_m = self.bottom_m + self.layers * self.voxel_m
        return VoxelGrid(
            minimum_m=(-half_m, -half_m, self.bottom_m),
            maximum_m=(half_m, half_m, top_m),
            shape_zyx=(self.layers, num, num),
        )


# 50 x 50 x 8 voxels: what trains on a CPU.
SMALL_EGO_GRID = EgoGridConfig(half_size_m=20.0, bottom_m=-1.0, layers=8, voxel_m=0.8)


def base_voxel_of(
    grid: VoxelGrid, points_base: Float[np.ndarray, "P 3"]
) -> Int64[np.ndarray, " P"]:
    """Return the flat row-major voxel of each point, `OUTSIDE` where it is in none."""
    place = (points_base - np.array(grid.minimum_m)) / np.array(grid.voxel_m)
    num_z, num_y, num_x = grid.shape_zyx
    inside = ((place >= 0) & (place < np.array([num_x, num_y, num_z]))).all(1)
    x, y, z = np.floor(np.where(inside[:, None], place, 0.0)).astype(np.int64).T
    return np.where(inside, (z * num_y + y) * num_x + x, OUTSIDE)


def base_voxel_centres(grid: VoxelGrid) -> Float64[np.ndarray, "Z Y X 3"]:
    """Return the centre x, y, z of every voxel, metres in base."""
    z, y, x = (
        grid.minimum_m[axis] + (np.arange(num) + 0.5) * grid.voxel_m[axis]
        for axis, num in zip((2, 1, 0), grid.shape_zyx, strict=True)
    )
    zz, yy, xx = np.meshgrid(z, y, x, indexing="ij")
    return np.stack([xx, yy, zz], -1)
