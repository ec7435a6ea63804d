# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from unit.perception.lidar_scenes import (
    AGES_S,
    WALL,
    Box,
    Boxes,
    body,
    entry_at,
    shifted,
    window,
)
from unit.perception.motion_scenes import STAMP_NS, Scene, make_scene

from unsup_track_ros.perception.motion_segmentation import MotionSegmentationConfig, MotionSegmenter
from unsup_track_ros.perception.motion_segmentation.projected_scan import flow_view
from unsup_track_ros.perception.motion_segmentation.tcr_evidence import (
    TcrEvidenceConfig,
    pixel_evidence,
    voxel_sets,
)
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.frame import PointCloud
from unsup_track_ros.structures.motion import MotionSegmentation, MotionStatus

Mode = Literal["tcr", "improved"]
MODES = pytest.mark.parametrize("mode", ["tcr", "improved"])
NO_FLOW = OpticalFlow(status=FlowStatus.NO_CAMERA)


def segment(mode: Mode, scene: Scene) -> MotionSegmentation:
    segmenter = MotionSegmenter(MotionSegmentationConfig(mode=mode))
    return segmenter.step(scene.frame, scene.history, lambda: scene.flow, scene.egomotion)


@MODES
@pytest.mark.parametrize("forward_m", [0.0, 0.4, 1.5])
def test_a_static_world_shows_no_motion_however_fast_the_sensor_drives(
    mode: Mode, forward_m: float
) -> None:
    motion = segment(mode, make_scene(forward_m=forward_m))
    assert motion.status is MotionStatus.OK
    assert motion.judged_points.sum() > 500
    assert not motion.moving_points.any()
    assert motion.moving_pixels is not None
    assert not motion.moving_pixels.any()


@MODES
def test_a_moving_board_is_found_and_nothing_else(mode: Mode) -> None:
    scene = make_scene(board_shift_cam=(0.9, 0.0, 0.0))
    moving = segment(mode, scene).moving_points
    # The rays at the board's very edge share their voxel or their flow cell with the wall behind.
    assert (moving & ~scene.on_board).sum() <= 0.02 * scene.on_board.sum()
    assert (moving & scene.on_board).sum() >= 0.6 * scene.on_board.sum()


def test_eight_pixels_of_residual_are_no_motion_for_tcr_but_are_for_the_noise_test() -> None:
    scene = make_scene(board_shift_cam=(0.4, 0.0, 0.0))  # 180 px * 0.4 m / 10 m = 7.2 px
    assert not segment("tcr", scene).moving_points.any()
    assert segment("improved", scene).moving_points.sum() > 0.6 * scene.on_board.sum()


def test_an_approaching_board_is_displaced_but_not_moving_for_tcr() -> None:
    """Its flow points where ego flow points, only further: keepB holds, keepA does not."""
    scene = make_scene(board_shift_cam=(0.0, 0.0, -6.0), board_half_width_m=3.0)
    view = flow_view(scene.frame, scene.history[0], scene.flow, scene.egomotion, 1.0)
    assert view is not None
    config = TcrEvidenceConfig()
    displaced, moving = voxel_sets(config, view, pixel_evidence(config, view))
    assert len(displaced) > 50
    assert len(moving) < 0.2 * len(displaced)
    assert not segment("tcr", scene).moving_points.any()


def test_a_component_of_too_few_voxels_is_no_motion_for_tcr() -> None:
    scene = make_scene(board_shift_cam=(0.9, 0.0, 0.0))
    found = segment("tcr", scene).voxels
    assert found is not None
    num = int(found.moving.sum())
    for min_voxels, expected in ((num - 1, True), (num, False)):
        tcr = TcrEvidenceConfig(min_voxels=min_voxels)
        config = MotionSegmentationConfig(mode="tcr", tcr=tcr)
        motion = MotionSegmenter(config).step(
            scene.frame, scene.history, lambda: scene.flow, scene.egomotion
        )
        assert motion.moving_points.any() == expected
        assert motion.moving_pixels is not None
        assert motion.moving_pixels.any() == expected


