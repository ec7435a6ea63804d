# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Occupancy to nav_msgs and to our own voxel message."""

from __future__ import annotations

from typing import Literal

import numpy as np
from geometry_msgs.msg import Point, Pose
from nav_msgs.msg import MapMetaData, OccupancyGrid
from sensor_msgs.msg import Image

from unsup_track_ros.msg import PanopticVoxelGrid
from unsup_track_ros.ros.configuration import BeliefMapConfig
from unsup_track_ros.ros.convert.basics import to_array, to_header, to_point, to_time
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.beliefs import Beliefs
from unsup_track_ros.structures.grids import OccupancyGrids, PanopticVoxels


def to_occupancy_grid(
    grids: OccupancyGrids, layer: Literal["static", "dynamic", "combined"], odom: str
) -> OccupancyGrid:
    """Build one layer of the grid; it lies at height 0 of odom."""
    cells = getattr(grids, layer)
    height, width = cells.shape
    x_m, y_m = (float(value) for value in grids.origin_odom)
    return OccupancyGrid(
        header=to_header(grids.stamp_ns, odom),
        info=MapMetaData(
            map_load_time=to_time(grids.stamp_ns),
            resolution=grids.resolution_m,
            width=width,
            height=height,
            origin=Pose(position=Point(x=x_m, y=y_m, z=0.0)),
        ),
        data=to_array("b", cells),
    )


def to_belief_image(
    beliefs: Beliefs, centre_odom: Float64[np.ndarray, " 2"], odom: str, config: BeliefMapConfig
) -> Image:
    """Build a map of where hidden objects are expected, seen from above.

    Pixels are expected numbers of objects (32FC1); they sum to the number of hidden objects in the
    square. x of odom is to the right and y up, as on a map; the middle of the image is the LiDAR.
    """
    cells = beliefs.heat_map(centre_odom, config.half_size_m, config.resolution_m)[::-1]
    height, width = cells.shape
    return Image(
        header=to_header(beliefs.stamp_ns, odom),
        height=height,
        width=width,
        encoding="32FC1",
        is_bigendian=0,
        step=4 * width,
        data=to_array("B", np.frombuffer(cells.astype("<f4").tobytes(), np.uint8)),
    )


def to_panoptic_grid(voxels: PanopticVoxels, odom: str) -> PanopticVoxelGrid:
    """Build the sparse voxel message."""
    size_z, size_y, size_x = voxels.shape_zyx
    return PanopticVoxelGrid(
        header=to_header(voxels.stamp_ns, odom),
        origin=to_point(voxels.origin_odom),
        resolution=voxels.voxel_m,
        size_x=size_x,
        size_y=size_y,
        size_z=size_z,
        voxel=to_array("I", voxels.voxel.astype(np.uint32)),
        voxel_class=to_array("B", voxels.voxel_class),
        instance=to_array("q", voxels.instance),
    )
