# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
from unit.perception.motion_scenes import Scene, heights_m, make_scene

from unsup_track_ros.perception.motion_segmentation.camera_clusters import CameraClusterConfig
from unsup_track_ros.perception.motion_segmentation.camera_evidence import (
    CameraEvidenceConfig,
    camera_evidence,
)
from unsup_track_ros.perception.motion_segmentation.cluster_fusion import fuse_clusters
from unsup_track_ros.perception.motion_segmentation.lidar_evidence import (
    LidarEvidence,
    LidarEvidenceConfig,
    PointEvidence,
)
from unsup_track_ros.perception.motion_segmentation.projected_scan import flow_view
from unsup_track_ros.structures.frame import PointCloud

SURE = 0.75


def fused(
    scene: Scene, claim: tuple[float, float, float] | None, *, cluster: int = 1, judged: bool = True
) -> PointEvidence:
    """Fuse LiDAR's claim about the board (None: it stands) with its flow."""
    num = len(scene.on_board)
    velocity = np.full((num, 3), np.nan, np.float32)
    if claim is not None:
        velocity[scene.on_board] = claim
    moving = scene.on_board & (claim is not None)
    lidar = PointEvidence(
        moving=moving,
        judged=np.full(num, judged),
        velocity_velo=velocity,
        confidence=np.where(moving, SURE, 0.0).astype(np.float32),
        standing=scene.on_board & (claim is None),
        free_space=np.where(moving, SURE, 0.0).astype(np.float32),
        cluster=np.where(scene.on_board, cluster, 0),
    )
    view = flow_view(scene.frame, scene.history[0], scene.flow, scene.egomotion, 1.0)
    assert view is not None
    image = camera_evidence(CameraEvidenceConfig(), view, heights_m(scene.frame))
    past_scan = LidarEvidence(LidarEvidenceConfig())

    def explained_shares(velocities_velo: np.ndarray) -> np.ndarray:
        return past_scan.explained_shares(
            scene.frame, scene.history[0], scene.egomotion, (lidar.cluster, velocities_velo)
        )

    return fuse_clusters(CameraClusterConfig(), lidar, image, view, scene.frame, explained_shares)


def moving_scene() -> Scene:
    return make_scene(board_shift_cam=(0.9, 0.0, 0.0), seconds=0.3)


def board_velocity(scene: Scene, evidence: PointEvidence) -> np.ndarray:
    velocity = np.unique(evidence.velocity_velo[scene.on_board], axis=0)
    assert len(velocity) == 1
    return np.asarray(velocity[0])


def test_a_true_answer_of_lidar_stands_to_the_byte() -> None:
    scene = moving_scene()
    evidence = fused(scene, (0.1, -3.1, 0.0))
    assert (evidence.moving == scene.on_board).all()
    np.testing.assert_array_equal(
        board_velocity(scene, evidence), np.array([0.1, -3.1, 0.0], np.float32)
    )
    assert (evidence.confidence == np.where(scene.on_board, SURE, 0)).all()
    assert not evidence.standing.any()


def test_a_cluster_that_lidar_takes_for_standing_moves_by_its_flow() -> None:
    scene = moving_scene()
    evidence = fused(scene, None)
    assert (evidence.moving == scene.on_board).all()
    np.testing.assert_allclose(board_velocity(scene, evidence), (0, -3, 0), atol=0.2)
    assert (evidence.confidence[scene.on_board] > 0.5).all()  # what the past scan explains of it
    assert not evidence.standing.any()


def test_a_wrong_velocity_of_lidar_is_replaced() -> None:
    scene = moving_scene()
    evidence = fused(scene, (0.0, 6.0, 0.0))
    assert (evidence.moving == scene.on_board).all()
    np.testing.assert_allclose(board_velocity(scene, evidence), (0, -3, 0), atol=0.2)


def test_a_standing_cluster_that_lidar_moves_stands_by_its_flow() -> None:
    scene = make_scene(seconds=0.3)
    evidence = fused(scene, (0.0, 6.0, 0.0))
    assert not evidence.moving.any()
    assert np.isnan(evidence.velocity_velo).all()
    assert not evidence.confidence.any()
    assert (evidence.standing == scene.on_board).all()


def test_a_standing_cluster_stands() -> None:
    assert not fused(make_scene(seconds=0.3), None).moving.any()


def test_clusters_that_lidar_did_not_judge_are_left_alone() -> None:
    assert not fused(moving_scene(), None, judged=False).moving.any()


def test_points_without_a_cluster_are_left_alone() -> None:
    assert not fused(moving_scene(), None, cluster=0).moving.any()


def test_a_velocity_that_the_past_scan_contradicts_is_not_admitted() -> None:
    """The flow tells of motion, but the past scan shows nothing where the board would have been."""
    scene = moving_scene()
    empty = PointCloud(points_velo=np.zeros((0, 3), np.float32))
    past = dataclasses.replace(scene.history[0].frame, cloud=empty)
    history = (dataclasses.replace(scene.history[0], frame=past),)
    assert not fused(dataclasses.replace(scene, history=history), None).moving.any()