def test_the_residual_is_the_shift_in_pixels() -> None:
    scene = make_scene(forward_m=0.0, board_shift_cam=(0.9, 0.0, 0.0))
    motion = segment("tcr", scene)
    residual = motion.residual_px
    assert residual is not None
    assert residual[50, 119] == pytest.approx(180 * 0.9 / 10.0, abs=0.2)  # on the optical axis
    assert residual[5, 5] == 0.0


def test_lidar_alone_judges_without_a_camera() -> None:
    scene = make_scene(board_shift_cam=(3.0, 0.0, 0.0), seconds=0.5)
    frame = dataclasses.replace(scene.frame, cameras=())
    motion = segment("improved", dataclasses.replace(scene, frame=frame, flow=NO_FLOW))
    assert motion.status is MotionStatus.OK
    assert motion.moving_pixels is None
    assert (motion.moving_points & scene.on_board).sum() > 0.5 * scene.on_board.sum()


def test_the_flow_of_a_whole_cluster_gives_its_velocity() -> None:
    """0.9 m to the right in 0.3 s is -3 m/s along y, whichever sensor sees it."""
    scene = make_scene(board_shift_cam=(0.9, 0.0, 0.0), seconds=0.3)
    motion = segment("improved", scene)
    assert motion.velocity_velo is not None
    velocity = np.nanmedian(motion.velocity_velo[motion.moving_points & scene.on_board], axis=0)
    np.testing.assert_allclose(velocity, [0, -3, 0], atol=0.4)


@MODES
def test_an_empty_scan_has_no_answer(mode: Mode) -> None:
    scene = make_scene()
    cloud = PointCloud(points_velo=np.zeros((0, 3), np.float32))
    frame = dataclasses.replace(scene.frame, cloud=cloud)
    motion = segment(mode, dataclasses.replace(scene, frame=frame))
    assert motion.status is MotionStatus.NO_EVIDENCE_SOURCE
    assert motion.reason == "The scan has no points."


@MODES
def test_one_point_is_judged_without_failing(mode: Mode) -> None:
    scene = make_scene()
    cloud = PointCloud(points_velo=np.array([[10.0, 0, -0.5]], np.float32))
    frame = dataclasses.replace(scene.frame, cloud=cloud)
    motion = segment(mode, dataclasses.replace(scene, frame=frame))
    assert motion.status is MotionStatus.OK
    assert not motion.moving_points.any()


@MODES
def test_a_scan_wholly_behind_the_camera_is_not_judged_by_it(mode: Mode) -> None:
    scene = make_scene()
    cloud = PointCloud(points_velo=np.array([[-10.0, 0, -0.5]] * 50, np.float32))
    frame = dataclasses.replace(scene.frame, cloud=cloud)
    motion = segment(mode, dataclasses.replace(scene, frame=frame))
    assert not motion.moving_points.any()
    assert motion.judged_pixels is None or not motion.judged_pixels.any()
    if mode == "tcr":  # LiDAR has an opinion of its own
        assert not motion.judged_points.any()


@MODES
def test_unknown_egomotion_is_a_status_with_its_reason(mode: Mode) -> None:
    lost = Egomotion(
        status=EgomotionStatus.MISSING_TRANSFORM,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=STAMP_NS,
        reason="odom is unknown.",
    )
    motion = segment(mode, dataclasses.replace(make_scene(), egomotion=lost))
    assert motion.status is MotionStatus.NO_EGOMOTION
    assert "missing_transform" in motion.reason
    assert "odom is unknown." in motion.reason


@MODES
def test_the_first_frame_has_no_past(mode: Mode) -> None:
    scene = make_scene()
    first = dataclasses.replace(scene.egomotion, status=EgomotionStatus.INITIAL, velo1_T_velo0=None)
    motion = segment(mode, dataclasses.replace(scene, egomotion=first, history=(), flow=NO_FLOW))
    assert motion.status is MotionStatus.NO_PAST_FRAME
    assert motion.reason


def test_tcr_without_a_camera_says_so() -> None:
    motion = segment("tcr", dataclasses.replace(make_scene(), flow=NO_FLOW))
    assert motion.status is MotionStatus.NO_EVIDENCE_SOURCE
    assert "camera" in motion.reason


def test_tcr_whose_past_frame_is_forgotten_says_so() -> None:
    motion = segment("tcr", dataclasses.replace(make_scene(), history=()))
    assert motion.status is MotionStatus.NO_PAST_FRAME
    assert "not remembered" in motion.reason


