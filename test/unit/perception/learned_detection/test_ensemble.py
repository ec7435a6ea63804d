# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ensembles: a label needs motion, image, scan and occupancy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unsup_track_ros.geometry.ground import level_scan
from unsup_track_ros.geometry.voxels import TRAIN_GRID, voxel_centres
from unsup_track_ros.networks.bev_decoding import BevBoxes
from unsup_track_ros.networks.bev_inference import BevPrediction
from unsup_track_ros.networks.bev_input import BevGridConfig
from unsup_track_ros.perception.box_fitting import BoxFitter, BoxFittingConfig
from unsup_track_ros.perception.learned_detection.evidence import (
    BoxEvidence,
    LogOddsConfig,
    box_evidence,
    joint_scores,
)
from unsup_track_ros.perception.learned_detection.voxel_ensemble import (
    VoxelEnsembleConfig,
    free_voxels,
    voxel_ensemble,
)
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame
from unsup_track_ros.structures.motion import MotionRegions, MotionSegmentation, MotionStatus
from unsup_track_ros.structures.voxels import VoxelGrid

CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
CAMERA = PinholeCamera(
    width_px=200, height_px=80, pix_T_cam=np.array([[100.0, 0, 99.5], [0, 100, 39.5], [0, 0, 1]])
)
# The rear and one side of a car 12 m ahead, and the road.
CAR_VELO = np.array([14.0, 0.0, -1.0, 4.0, 1.8, 1.6, 0.0])
CONFIG = VoxelEnsembleConfig(min_voxels=16, min_side_vox=1)


def scan() -> np.ndarray:
    rng = np.random.default_rng(0)
    rear = np.column_stack(
        [np.full(3000, 12.0), rng.uniform(-0.9, 0.9, 3000), rng.uniform(-1.8, -0.2, 3000)]
    )
    top = np.column_stack(
        [rng.uniform(12, 16, 6000), rng.uniform(-0.9, 0.9, 6000), np.full(6000, -0.25)]
    )
    road = np.column_stack(
        [rng.uniform(3, 30, 4000), rng.uniform(-8, 8, 4000), np.full(4000, -1.8)]
    )
    return np.concatenate([rear, top, road]).astype(np.float32)


def frame() -> SensorFrame:
    image = CameraImage(
        name="left", stamp_ns=0, image_rgb=np.zeros((80, 200, 3), np.uint8), camera=CAMERA,
        cam_T_velo=CAM_T_VELO,
    )  # fmt: skip
    return SensorFrame(
        stamp_ns=0, index=0, cloud=PointCloud(points_velo=scan()), cameras=(image,),
        base_T_velo=np.eye(4),
    )  # fmt: skip


def motion(moving: bool = True) -> MotionSegmentation:
    on_car = np.zeros(13000, bool)
    on_car[:9000] = moving
    return MotionSegmentation(
        status=MotionStatus.OK, moving_points=on_car, judged_points=np.ones(13000, bool)
    )


def prediction(probability: float = 1.0) -> BevPrediction:
    """A segmentation that is sure of the car's volume."""
    config = BevGridConfig(z_min_m=-4.0, z_max_m=0.0).grid()
    grid = VoxelGrid(minimum_m=config.minimum_m, maximum_m=config.maximum_m, shape_zyx=(4, 64, 64))
    volume = np.zeros((4, 64, 64), np.float32)
    volume[:, 29:35, 19:29] = probability
    nothing = BevBoxes(
        boxes_bev=np.zeros((0, 7)), scores=np.zeros(0), velocities_bev=np.zeros((0, 2)),
        heading_known=np.zeros(0, bool),
    )  # fmt: skip
    return BevPrediction(boxes=nothing, segmentation=volume, grid=grid)


def seen(probability: float = 1.0) -> np.ndarray:
    return np.full((80, 200), probability, np.float32)


def test_where_all_agree_the_box_is_that_of_the_networks() -> None:
    regions = voxel_ensemble(frame(), motion(), prediction(), seen(), CONFIG)
    assert len(regions.scores) == 1
    assert regions.scores[0] == pytest.approx(1.0)
    fitter = BoxFitter(BoxFittingConfig())
    (box,) = fitter.step(
        frame(), regions, level_scan(frame().base_T_velo, frame().cloud.points_velo)
    ).boxes_velo
    assert box[0] == pytest.approx(14.0, abs=0.6)
    assert box[1] == pytest.approx(0.0, abs=0.3)
    assert 3.5 < box[3] < 5.5
    assert (regions.point_region[:9000] == 1).mean() > 0.8


