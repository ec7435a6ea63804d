# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cameras fill what the LiDAR left open and change nothing that it knows."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry.base_voxels import EgoGridConfig
from unsup_track_ros.geometry.se3 import rigid, rotation_about_z
from unsup_track_ros.occupancy.camera_fusion import CameraFusionConfig, fused_grids
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.voxel_scene import LABEL_FREE, CameraScene, PanopticPrediction

GRID = EgoGridConfig(half_size_m=4.0, bottom_m=-1.0, layers=4, voxel_m=1.0).grid
GROUND, STRUCTURE, MOVABLE = 1, 2, 3
EVERYWHERE = np.ones(GRID.shape_zyx, bool)
CONFIG = CameraFusionConfig()


def lidar(static: int, dynamic: int = -1) -> OccupancyGrids:
    """8 x 8 m around the origin of odom, all cells alike."""
    full = [np.full((16, 16), value, np.int8) for value in (static, dynamic)]
    return OccupancyGrids(
        stamp_ns=0,
        resolution_m=0.5,
        origin_odom=np.array([-4.0, -4.0]),
        static=full[0],
        dynamic=full[1],
        combined=np.maximum(*full),
    )


def answer(filled: dict[tuple[int, int, int], int], yaw_rad: float = 0.0) -> PanopticPrediction:
    """Ground everywhere, and some voxels (z, y, x) of another class."""
    semantics = np.zeros(GRID.shape_zyx, np.uint8)
    semantics[0] = GROUND
    for voxel, index in filled.items():
        semantics[voxel] = index
    return PanopticPrediction(
        stamp_ns=0,
        grid=GRID,
        semantics=semantics,
        instances=np.zeros(GRID.shape_zyx, np.int32),
        odom_T_base=rigid(rotation_about_z(yaw_rad), np.zeros(3)),
    )


def scene(said: PanopticPrediction, seen: np.ndarray) -> CameraScene:
    return CameraScene(prediction=said, seen=seen, classes=LABEL_FREE)


def test_where_the_lidar_knows_nothing_the_cameras_decide() -> None:
    fused = fused_grids(lidar(-1), scene(answer({(1, 4, 6): STRUCTURE}), EVERYWHERE), CONFIG)
    expected = np.full((16, 16), 30)
    expected[8:10, 12:14] = 75
    np.testing.assert_array_equal(fused.static, expected)
    assert fused.log_odds is not None
    assert fused.log_odds[8, 12] == pytest.approx(np.log(3.0))


@pytest.mark.parametrize("known", [3, 49, 51, 97])
def test_what_the_lidar_has_seen_once_no_camera_changes(known: int) -> None:
    before = lidar(known, 0)
    fused = fused_grids(before, scene(answer({(1, 4, 6): STRUCTURE}), EVERYWHERE), CONFIG)
    np.testing.assert_array_equal(fused.static, before.static)
    np.testing.assert_array_equal(fused.dynamic, before.dynamic)


def test_weak_evidence_of_the_lidar_lets_the_cameras_speak_in_part_where_that_is_wanted() -> None:
    config = CONFIG.model_copy(update={"trusted_probability": 0.6})
    seen = answer({(1, 4, 6): STRUCTURE})
    fused = fused_grids(lidar(55), scene(seen, EVERYWHERE), config)
    assert 55 < fused.static[8, 12] < 75
    assert 30 < fused.static[0, 0] < 55


def test_what_moves_goes_to_the_dynamic_layer_only() -> None:
    fused = fused_grids(lidar(-1), scene(answer({(1, 4, 6): MOVABLE}), EVERYWHERE), CONFIG)
    assert fused.dynamic[8, 12] == fused.combined[8, 12] == 100
    assert fused.static[8, 12] == -1
    assert fused.dynamic[0, 0] == 0


def test_what_no_camera_sees_stays_unknown() -> None:
    nowhere = np.zeros(GRID.shape_zyx, bool)
    fused = fused_grids(lidar(-1), scene(answer({(1, 4, 6): STRUCTURE}), nowhere), CONFIG)
    assert (fused.static == -1).all()
    assert (fused.combined == -1).all()


def test_what_is_above_the_vehicle_or_the_ground_itself_is_no_obstacle() -> None:
    config = CONFIG.model_copy(update={"high_m": 1.0})
    fused = fused_grids(lidar(-1), scene(answer({(3, 4, 6): STRUCTURE}), EVERYWHERE), config)
    assert (fused.static == 30).all()


def test_a_vehicle_that_turned_left_has_ahead_on_its_left_in_odom() -> None:
    turned = answer({(1, 4, 7): STRUCTURE}, yaw_rad=np.pi / 2)  # 3.5 m ahead, 0.5 m to the left
    fused = fused_grids(lidar(-1), scene(turned, EVERYWHERE), CONFIG)
    y, x = np.nonzero(fused.static > 65)
    assert (y.min(), y.max(), x.min(), x.max()) == (14, 15, 6, 7)
