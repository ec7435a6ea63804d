# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from unit.perception.motion_scenes import Scene, make_scene

from unsup_track_ros.perception.motion_segmentation.lidar_evidence import (
    LidarEvidence,
    LidarEvidenceConfig,
)
from unsup_track_ros.structures.frame import PointCloud


def wall(x_from: float, x_to: float) -> np.ndarray:
    """Return a wall beside the sensor, along x, as points 0.1 m apart."""
    x, z = np.meshgrid(np.arange(x_from, x_to, 0.1), np.arange(-1, 0.5, 0.1))
    return np.stack([x.ravel(), np.full(x.size, 3.0), z.ravel()], axis=1).astype(np.float32)


def scene_of(points1: np.ndarray, points0: np.ndarray, forward_m: float = 0.0) -> Scene:
    scene = make_scene(forward_m=forward_m, seconds=0.5)
    past = dataclasses.replace(
        scene.history[0].frame, cloud=PointCloud(points_velo=points0.astype(np.float32))
    )
    return dataclasses.replace(
        scene,
        frame=dataclasses.replace(scene.frame, cloud=PointCloud(points_velo=points1)),
        history=(dataclasses.replace(scene.history[0], frame=past),),
    )


def share(scene: Scene, velocity_velo: tuple[float, float, float]) -> float:
    label = np.ones(len(scene.frame.cloud.points_velo), np.int64)
    velocities = np.array([(np.nan,) * 3, velocity_velo], np.float32)
    evidence = LidarEvidence(LidarEvidenceConfig())
    shares = evidence.explained_shares(
        scene.frame, scene.history[0], scene.egomotion, (label, velocities)
    )
    assert np.isnan(shares[0])
    return float(shares[1])


def test_an_object_that_moved_is_met_where_it_was() -> None:
    assert share(scene_of(wall(0, 4), wall(-2, 2)), (4, 0, 0)) == 1.0


def test_a_velocity_that_puts_half_of_it_on_the_road_is_met_by_half() -> None:
    assert share(scene_of(wall(0, 4), wall(0, 4)), (4, 0, 0)) == pytest.approx(0.5, abs=0.1)


def test_the_sensors_own_motion_is_taken_out() -> None:
    """The past sensor stood 3 m behind, so it saw the same wall 3 m further ahead."""
    assert share(scene_of(wall(0, 4), wall(3, 7), forward_m=3.0), (0, 0, 0)) == 1.0


def test_a_past_without_points_there_meets_nothing() -> None:
    assert share(scene_of(wall(0, 4), np.zeros((0, 3))), (1, 0, 0)) == 0.0


def test_clusters_that_are_not_asked_about_have_no_share() -> None:
    assert np.isnan(share(scene_of(wall(0, 4), wall(0, 4)), (np.nan, np.nan, np.nan)))


def test_without_a_pose_there_is_no_share() -> None:
    scene = scene_of(wall(0, 4), wall(0, 4))
    lost = dataclasses.replace(scene.egomotion, velo1_T_velo0=None, odom_T_velo1=None)
    assert np.isnan(share(dataclasses.replace(scene, egomotion=lost), (1, 0, 0)))
