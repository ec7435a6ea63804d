# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Occupancy grids of one frame, in odom."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float32, Float64, Int64, Shaped, UInt8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OccupancyGrids:
    """Static, dynamic and combined occupancy around the vehicle; `data[y, x]`, axes of odom.

    Cells hold nav_msgs values: -1 unknown, 0 free .. 100 occupied; `static.ravel()` is the data of
    the message.

    Attributes:
        stamp_ns: Stamp of the frame.
        resolution_m: Side of a cell.
        origin_odom: (2,) x, y of the outer corner of cell [0, 0].
        static: (Y, X) int8, moving objects removed.
        dynamic: (Y, X) int8, 100 where something moves now, 0 where seen free of it, -1 unknown.
        combined: (Y, X) int8, the larger of both.
        log_odds: (Y, X) static evidence, None in stored labels (the percentages carry it).
    """

    stamp_ns: int
    resolution_m: float
    origin_odom: Float64[np.ndarray, " 2"]
    static: Shaped[np.ndarray, "Y X"]
    dynamic: Shaped[np.ndarray, "Y X"]
    combined: Shaped[np.ndarray, "Y X"]
    log_odds: Float32[np.ndarray, "Y X"] | None = None


class VoxelClass(enum.IntEnum):
    """What fills a voxel."""

    STATIC = 1
    DYNAMIC = 2
    GROUND = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PanopticVoxels:
    """The V occupied voxels around the sensor at one stamp, axes of odom; all others were not hit.

    Attributes:
        stamp_ns: Stamp of the scan.
        origin_odom: (3,) outer corner of voxel [0, 0, 0].
        voxel_m: Side of a voxel.
        shape_zyx: Voxels along z, y, x.
        voxel: (V,) row-major indices in `[Z, Y, X]`, rising.
        voxel_class: (V,) values of `VoxelClass`.
        instance: (V,) id of the track, -1 for none.
    """

    stamp_ns: int
    origin_odom: Float64[np.ndarray, " 3"]
    voxel_m: float
    shape_zyx: tuple[int, int, int]
    voxel: Int64[np.ndarray, " V"]
    voxel_class: UInt8[np.ndarray, " V"]
    instance: Int64[np.ndarray, " V"]

    def __post_init__(self) -> None:
        if not len(self.voxel) == len(self.voxel_class) == len(self.instance):
            raise DataError(
                f"{len(self.voxel)} voxels need as many classes and instances, got "
                f"{len(self.voxel_class)} and {len(self.instance)}."
            )
