# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points to voxels and back, as sparse flat indices (SPECS §0.2).

Volumes of interest are nearly empty, so sets of voxels are ascending arrays of flat row-major
indices of `[Z, Y, X]`, and `dense` builds the volume where one is really needed. The grids of
Track, Check, Repeat lie in `cam` (x right, y down, z forward) although the package's own grids are
z-up: their bounds, their height axis and their published numbers are all stated in that frame.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.grouped_rows import renumbered
from unsup_track_ros.shapes import Bool, Float, Float64, Int, Int64
from unsup_track_ros.structures.voxels import VoxelGrid, VoxelRegions

__all__ = [
    "DISCOVER_GRID",
    "OUTSIDE",
    "TRAIN_GRID",
    "VoxelGrid",
    "dense",
    "flat_voxels",
    "near_any",
    "occupied_voxels",
    "voxel_centres",
    "voxel_index_zyx",
]

OUTSIDE = -1

DISCOVER_GRID = VoxelGrid(
    minimum_m=(-16.0, 0.0, 4.0), maximum_m=(16.0, 2.0, 36.0), shape_zyx=(256, 16, 256)
)
TRAIN_GRID = VoxelGrid(
    minimum_m=(-16.0, 0.0, 2.0), maximum_m=(16.0, 4.0, 34.0), shape_zyx=(256, 16, 256)
)


def flat_voxels(grid: VoxelGrid, points: Float[np.ndarray, "P 3"]) -> Int64[np.ndarray, " P"]:
    """Return the flat voxel index of each point, `OUTSIDE` where it is in none.

    index = round((p - minimum - voxel / 2) / voxel) per axis, in bounds where -0.5 < index before
    rounding < number of voxels - 0.5. As in the released code a point whose unrounded z index is
    exactly 0 counts as padding, and voxel (0, 0, 0), where padding collects, is never occupied.
    """
    flat = np.zeros(len(points), np.int64)
    inside = np.ones(len(points), bool)
    for axis, num in zip((2, 1, 0), grid.shape_zyx, strict=True):
        voxel_m = grid.voxel_m[axis]
        place_m = points[:, axis].astype(np.float64)
        raw = (place_m - grid.minimum_m[axis] - voxel_m / 2) / voxel_m
        inside &= (raw > -0.5) & (raw < num - 0.5)
        if axis == 2:
            inside &= raw != 0.0
        index = np.rint(np.clip(raw, 0, num - 1), where=~np.isnan(raw), out=np.zeros_like(raw))
        flat = flat * num + index.astype(np.int64)
    return np.where(inside & (flat != 0), flat, OUTSIDE)


def occupied_voxels(grid: VoxelGrid, points: Float[np.ndarray, "P 3"]) -> Int64[np.ndarray, " V"]:
    """Return the ascending voxels that hold at least one point."""
    return _ascending(grid, flat_voxels(grid, points))


def _ascending(grid: VoxelGrid, flat: Int64[np.ndarray, " P"]) -> Int64[np.ndarray, " V"]:
    """Sort and remove duplicates and `OUTSIDE`; np.unique, but linear in the volume."""
    occupied = np.zeros(int(np.prod(grid.shape_zyx)), bool)
    occupied[flat[flat != OUTSIDE]] = True
    return np.flatnonzero(occupied)


def voxel_index_zyx(grid: VoxelGrid, voxels: Int64[np.ndarray, " V"]) -> Int64[np.ndarray, "V 3"]:
    """Split flat indices into z, y, x."""
    return np.stack(np.unravel_index(voxels, grid.shape_zyx), axis=1).astype(np.int64)


def voxel_centres(grid: VoxelGrid, voxels: Int64[np.ndarray, " V"]) -> Float64[np.ndarray, "V 3"]:
    """Return the centres x, y, z of voxels in metres."""
    index_xyz = voxel_index_zyx(grid, voxels)[:, ::-1]
    return np.asarray(np.array(grid.minimum_m) + (index_xyz + 0.5) * np.array(grid.voxel_m))


def dense(grid: VoxelGrid, voxels: Int[np.ndarray, " V"]) -> Bool[np.ndarray, "Z Y X"]:
    """Build the boolean volume of a set of voxels."""
    volume = np.zeros(grid.shape_zyx, bool)
    volume.reshape(-1)[voxels] = True
    return volume


def near_any(
    grid: VoxelGrid, voxels: Int64[np.ndarray, " V"], others: Int64[np.ndarray, " W"]
) -> Bool[np.ndarray, " V"]:
    """Tell which voxels lie in the 3 x 3 x 3 dilation of `others`.

    Equal to dilating the dense volume once and reading it at `voxels`, without visiting the rest.
    """
    padded_shape = tuple(n + 2 for n in grid.shape_zyx)
    stride = np.array([padded_shape[1] * padded_shape[2], padded_shape[2], 1])
    padded = np.zeros(int(np.prod(padded_shape)), bool)
    padded[(voxel_index_zyx(grid, others) + 1) @ stride] = True
    steps = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3), axis=-1).reshape(-1, 3) @ stride
    centres = (voxel_index_zyx(grid, voxels) + 1) @ stride
    return np.asarray(padded[centres[:, None] + steps].any(axis=1))


def chosen_regions(regions: VoxelRegions, kept: Int64[np.ndarray, " R"]) -> VoxelRegions:
    """Return some of the regions, numbered 1..R in the order of `kept`."""
    region = renumbered(regions.region, kept)
    stays = region > 0
    return VoxelRegions(
        grid=regions.grid,
        voxel=regions.voxel[stays],
        region=region[stays],
        moving=regions.moving[stays],
    )
