# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the bird's-eye-view network sees of a scan: height slices of occupied voxels.

The frame is `bev`: the LiDAR's place, the axes of the level base (x forward, y left, z up). Images
of it are `[..., Y, X]`, cell (0, 0) at the smallest y and x. Divergence: TCR's volume lies in the
axes of the camera (SPECS 0.2); the defaults cover the same ground, seen from the LiDAR, so that a
vehicle without a camera has the same network.
"""

from __future__ import annotations

import math

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


def occupied(
    points_bev: Float[Tensor, "P 3"],
    sample: Int64[Tensor, " P"],
    num_samples: int,
    grid: VoxelGrid,
) -> Bool[Tensor, "B Z Y X"]:
    """Tell of each sample which voxels hold a point (TCR's input).

    Args:
        points_bev: Points of all samples.
        sample: Whose each point is, -1 for nobody's.
        num_samples: B.
        grid: The volume.
    """
    flat, counts = _voxel_of_sample(points_bev, sample, grid)
    volume = torch.zeros((num_samples, *grid.shape_zyx), dtype=torch.bool, device=points_bev.device)
    volume.view(-1)[flat[counts]] = True
    return volume


def _voxel_of_sample(
    points_bev: Float[Tensor, "P 3"], sample: Int64[Tensor, " P"], grid: VoxelGrid
) -> tuple[Int64[Tensor, " P"], Bool[Tensor, " P"]]:
    """Return the flat `[B, Z, Y, X]` voxel of each point, and which points lie in their volume."""
    flat, inside = voxel_of(points_bev, grid)
    return flat + sample * math.prod(grid.shape_zyx), inside & (sample >= 0)


def bev_image(
    points_bev: Float[Tensor, "P 3"],
    intensity: Float[Tensor, " P"] | None,
    grid: VoxelGrid,
    *,
    with_features: bool,
) -> Float[Tensor, "C Y X"]:
    """Return the network's input of one scan; arguments as of `bev_images`."""
    sample = torch.zeros(len(points_bev), dtype=torch.int64, device=points_bev.device)
    return bev_images(points_bev, intensity, (sample, 1), grid, with_features=with_features)[0]


def bev_images(
    points_bev: Float[Tensor, "P 3"],
    intensity: Float[Tensor, " P"] | None,
    owners: tuple[Int64[Tensor, " P"], int],
    grid: VoxelGrid,
    *,
    with_features: bool,
) -> Float[Tensor, "B C Y X"]:
    """Return the network's input: occupied slices and, if wanted, three features per column.

    The features are the highest return (0 at the lower bound, 1 at the upper), the density of
    returns (log-scaled, 1 for many) and the mean intensity relative to that of the scan: LiDARs do
    not agree on the unit of intensity.

    Args:
        points_bev: Points of all scans.
        intensity: Of each point, or None.
        owners: Whose each point is (-1 for nobody's), and the number of scans B.
        grid: The volume.
        with_features: Whether the columns have features.
    """
    sample, num_samples = owners
    flat, counts = _voxel_of_sample(points_bev, sample, grid)
    volume = points_bev.new_zeros((num_samples, *grid.shape_zyx))
    volume.view(-1)[flat[counts]] = 1.0
    if not with_features:
        return volume
    num_columns = grid.shape_zyx[1] * grid.shape_zyx[2]
    column = flat[counts] % num_columns + sample[counts] * num_columns
    low_m, high_m = grid.minimum_m[2], grid.maximum_m[2]
    height = (points_bev[counts, 2] - low_m) / (high_m - low_m)
    top = height.new_zeros(num_samples * num_columns).scatter_reduce_(0, column, height, "amax")
    count = torch.zeros_like(top).index_add_(0, column, torch.ones_like(height))
    density = torch.log1p(count) / np.log1p(_DENSE_POINTS)
    bright = torch.zeros_like(top)
    if intensity is not None:
        relative = _relative_intensity(intensity, sample, num_samples)
        bright.index_add_(0, column, relative[counts].to(height.dtype))
        bright = bright / count.clamp(min=1.0)
    features = torch.stack([top, density.clamp(max=2.0), bright])
    of_samples = features.view(NUM_FEATURES, num_samples, *grid.shape_zyx[1:])
    return torch.cat([volume, of_samples.transpose(0, 1)], dim=1)


def _relative_intensity(
    intensity: Float[Tensor, " P"], sample: Int64[Tensor, " P"], num_samples: int
) -> Float[Tensor, " P"]:
    """Return intensities in [0, 1), a half where they are the mean of their scan."""
    # The last row is that of the points that are nobody's.
    row = torch.where(sample < 0, num_samples, sample)
    total = intensity.new_zeros(num_samples + 1).index_add_(0, row, intensity)
    count = intensity.new_zeros(num_samples + 1).index_add_(0, row, torch.ones_like(intensity))
    mean = (total / count.clamp(min=1.0)).clamp(min=1e-6)
    return intensity / (intensity + mean[row])
