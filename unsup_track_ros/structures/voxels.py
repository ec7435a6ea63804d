# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A box of space cut into voxels, and sets of its voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Bool, Int, Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelGrid:
    """Bounds and resolution of a voxel volume in any one frame; arrays of it are `[Z, Y, X]`.

    Attributes:
        minimum_m: Lower bounds of x, y, z: the outer faces of the first voxels.
        maximum_m: Upper bounds of x, y, z: the outer faces of the last voxels.
        shape_zyx: Voxels along z, y, x.
    """

    minimum_m: tuple[float, float, float]
    maximum_m: tuple[float, float, float]
    shape_zyx: tuple[int, int, int]

    def __post_init__(self) -> None:
        if min(self.shape_zyx) < 1:
            raise DataError(
                f"A voxel grid needs at least one voxel per axis, got {self.shape_zyx}."
            )
        if not all(low < high for low, high in zip(self.minimum_m, self.maximum_m, strict=True)):
            raise DataError(
                "The lower bounds of a voxel grid must lie below the upper ones, "
                f"got {self.minimum_m} and {self.maximum_m}."
            )

    @property
    def voxel_m(self) -> tuple[float, float, float]:
        """Size of a voxel along x, y, z."""
        num_z, num_y, num_x = self.shape_zyx
        low, high = self.minimum_m, self.maximum_m
        return (
            (high[0] - low[0]) / num_x,
            (high[1] - low[1]) / num_y,
            (high[2] - low[2]) / num_z,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoxelRegions:
    """Voxels of moving regions, in frame `cam` of the current camera.

    Attributes:
        grid: The volume; indices are row-major in `[Z, Y, X]`.
        voxel: (V,) flat indices.
        region: (V,) 1..R, the region of each voxel.
        moving: (V,) voxel has the full evidence of motion, not only part of it.
    """

    grid: VoxelGrid
    voxel: Int64[np.ndarray, " V"]
    region: Int[np.ndarray, " V"]
    moving: Bool[np.ndarray, " V"]
