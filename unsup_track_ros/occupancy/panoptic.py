# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Panoptic voxels of one scan: what fills space, and which tracked object it belongs to.

In: points in odom, which of them belong to objects, and the tracks. Out: the occupied voxels around
the sensor, sparse, with class and instance. Keeps no state; identity over time is that of tracks.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import box_contents
from unsup_track_ros.shapes import Bool, Float, Float64
from unsup_track_ros.structures.grids import PanopticVoxels, VoxelClass
from unsup_track_ros.structures.tracks import Tracks, TrackState

_NO_INSTANCE = -1


class PanopticConfig(Config):
    """Volume and voxels of the panoptic grid."""

    size_m: float = parameter(80.0, "Side of the volume, the sensor in its middle.", unit="m", gt=1)
    below_m: float = parameter(4.0, "Depth of the volume below the sensor.", unit="m", gt=0)
    above_m: float = parameter(2.4, "Height of the volume above the sensor.", unit="m", gt=0)
    voxel_m: float = parameter(0.4, "Side of a voxel.", unit="m", gt=0)
    box_margin_m: float = parameter(
        0.2, "Points this close to a track's box belong to the object.", unit="m", ge=0
    )


def panoptic_voxels(
    points_odom: Float[np.ndarray, "P 3"],
    of_object: Bool[np.ndarray, " P"],
    sensor_odom: Float64[np.ndarray, " 3"],
    tracks: Tracks,
    config: PanopticConfig,
) -> PanopticVoxels:
    """Sort a scan into voxels.

    A voxel is dynamic if any of its points belongs to a detected object or lies in the box of a
    confirmed or coasting track, whose id it gets; of several tracks the newest wins.

    Args:
        points_odom: The scan.
        of_object: Points that belong to a detected object.
        sensor_odom: Where the scan was taken from.
        tracks: Tracks at its stamp.
        config: Volume and voxels.
    """
    num_xy = max(round(config.size_m / config.voxel_m), 1)
    num_z = max(round((config.below_m + config.above_m) / config.voxel_m), 1)
    shape = np.array([num_xy, num_xy, num_z])
    lowest = sensor_odom - np.array([config.size_m / 2, config.size_m / 2, config.below_m])
    # Whole voxels of odom: what stands still stays in the same voxel while the sensor moves.
    first = np.floor(lowest / config.voxel_m)
    origin_odom = first * config.voxel_m
    cell = np.floor((points_odom - origin_odom) / config.voxel_m).astype(np.int64)
    inside = ((cell >= 0) & (cell < shape)).all(axis=1)
    flat = (cell[inside, 2] * num_xy + cell[inside, 1]) * num_xy + cell[inside, 0]
    instance = _instances(points_odom[inside].astype(np.float64), tracks, config.box_margin_m)
    is_dynamic = of_object[inside] | (instance != _NO_INSTANCE)
    voxel, row = np.unique(flat, return_inverse=True)
    voxel_instance = np.full(len(voxel), _NO_INSTANCE, np.int64)
    np.maximum.at(voxel_instance, row, instance)
    voxel_class = np.full(len(voxel), VoxelClass.STATIC, np.uint8)
    voxel_class[row[is_dynamic]] = VoxelClass.DYNAMIC
    return PanopticVoxels(
        stamp_ns=tracks.stamp_ns,
        origin_odom=origin_odom,
        voxel_m=config.voxel_m,
        shape_zyx=(num_z, num_xy, num_xy),
        voxel=voxel,
        voxel_class=voxel_class,
        instance=voxel_instance,
    )


def _instances(
    points_odom: Float64[np.ndarray, "K 3"], tracks: Tracks, margin_m: float
) -> np.ndarray:
    believed = tracks.states != TrackState.TENTATIVE
    box = box_contents.box_of_points(points_odom, tracks.boxes_odom[believed], margin_m)
    ids = np.append(tracks.ids[believed], _NO_INSTANCE)  # the box -1 is none
    return np.asarray(ids[box])