def test_without_camera_and_without_past_scan_there_is_no_past_frame() -> None:
    motion = segment("improved", dataclasses.replace(make_scene(), flow=NO_FLOW, history=()))
    assert motion.status is MotionStatus.NO_PAST_FRAME
    assert "remembered" in motion.reason


def test_without_camera_and_without_pose_in_odom_there_is_no_source_of_evidence() -> None:
    scene = make_scene()
    unplaced = dataclasses.replace(scene.egomotion, odom_T_velo1=None)
    motion = segment("improved", dataclasses.replace(scene, flow=NO_FLOW, egomotion=unplaced))
    assert motion.status is MotionStatus.NO_EVIDENCE_SOURCE
    assert "no_camera" in motion.reason
    assert "pose in odom" in motion.reason


def test_lidar_tells_confidence_standing_and_clusters_and_tcr_does_not() -> None:
    scene = make_scene(board_shift_cam=(0.9, 0.0, 0.0), seconds=0.3)
    motion = segment("improved", scene)
    assert motion.confidence is not None
    assert motion.standing_points is not None
    assert motion.point_cluster is not None
    on_board = motion.moving_points & scene.on_board
    assert (motion.confidence[on_board] > 0.5).all()
    assert not (motion.standing_points & motion.moving_points).any()
    assert len(set(motion.point_cluster[on_board])) == 1
    tcr = segment("tcr", scene)
    assert (tcr.confidence, tcr.standing_points, tcr.point_cluster) == (None, None, None)


CAR: Box = (6.0, 10.0, -6.0, -4.3, 1.5)


def look_back(
    boxes: Boxes, before_s: Sequence[float], after_s: Sequence[float]
) -> tuple[MotionSegmentation, np.ndarray]:
    now = entry_at(0.0, boxes)
    segmenter = MotionSegmenter(MotionSegmentationConfig())
    after = window(boxes, ages_s=[-later_s for later_s in after_s])
    motion = segmenter.look_back(now.frame, window(boxes, ages_s=before_s), after, now.egomotion)
    return motion, now.frame.cloud.points_velo


@pytest.mark.parametrize(("before_s", "after_s"), [(AGES_S, ()), ((), AGES_S), (AGES_S, AGES_S)])
def test_looking_back_uses_what_came_before_and_after(
    before_s: Sequence[float], after_s: Sequence[float]
) -> None:
    motion, points = look_back(
        lambda seconds: [WALL, shifted(CAR, 6 * seconds, 0.0)], before_s, after_s
    )
    assert motion.status is MotionStatus.OK
    assert motion.moving_points[body(points, CAR)].mean() > 0.95
    assert motion.velocity_velo is not None
    assert motion.standing_points is not None
    assert motion.moving_pixels is None
    found = np.nanmedian(motion.velocity_velo[motion.moving_points], axis=0)
    np.testing.assert_allclose(found, [6, 0, 0], atol=0.3)


def test_looking_back_at_a_car_that_will_pull_out_says_what_the_past_cannot_know() -> None:
    """It stood until now; half a second later it is gone."""

    def boxes(seconds: float) -> Sequence[Box]:
        return [WALL, shifted(CAR, 6 * max(seconds, 0.0), 0.0)]

    before, points = look_back(boxes, AGES_S, ())
    assert not before.moving_points.any()
    both, _ = look_back(boxes, AGES_S, AGES_S)
    assert both.moving_points[body(points, CAR)].mean() > 0.95


def test_looking_back_with_no_other_scan_has_no_source_of_evidence() -> None:
    motion, _ = look_back(lambda _: [WALL], (), ())
    assert motion.status is MotionStatus.NO_EVIDENCE_SOURCE
    assert motion.reason == "No other scan with a pose is near."
    assert not motion.judged_points.any()


@MODES
def test_equal_input_gives_equal_bytes(mode: Mode) -> None:
    scene = make_scene(board_shift_cam=(0.9, 0.0, 0.0))
    first, second = segment(mode, scene), segment(mode, scene)
    assert first.moving_points.tobytes() == second.moving_points.tobytes()
    assert first.residual_px is not None
    assert second.residual_px is not None
    assert first.residual_px.tobytes() == second.residual_px.tobytes()
