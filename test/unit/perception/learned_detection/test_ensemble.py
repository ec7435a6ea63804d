# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ensembles: a label needs motion, image, scan and occupancy."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from unsup_track_ros.geometry.components import connected_components
from unsup_track_ros.geometry.ground import level_scan
from unsup_track_ros.geometry.voxels import TRAIN_GRID, occupied_voxels, voxel_centres
from unsup_track_ros.networks.bev_decoding import BevBoxes
from unsup_track_ros.networks.bev_inference import BevPrediction
from unsup_track_ros.networks.bev_input import BevGridConfig
from unsup_track_ros.perception.box_fitting import BoxFitter, BoxFittingConfig
from unsup_track_ros.perception.detection import DetectionConfig, MotionDetector
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
from unsup_track_ros.shapes import Float32
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame
from unsup_track_ros.structures.motion import MotionRegions, MotionSegmentation, MotionStatus
from unsup_track_ros.structures.voxels import VoxelGrid, VoxelRegions

CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
CAMERA = PinholeCamera(
    width_px=200, height_px=80, pix_T_cam=np.array([[100.0, 0, 99.5], [0, 100, 39.5], [0, 0, 1]])
)
# The rear and one side of a car 12 m ahead, and the road.
CAR_VELO = np.array([14.0, 0.0, -1.0, 4.0, 1.8, 1.6, 0.0])
CONFIG = VoxelEnsembleConfig(min_voxels=16, min_side_vox=1)
OF_MOTION = VoxelEnsembleConfig(min_voxels=16, min_side_vox=1, box_of="motion")


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


def agreed(
    found: MotionSegmentation,
    said: BevPrediction,
    image: Float32[np.ndarray, "H W"],
    config: VoxelEnsembleConfig,
) -> MotionRegions:
    """What the ensemble keeps of what motion groups."""
    detector = MotionDetector(DetectionConfig(), torch.device("cpu"))
    group_motion = partial(detector.step, frame(), found)
    return voxel_ensemble(frame(), found, said, image, config, group_motion)


def test_where_all_agree_the_box_is_that_of_the_networks() -> None:
    regions = agreed(motion(), prediction(), seen(), CONFIG)
    assert len(regions.scores) == 1
    assert regions.scores[0] == pytest.approx(1.0)
    (box,) = fitted(regions).boxes_velo
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


def fitted(regions: MotionRegions) -> Detections:
    scanned = frame()
    level = level_scan(scanned.base_T_velo, scanned.cloud.points_velo)
    return BoxFitter(BoxFittingConfig()).step(scanned, regions, level)


def test_networks_that_believe_in_too_much_widen_their_boxes_but_not_those_of_motion() -> None:
    released = agreed(motion(), spread(), seen(), CONFIG)
    anchored = agreed(motion(), spread(), seen(), OF_MOTION)
    (wide,), (box,) = fitted(released).boxes_velo, fitted(anchored).boxes_velo
    assert wide[4] > CAR_VELO[4] + 1.0
    assert box[3:5] == pytest.approx(CAR_VELO[3:5], abs=0.3)
    assert anchored.scores == pytest.approx(released.scores)


def test_a_motion_that_two_components_touch_is_one_region() -> None:
    halves = prediction()
    volume = halves.segmentation.copy()
    volume[:, 31:33] = 0.0
    parts = replace(halves, segmentation=volume)
    assert len(agreed(motion(), parts, seen(), CONFIG).scores) == 2
    regions = agreed(motion(), parts, seen(), OF_MOTION)
    assert len(regions.scores) == len(regions.motion) == len(regions.flow_velo) == 1
    assert set(np.unique(regions.point_region)) == {0, 1}


def rear_moving(velocity_mps: tuple[float, float, float]) -> MotionSegmentation:
    """Only the rear of the car was judged, and it moves."""
    on_rear = np.zeros(13000, bool)
    on_rear[:3000] = True
    velocity = np.full((13000, 3), np.nan, np.float32)
    velocity[on_rear] = velocity_mps
    return replace(motion(), moving_points=on_rear, velocity_velo=velocity)


def test_a_box_of_motion_keeps_the_course_that_motion_measured() -> None:
    """The rear alone is wider than long: without a course its box would be a quarter turn off."""
    found = fitted(agreed(rear_moving((6.0, 0.0, 0.0)), prediction(), seen(), OF_MOTION))
    assert found.heading_known.tolist() == [True]
    assert found.velocities_velo[0] == pytest.approx([6.0, 0.0, 0.0])
    assert found.boxes_velo[0, 6] == pytest.approx(0.0, abs=0.05)
    assert found.boxes_velo[0, 4] == pytest.approx(CAR_VELO[4], abs=0.1)
    nowhere = fitted(agreed(rear_moving((np.nan,) * 3), prediction(), seen(), OF_MOTION))
    assert abs(nowhere.boxes_velo[0, 6]) == pytest.approx(np.pi / 2, abs=0.05)


def test_of_two_motions_the_one_that_networks_believe_in_stays() -> None:
    both = motion().moving_points.copy()
    road = scan()[9000:]
    both[9000:] = (np.abs(road[:, 0] - 20) < 4) & (road[:, 1] > 3)
    found = replace(motion(), moving_points=both)
    grouped = MotionDetector(DetectionConfig(), torch.device("cpu")).step(frame(), found)
    assert len(grouped.scores) == 2
    regions = agreed(found, prediction(), seen(), OF_MOTION)
    assert len(regions.scores) == 1
    assert (regions.point_region[:9000] == 1).all()
    assert not regions.point_region[9000:].any()


def test_motion_in_voxels_keeps_its_voxels_and_their_box() -> None:
    points_cam = scan() @ CAM_T_VELO[:3, :3].T.astype(np.float32)
    voxel = occupied_voxels(TRAIN_GRID, points_cam[:9000])
    voxels = VoxelRegions(
        grid=TRAIN_GRID,
        voxel=voxel,
        region=connected_components(TRAIN_GRID.shape_zyx, voxel),
        moving=np.ones(len(voxel), bool),
    )
    found = replace(motion(), voxels=voxels, moving_pixels=np.zeros((80, 200), bool))
    regions = agreed(found, spread(), seen(), OF_MOTION)
    assert regions.voxels is not None
    assert np.array_equal(regions.voxels.voxel, voxel)
    assert fitted(regions).boxes_velo[0, 3:5] == pytest.approx(CAR_VELO[3:5], abs=0.3)
    silent = agreed(found, prediction(0.0), seen(), OF_MOTION)
    assert silent.voxels is None or not len(silent.voxels.voxel)


@pytest.mark.parametrize("silent", ["motion", "image", "scan"])
def test_one_witness_that_disagrees_leaves_no_label(silent: str) -> None:
    regions = agreed(
        motion(moving=silent != "motion"),
        prediction(0.0 if silent == "scan" else 1.0),
        seen(0.5 if silent == "image" else 1.0),
        CONFIG,
    )
    assert len(regions.scores) == 0
    assert not regions.point_region.any()


def test_a_component_that_is_too_small_is_no_label() -> None:
    large = VoxelEnsembleConfig(min_voxels=10_000)
    assert len(agreed(motion(), prediction(), seen(), large).scores) == 0


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
