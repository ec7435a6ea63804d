# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What cameras say of the voxels around the vehicle, as our voxel message and as points."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import PointCloud2

from unsup_track_ros.geometry.base_voxels import base_voxel_centres
from unsup_track_ros.msg import PanopticVoxelGrid
from unsup_track_ros.ros.convert.basics import to_array, to_header, to_point
from unsup_track_ros.ros.convert.sensors import NO_TRACK, to_cloud
from unsup_track_ros.shapes import Int64, UInt8
from unsup_track_ros.structures.grids import VoxelClass
from unsup_track_ros.structures.voxel_scene import NO_INSTANCE, CameraScene


def to_camera_voxels(scene: CameraScene, base: str) -> PanopticVoxelGrid:
    """Build the sparse message of the voxels that a camera sees and that are not free, in base."""
    voxel, kind, instance = _filled(scene)
    grid = scene.prediction.grid
    size_z, size_y, size_x = grid.shape_zyx
    return PanopticVoxelGrid(
        header=to_header(scene.prediction.stamp_ns, base),
        origin=to_point(np.array(grid.minimum_m)),
        resolution=grid.voxel_m[0],
        size_x=size_x,
        size_y=size_y,
        size_z=size_z,
        voxel=to_array("I", voxel.astype(np.uint32)),
        voxel_class=to_array("B", kind),
        instance=to_array("q", instance),
    )


def to_camera_voxel_points(scene: CameraScene, base: str) -> PointCloud2:
    """Build a point in the middle of each of these voxels, with columns class and instance."""
    voxel, kind, instance = _filled(scene)
    places = base_voxel_centres(scene.prediction.grid).reshape(-1, 3)[voxel]
    return to_cloud(
        {
            **{axis: ("f4", places[:, i]) for i, axis in enumerate("xyz")},
            "instance": ("i4", instance),
            "class": ("u1", kind),
        },
        (scene.prediction.stamp_ns, base),
    )


def _filled(
    scene: CameraScene,
) -> tuple[Int64[np.ndarray, " V"], UInt8[np.ndarray, " V"], Int64[np.ndarray, " V"]]:
    """Return the seen voxels that are not free, what fills them, and their instances."""
    classes, semantics = scene.classes, scene.prediction.semantics
    left_out = (classes.free, *classes.ignored)
    voxel = np.flatnonzero(scene.seen & ~np.isin(semantics, left_out))
    kind_of = np.full(len(classes), VoxelClass.STATIC, np.uint8)
    kind_of[list(classes.things)] = VoxelClass.DYNAMIC
    kind_of[list(classes.ground)] = VoxelClass.GROUND
    found = scene.prediction.instances.ravel()[voxel].astype(np.int64)
    return voxel, kind_of[semantics.ravel()[voxel]], np.where(found == NO_INSTANCE, NO_TRACK, found)
