# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the bird's-eye-view network sees of a scan: height slices of occupied voxels.

The frame is `bev`: the LiDAR's place, the axes of the level base (x forward, y left, z up). Images
of it are `[..., Y, X]`, cell (0, 0) at the smallest y and x. Divergence: TCR's volume lies in the
axes of the camera (SPECS 0.2); the defaults cover the same ground, seen from the LiDAR, so that a
vehicle without a camera has the same network.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Bool, Float, Float64, Int64
from unsup_track_ros.structures.voxels import VoxelGrid

NUM_FEATURES = 3  # besides the slices: highest return, density, intensity
_DENSE_POINTS = 32.0  # so many returns in a column make it dense


class BevGridConfig(Config):
    """Bounds and resolution of the bird's-eye view, from the LiDAR, axes level (z up)."""

    x_min_m: float = parameter(2.0, "Near bound (negative: behind the LiDAR).", unit="m")
    x_max_m: float = parameter(34.0, "Far bound.", unit="m")
    y_min_m: float = parameter(-16.0, "Right bound.", unit="m")
    y_max_m: float = parameter(16.0, "Left bound.", unit="m")
    z_min_m: float = parameter(-2.5, "Lower bound.", unit="m")
    z_max_m: float = parameter(1.5, "Upper bound.", unit="m")
    num_x: int = parameter(256, "Voxels along x; a multiple of 16.", ge=16)
    num_y: int = parameter(256, "Voxels along y; a multiple of 16.", ge=16)
    num_z: int = parameter(16, "Height slices; a multiple of 4.", ge=4)

    def grid(self) -> VoxelGrid:
        """Return the volume, in frame bev."""
        return VoxelGrid(
            minimum_m=(self.x_min_m, self.y_min_m, self.z_min_m),
            maximum_m=(self.x_max_m, self.y_max_m, self.z_max_m),
            shape_zyx=(self.num_z, self.num_y, self.num_x),
        )


def bev_T_velo(base_T_velo: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, "4 4"]:
    """Return the rotation that levels a scan: the axes of the base at the LiDAR's place."""
    return se3.rigid(base_T_velo[:3, :3], np.zeros(3))


def voxel_of(
    points_bev: Float[Tensor, "P 3"], grid: VoxelGrid
) -> tuple[Int64[Tensor, " P"], Bool[Tensor, " P"]]:
    """Return the flat `[Z, Y, X]` voxel of each point, and which points lie in the volume."""
    inside = torch.ones(len(points_bev), dtype=torch.bool, device=points_bev.device)
    flat = torch.zeros(len(points_bev), dtype=torch.int64, device=points_bev.device)
    # Axis by axis: columns of one array are several times as slow on a CPU.
    for axis, num in zip((2, 1, 0), grid.shape_zyx, strict=True):
        place = (points_bev[:, axis] - grid.minimum_m[axis]) * (1 / grid.voxel_m[axis])
        inside &= (place >= 0) & (place < num)
        flat = flat * num + place.clamp_(0, num - 1).to(torch.int64)
    return flat, inside


def occupancy(points_bev: Float[Tensor, "P 3"], grid: VoxelGrid) -> Float[Tensor, "Z Y X"]:
    """Return 1 in voxels with a point, else 0 (TCR's input)."""
    flat, inside = voxel_of(points_bev, grid)
    volume = points_bev.new_zeros(grid.shape_zyx)
    volume.view(-1)[flat[inside]] = 1.0
    return volume


def bev_image(
    points_bev: Float[Tensor, "P 3"],
    intensity: Float[Tensor, " P"] | None,
    grid: VoxelGrid,
    *,
    with_features: bool,
) -> Float[Tensor, "C Y X"]:
    """Return the network's input: occupied slices and, if wanted, three features per column.

    The features are the highest return (0 at the lower bound, 1 at the upper), the density of
    returns (log-scaled, 1 for many) and the mean intensity relative to that of the scan: LiDARs do
    not agree on the unit of intensity.
    """
    volume = occupancy(points_bev, grid)
    if not with_features:
        return volume
    flat, inside = voxel_of(points_bev, grid)
    num_columns = grid.shape_zyx[1] * grid.shape_zyx[2]
    column = flat[inside] % num_columns
    low_m, high_m = grid.minimum_m[2], grid.maximum_m[2]
    height = (points_bev[inside, 2] - low_m) / (high_m - low_m)
    top = height.new_zeros(num_columns).scatter_reduce_(0, column, height, "amax")
    count = torch.bincount(column, minlength=num_columns).to(height.dtype)
    density = torch.log1p(count) / np.log1p(_DENSE_POINTS)
    bright = torch.zeros_like(top)
    if intensity is not None and len(intensity):
        relative = intensity / (intensity + intensity.mean().clamp(min=1e-6))
        bright.index_add_(0, column, relative[inside].to(height.dtype))
        bright = bright / count.clamp(min=1.0)
    features = torch.stack([top, density.clamp(max=2.0), bright])
    return torch.cat([volume, features.view(NUM_FEATURES, *grid.shape_zyx[1:])])
