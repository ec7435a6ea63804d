# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bird's-eye view of a scan with the static background removed.

A cell shows where the scan has an obstacle and the map, made of the scans before, says free. What
the map does not know stays out: it may be anything. What stands still for a while enters the map
and disappears.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.occupancy.mapper import ScanReading
from unsup_track_ros.structures.change import ChangeImage
from unsup_track_ros.structures.grids import OccupancyGrids


class ChangeImageConfig(Config):
    """What counts as changed."""

    always: bool = parameter(
        False, "Make the image for every detector, not only for 'silot': to train a network on it."
    )
    max_free_percent: int = parameter(
        40, "Static occupancy up to which the map says free, in percent.", ge=0, le=50
    )
    static_margin_cells: int = parameter(
        1, "Cells this near to a static obstacle stay out: walls are not sharp.", ge=0
    )
    min_points: int = parameter(1, "Fewest returns of a changed cell.", ge=1)


def change_image(scan: ScanReading, past: OccupancyGrids, config: ChangeImageConfig) -> ChangeImage:
    """Compare a scan with the map as it was before the scan; the answer has the map's cells."""
    shape = past.static.shape
    corner = past.origin_odom - scan.position_odom[:2]
    offset = scan.offset_odom[:2].index_select(1, scan.obstacle).cpu().numpy()
    column, row = np.floor((offset - corner[:, None]) / past.resolution_m).astype(np.int64)
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    count = np.bincount((row * shape[1] + column)[inside], minlength=shape[0] * shape[1])
    free = (past.static >= 0) & (past.static <= config.max_free_percent)
    occupied = past.static > 100 - config.max_free_percent
    if config.static_margin_cells:
        occupied = ndimage.binary_dilation(
            occupied, np.ones((3, 3), bool), iterations=config.static_margin_cells
        )
    return ChangeImage(
        stamp_ns=scan.stamp_ns,
        resolution_m=past.resolution_m,
        first_cell=np.rint(past.origin_odom / past.resolution_m).astype(np.int64),
        changed=(count.reshape(shape) >= config.min_points) & free & ~occupied,
    )
