# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Voxels from above: what lies ahead is up, what lies to the left is left, the highest is seen."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.base_voxels import EgoGridConfig
from unsup_track_ros.structures.voxel_scene import LABEL_FREE, PanopticPrediction
from unsup_track_ros.visualization.colors import track_color
from unsup_track_ros.visualization.voxel_view import voxels_from_above

GRID = EgoGridConfig(half_size_m=4.0, bottom_m=-1.0, layers=2, voxel_m=1.0).grid
GROUND, STRUCTURE, MOVABLE = 1, 2, 3


def test_what_lies_ahead_is_up_and_what_lies_to_the_left_is_left() -> None:
    semantics = np.zeros(GRID.shape_zyx, np.uint8)
    instances = np.zeros(GRID.shape_zyx, np.int32)
    semantics[0] = GROUND
    semantics[1, 6, 7] = MOVABLE  # 3.5 m ahead, 2.5 m to the left
    instances[1, 6, 7] = 5
    semantics[1, 0, 0] = STRUCTURE  # behind, to the right
    seen = np.ones(GRID.shape_zyx, bool)
    seen[:, :, 0] = False
    answer = PanopticPrediction(
        stamp_ns=0, grid=GRID, semantics=semantics, instances=instances, odom_T_base=np.eye(4)
    )
    picture = voxels_from_above(answer, seen, LABEL_FREE)
    assert picture.shape == (64, 64, 3)
    cells = picture[4::8, 4::8]  # rows from ahead to behind, columns from left to right
    assert tuple(cells[0, 1]) == track_color(5)
    assert len({tuple(colour) for colour in cells[0, 2:]}) == 1  # ground
    assert tuple(cells[7, 7]) == (18, 18, 22)  # nobody sees what stands there
