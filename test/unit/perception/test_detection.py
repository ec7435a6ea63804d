# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from unit.perception.motion_scenes import Scene, make_scene

from unsup_track_ros.perception.detection import DetectionConfig, MotionDetector
from unsup_track_ros.perception.motion_segmentation import MotionSegmentationConfig, MotionSegmenter
from unsup_track_ros.structures.frame import PointCloud, SensorFrame
from unsup_track_ros.structures.motion import MotionRegions, MotionSegmentation, MotionStatus


def detector(**values: float) -> MotionDetector:
    return MotionDetector(DetectionConfig.model_validate(values), torch.device("cpu"))


def blob(x: float, y: float, num: int = 20) -> np.ndarray:
    return np.random.default_rng(0).normal((x, y, 0), 0.1, (num, 3)).astype(np.float32)


def group(
    *blobs: np.ndarray,
    velocities: Sequence[Sequence[float] | np.ndarray] | None = None,
    clusters: list[int] | None = None,
    moving: np.ndarray | None = None,
    **values: float,
) -> MotionRegions:
    """Detect in a scan of blobs, one velocity and one cluster per blob."""
    sizes = [len(b) for b in blobs]
    points = np.concatenate([np.zeros((0, 3), np.float32), *blobs])
    frame = SensorFrame(
        stamp_ns=1, index=0, cloud=PointCloud(points_velo=points), base_T_velo=np.eye(4)
    )
    mask = np.ones(len(points), bool) if moving is None else moving
    motion = MotionSegmentation(
        status=MotionStatus.OK,
        moving_points=mask,
        judged_points=np.ones(len(points), bool),
        velocity_velo=None
        if velocities is None
        else np.repeat(np.array(velocities, np.float32), sizes, axis=0),
        point_cluster=None if clusters is None else np.repeat(clusters, sizes),
    )
    return detector(**{"min_points_unmeasured": 8, **values}).step(frame, motion)


def test_no_points_and_no_moving_points_give_no_region() -> None:
    assert len(group().scores) == 0
    regions = group(blob(0, 0), moving=np.zeros(20, bool))
    assert len(regions.scores) == 0
    assert regions.point_region.tolist() == [0] * 20


def test_two_blobs_apart_are_two_regions_the_larger_first() -> None:
    regions = group(blob(0, 0, 20), blob(5, 0, 40))
    assert regions.point_region.tolist() == [2] * 20 + [1] * 40
    assert regions.scores[0] > regions.scores[1]


def test_touching_blobs_join_where_nothing_tells_their_velocities() -> None:
    assert group(blob(0, 0), blob(0.7, 0)).point_region.tolist() == [1] * 40


def test_touching_blobs_with_different_velocities_part() -> None:
    regions = group(blob(0, 0), blob(0.7, 0), velocities=[(5, 0, 0), (-5, 0, 0)])
    assert len(regions.scores) == 2
    np.testing.assert_allclose(np.sort(regions.flow_velo[:, 0]), [-5, 5])


def test_pieces_of_one_cluster_stay_one_region_across_a_gap() -> None:
    regions = group(blob(0, 0), blob(3, 0), clusters=[4, 4])
    assert regions.point_region.tolist() == [1] * 40


def test_points_without_cluster_are_not_one_cluster() -> None:
    assert len(group(blob(0, 0), blob(3, 0), clusters=[0, 0]).scores) == 2


def test_small_regions_and_the_least_supported_ones_are_left_out() -> None:
    assert len(group(blob(0, 0, 5), min_points=6).scores) == 0
    blobs = [blob(4 * i, 0, 20 + i) for i in range(5)]
    regions = group(*blobs, max_regions=2)
    assert np.bincount(regions.point_region)[1:].tolist() == [24, 23]


def test_regions_without_a_velocity_need_more_points() -> None:
    blobs = [blob(0, 0, 20), blob(5, 0, 20)]
    velocities = [(3, 0, 0), (np.nan,) * 3]
    regions = group(*blobs, velocities=velocities, min_points_unmeasured=21)
    assert regions.point_region.tolist() == [1] * 20 + [0] * 20


def test_unknown_velocities_stay_unknown() -> None:
    assert np.isnan(group(blob(0, 0)).flow_velo).all()


def tcr_regions(scene: Scene, **values: float) -> MotionRegions:
    segmenter = MotionSegmenter(MotionSegmentationConfig(mode="tcr"), torch.device("cpu"))
    motion = segmenter.step(scene.frame, scene.history, scene.flow, scene.egomotion)
    return detector(**values).step(scene.frame, motion)


def test_voxels_of_a_moving_board_make_one_region_of_its_points() -> None:
    scene = make_scene(board_shift_cam=(0.9, 0.0, 0.0))
    regions = tcr_regions(scene)
    assert len(regions.scores) == 1
    assert regions.voxels is not None
    assert set(regions.voxels.region.tolist()) == {1}
    found = regions.point_region == 1
    assert (found & scene.on_board).sum() > 0.6 * scene.on_board.sum()
    assert (found & ~scene.on_board).sum() <= 0.02 * found.sum()
    assert np.isnan(regions.flow_velo).all()


def test_voxels_of_a_static_world_make_no_region() -> None:
    regions = tcr_regions(make_scene())
    assert len(regions.scores) == 0
    assert not regions.point_region.any()


def test_a_region_of_too_few_pixels_is_left_out() -> None:
    scene = make_scene(board_shift_cam=(0.9, 0.0, 0.0))
    assert len(tcr_regions(scene, min_pixels=5000).scores) == 0


def test_voxel_scores_are_one_only_as_a_quirk() -> None:
    scene = make_scene(board_shift_cam=(0.9, 0.0, 0.0))
    assert 0.5 < tcr_regions(scene).scores[0] < 1
    assert tcr_regions(scene, quirk_unit_scores=True).scores[0] == 1


@pytest.mark.parametrize("order", [1, -1])
def test_the_regions_do_not_depend_on_the_order_of_the_points(order: int) -> None:
    blobs = [blob(0, 0, 20), blob(5, 0, 40), blob(9, 0, 30)][::order]
    regions = group(*blobs)
    sizes = np.bincount(regions.point_region)[1:]
    assert sizes.tolist() == [40, 30, 20]