def spread() -> BevPrediction:
    """A segmentation that believes in the car and in as much again around it."""
    sure = prediction()
    volume = sure.segmentation.copy()
    volume[:, 25:39, 15:33] = 1.0
    return replace(sure, segmentation=volume)


def fitted(regions: MotionRegions) -> np.ndarray:
    scanned = frame()
    level = level_scan(scanned.base_T_velo, scanned.cloud.points_velo)
    return BoxFitter(BoxFittingConfig()).step(scanned, regions, level).boxes_velo


def test_networks_that_believe_in_too_much_widen_their_boxes_but_not_those_of_moving_returns() -> (
    None
):
    released = voxel_ensemble(frame(), motion(), spread(), seen(), CONFIG)
    anchored_config = CONFIG.model_copy(update={"box_of": "moving_returns"})
    anchored = voxel_ensemble(frame(), motion(), spread(), seen(), anchored_config)
    (wide,), (box,) = fitted(released), fitted(anchored)
    assert wide[4] > CAR_VELO[4] + 1.0
    assert box[3:5] == pytest.approx(CAR_VELO[3:5], abs=0.3)
    assert anchored.scores == pytest.approx(released.scores)


def test_of_two_components_on_one_motion_one_has_its_returns() -> None:
    halves = prediction()
    volume = halves.segmentation.copy()
    volume[:, 31:33] = 0.0
    parts = replace(halves, segmentation=volume)
    released = voxel_ensemble(frame(), motion(), parts, seen(), CONFIG)
    assert len(released.scores) == 2
    config = CONFIG.model_copy(update={"box_of": "moving_returns"})
    regions = voxel_ensemble(frame(), motion(), parts, seen(), config)
    assert len(regions.scores) == len(regions.motion) == len(regions.flow_velo) == 1
    assert set(np.unique(regions.point_region)) == {0, 1}


@pytest.mark.parametrize("silent", ["motion", "image", "scan"])
def test_one_witness_that_disagrees_leaves_no_label(silent: str) -> None:
    regions = voxel_ensemble(
        frame(),
        motion(moving=silent != "motion"),
        prediction(0.0 if silent == "scan" else 1.0),
        seen(0.5 if silent == "image" else 1.0),
        CONFIG,
    )
    assert len(regions.scores) == 0
    assert not regions.point_region.any()


def test_a_component_that_is_too_small_is_no_label() -> None:
    large = VoxelEnsembleConfig(min_voxels=10_000)
    assert len(voxel_ensemble(frame(), motion(), prediction(), seen(), large).scores) == 0


def test_rays_free_what_they_pass_and_nothing_behind_their_end() -> None:
    end = np.array([[0.0625, 0.5, 20.0625]])
    free = free_voxels(end, TRAIN_GRID)
    centres = voxel_centres(TRAIN_GRID, np.flatnonzero(free.reshape(-1)))
    assert centres[:, 2].max() <= 20.1
    assert centres[:, 2].min() < 2.2
    assert np.abs(centres[:, 0] - centres[:, 2] * 0.0625 / 20.0625).max() < 0.07


def evidence(points: list[int], moving: list[float], image: list[float]) -> BoxEvidence:
    return BoxEvidence(
        point_box=np.zeros(0, np.int64),
        num_points=np.array(points),
        moving_share=np.array(moving),
        image=np.array(image),
    )


def test_odds_multiply_and_a_witness_that_did_not_see_says_nothing() -> None:
    nan = float("nan")
    known = evidence([5, 5, 5, 0], [0.5, 0.9, nan, 0.9], [0.5, 0.9, nan, 0.9])
    scores = joint_scores(
        np.array([0.8, 0.5, 0.7, 0.9]), known, LogOddsConfig(image_weight=1, motion_weight=1)
    )
    assert scores.tolist() == pytest.approx([0.8, 81 / 82, 0.7, 0.0])


def test_evidence_counts_points_and_their_motion_and_pixels() -> None:
    probability = seen(0.25)
    found = box_evidence(frame(), CAR_VELO[None], motion(), probability)
    assert found.num_points[0] >= 9000
    assert found.moving_share[0] > 0.9
    assert found.image[0] == pytest.approx(0.25)
    empty = box_evidence(frame(), CAR_VELO[None] + 100.0, motion(), probability)
    assert empty.num_points[0] == 0
    assert np.isnan(empty.moving_share[0])
