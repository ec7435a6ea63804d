# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a scan shows that the map does not explain."""

from __future__ import annotations

import numpy as np
import torch

from unsup_track_ros.occupancy.change_image import ChangeImageConfig, change_image
from unsup_track_ros.occupancy.mapper import ScanReading
from unsup_track_ros.structures.grids import OccupancyGrids

SIDE = 20
FREE, UNKNOWN, OCCUPIED = 10, -1, 90


def past(static: np.ndarray) -> OccupancyGrids:
    """A map of 1 m cells whose cell [0, 0] starts at (-10, -10)."""
    nothing = np.zeros_like(static)
    return OccupancyGrids(
        stamp_ns=0,
        resolution_m=1.0,
        origin_odom=np.array([-10.0, -10.0]),
        static=static,
        dynamic=nothing,
        combined=static,
    )


def scan(*places: tuple[float, float]) -> ScanReading:
    """Obstacles at x, y in odom, seen from (1, 0)."""
    offset = torch.tensor([[x - 1.0, y, 0.0] for x, y in places]).T
    num = len(places)
    return ScanReading(
        stamp_ns=7,
        position_odom=np.array([1.0, 0.0, 0.0]),
        offset_odom=offset,
        within=torch.ones(num, dtype=torch.bool),
        obstacle=torch.arange(num),
        obstacle_cell=torch.zeros(num, dtype=torch.int64),
        origin_cell=np.zeros(2, np.int64),
        free=torch.zeros((4, 4), dtype=torch.bool),
    )


def changed(static: np.ndarray, *places: tuple[float, float]) -> set[tuple[int, int]]:
    """Row and column of the changed cells."""
    image = change_image(scan(*places), past(static.astype(np.int8)), ChangeImageConfig())
    assert image.first_cell.tolist() == [-10, -10]
    assert image.stamp_ns == 7
    return {(int(row), int(column)) for row, column in np.argwhere(image.changed)}


def test_an_obstacle_in_free_space_is_change() -> None:
    assert changed(np.full((SIDE, SIDE), FREE), (2.5, -3.5)) == {(6, 12)}


def test_what_the_map_knows_or_does_not_know_at_all_is_no_change() -> None:
    static = np.full((SIDE, SIDE), FREE)
    static[6, 12] = OCCUPIED
    static[15] = UNKNOWN
    assert changed(static, (2.5, -3.5), (2.5, 5.5)) == set()


def test_cells_beside_a_wall_stay_out() -> None:
    static = np.full((SIDE, SIDE), FREE)
    static[7, 12] = OCCUPIED
    assert changed(static, (2.5, -3.5), (2.5, -6.5)) == {(3, 12)}


def test_obstacles_beyond_the_map_are_left_out() -> None:
    assert changed(np.full((SIDE, SIDE), FREE), (50.0, 0.0)) == set()
