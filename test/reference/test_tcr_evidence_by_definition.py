# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from reference.tcr_evidence_by_definition import Rules, displaced_and_moving
from unit.perception.motion_scenes import CAM_T_VELO, make_scene

from unsup_track_ros.geometry.voxels import dense
from unsup_track_ros.perception.motion_segmentation.projected_scan import flow_view
from unsup_track_ros.perception.motion_segmentation.tcr_evidence import (
    TcrEvidenceConfig,
    VoxelGridConfig,
    pixel_evidence,
    voxel_sets,
)
from unsup_track_ros.structures.frame import PointCloud

GRID = VoxelGridConfig(num_z=64, num_y=8, num_x=64)


@pytest.mark.parametrize("quirks", [False, True])
def test_sparse_evidence_equals_the_dense_definition_on_a_noisy_scene(quirks: bool) -> None:
    rng = np.random.default_rng(7)
    scene = make_scene(board_shift_cam=(0.9, 0.0, 0.3))
    # Noise, unreliable pixels, several points per pixel, and a third of the points gone.
    noise = rng.normal(0, 4.0, scene.flow10_px.shape)
    reliable = rng.random(scene.flow10_px.shape[1:]) < 0.8
    scene = scene.with_flow(scene.flow10_px + noise, reliable)
    points = scene.frame.cloud.points_velo
    points = points[rng.permutation(len(points))[: len(points) // 3]]
    points = np.concatenate([points, points[:500] * np.float32(1.1)])
    frame = dataclasses.replace(scene.frame, cloud=PointCloud(points_velo=points))
    view = flow_view(frame, scene.history[0], scene.flow, scene.egomotion, 1.0)
    assert view is not None
    config = TcrEvidenceConfig(
        grid=GRID, quirk_last_write_depth=quirks, quirk_target_reliability=quirks
    )
    fast = voxel_sets(config, view, pixel_evidence(config, view))
    rules = Rules(grid=GRID.grid(), quirks=quirks)
    displaced, moving = displaced_and_moving(rules, view, points, CAM_T_VELO)
    assert displaced.sum() > moving.sum() > 50
    np.testing.assert_array_equal(dense(rules.grid, fast[0]), displaced)
    np.testing.assert_array_equal(dense(rules.grid, fast[1]), moving)
