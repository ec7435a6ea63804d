# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from unit.perception.motion_scenes import Scene, make_scene

from unsup_track_ros.perception.detection import DetectionConfig, MotionDetector
from unsup_track_ros.perception.motion_segmentation import MotionSegmentationConfig, MotionSegmenter
from unsup_track_ros.structures.frame import PointCloud, SensorFrame
from unsup_track_ros.structures.motion import (
    MotionRegions,
    MotionSegmentation,
    MotionState,
    MotionStatus,
)


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
    segmenter = MotionSegmenter(MotionSegmentationConfig(mode="tcr"))
    motion = segmenter.step(scene.frame, scene.history, lambda: scene.flow, scene.egomotion)
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


def scan_of(
    *blobs: np.ndarray, moving: Sequence[bool], standing: Sequence[bool], clusters: Sequence[int]
) -> tuple[SensorFrame, MotionSegmentation]:
    """Return a scan of blobs, each a cluster of its own that was judged as a whole."""
    sizes = [len(b) for b in blobs]
    points = np.concatenate(blobs)
    frame = SensorFrame(
        stamp_ns=1, index=0, cloud=PointCloud(points_velo=points), base_T_velo=np.eye(4)
    )
    moves = np.repeat(moving, sizes)
    motion = MotionSegmentation(
        status=MotionStatus.OK,
        moving_points=moves,
        judged_points=np.ones(len(points), bool),
        velocity_velo=np.where(moves[:, None], (2.0, 0, 0), np.nan).astype(np.float32),
        confidence=np.where(moves, 0.5, 0).astype(np.float32),
        standing_points=np.repeat(standing, sizes),
        point_cluster=np.repeat(clusters, sizes),
    )
    return frame, motion


def square(x: float, y: float) -> list[float]:
    return [x, y, 0.0, 1.5, 1.5, 2.0, 0.0]


def four_things() -> tuple[SensorFrame, MotionSegmentation]:
    """One that moves, one that stands, one of which nobody knows, and another that stands."""
    return scan_of(
        *(blob(10 * n, 0, num) for n, num in enumerate((20, 30, 40, 40))),
        moving=[True, False, False, False],
        standing=[False, True, False, True],
        clusters=[1, 2, 3, 4],
    )


def test_clusters_in_expected_boxes_are_regions_though_they_do_not_move() -> None:
    frame, motion = four_things()
    expected = np.array([square(0, 0), square(10, 0), square(20, 0), square(50, 0)])
    regions = detector().step(frame, motion, expected)
    assert regions.point_region.tolist() == [1] * 20 + [2] * 30 + [3] * 40 + [0] * 40
    states = [MotionState.MOVING, MotionState.STANDING, MotionState.UNSURE]
    assert regions.motion.tolist() == states
    np.testing.assert_allclose(regions.scores, [10 / 22, 30 / 42, 40 / 52], rtol=1e-5)
    np.testing.assert_allclose(regions.flow_velo[0], (2, 0, 0))
    assert np.isnan(regions.flow_velo[1:]).all()


@pytest.mark.parametrize(("apart_m", "found"), [(0.9, True), (1.1, False)])
def test_most_of_a_cluster_must_lie_in_the_expected_box(apart_m: float, found: bool) -> None:
    """The box ends 0.75 m + 0.3 m from its middle, and the blob's deviation is 0.1 m."""
    frame, motion = scan_of(blob(0, 0, 200), moving=[False], standing=[True], clusters=[1])
    regions = detector().step(frame, motion, np.array([square(apart_m, 0)]))
    assert regions.point_region.any() == found


@pytest.mark.parametrize("expected", [None, np.zeros((0, 7))])
def test_without_expected_boxes_only_what_moves_is_a_region(expected: np.ndarray | None) -> None:
    frame, motion = four_things()
    assert detector().step(frame, motion, expected).motion.tolist() == [MotionState.MOVING]


def test_expected_boxes_need_clusters() -> None:
    frame, motion = four_things()
    unclustered = dataclasses.replace(motion, point_cluster=None)
    regions = detector().step(frame, unclustered, np.array([square(10, 0)]))
    assert regions.motion.tolist() == [MotionState.MOVING]


def test_every_cluster_of_an_objects_size_is_a_region_when_all_are_asked_for() -> None:
    frame, motion = four_things()
    regions = detector().every_object(frame, motion)
    assert regions.point_region.tolist() == [1] * 20 + [2] * 30 + [3] * 40 + [4] * 40
    states = ["MOVING", "STANDING", "UNSURE", "STANDING"]
    assert regions.motion.tolist() == [MotionState[state] for state in states]


def test_long_clusters_and_small_ones_are_no_objects() -> None:
    wall = np.column_stack([np.linspace(0, 15.2, 200), np.full((200, 2), 5.0)]).astype(np.float32)
    fence = wall[wall[:, 0] < 14.9] + np.array([0, 10, 0], np.float32)
    frame, motion = scan_of(
        *(wall, fence, blob(0, 0, 7)),
        moving=[False] * 3,
        standing=[True] * 3,
        clusters=[1, 2, 3],
    )
    region = detector().every_object(frame, motion).point_region
    assert region.tolist() == [0] * 200 + [1] * len(fence) + [0] * 7


def test_points_of_no_cluster_are_no_object() -> None:
    frame, motion = scan_of(blob(0, 0, 50), moving=[False], standing=[True], clusters=[0])
    assert len(detector().every_object(frame, motion).scores) == 0
    unclustered = dataclasses.replace(motion, point_cluster=None)
    assert len(detector().every_object(frame, unclustered).scores) == 0


def test_sure_points_make_a_higher_score_than_doubtful_ones() -> None:
    frame, motion = scan_of(blob(0, 0, 24), moving=[True], standing=[False], clusters=[1])
    assert detector().step(frame, motion).scores[0] == pytest.approx(0.5)  # 24 * 0.5 = 12
    sure = dataclasses.replace(motion, confidence=np.ones(24, np.float32))
    assert detector().step(frame, sure).scores[0] == pytest.approx(24 / 36)


@pytest.mark.parametrize("order", [1, -1])
def test_the_regions_do_not_depend_on_the_order_of_the_points(order: int) -> None:
    blobs = [blob(0, 0, 20), blob(5, 0, 40), blob(9, 0, 30)][::order]
    regions = group(*blobs)
    sizes = np.bincount(regions.point_region)[1:]
    assert sizes.tolist() == [40, 30, 20]
