# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import optimize
from unit.perception.motion_scenes import BOARD_M, Scene, heights_m, make_scene

from unsup_track_ros.perception.motion_segmentation.camera_clusters import (
    CameraClusterConfig,
    ClusterVerdict,
    cluster_verdict,
    flow_sample,
)
from unsup_track_ros.perception.motion_segmentation.camera_evidence import (
    CameraEvidenceConfig,
    camera_evidence,
    flow_residual,
)
from unsup_track_ros.perception.motion_segmentation.projected_scan import (
    FlowView,
    ProjectedScan,
    flow_view,
    motion_to_past,
    sample_bilinear,
)
from unsup_track_ros.structures.frame import PointCloud

FOCAL_PX = 180.0


def view_of(scene: Scene, points_velo: list[list[float]] | None = None) -> FlowView:
    frame = scene.frame
    if points_velo is not None:
        cloud = PointCloud(points_velo=np.array(points_velo, np.float32).reshape(-1, 3))
        frame = dataclasses.replace(frame, cloud=cloud)
    view = flow_view(frame, scene.history[0], scene.flow, scene.egomotion, 1.0)
    assert view is not None
    return view


def with_uniform_flow(scene: Scene, x_px: float, y_px: float) -> Scene:
    uniform = np.array([x_px, y_px])[:, None, None]
    return scene.with_flow(np.broadcast_to(uniform, scene.flow10_px.shape).copy())


def test_the_residual_of_a_standing_sensor_is_the_flow() -> None:
    scene = make_scene(forward_m=0.0)
    view = view_of(with_uniform_flow(scene, 3.0, -4.0), [[10.0, 0, 0]])
    residual_px, _, _ = flow_residual(CameraEvidenceConfig(), view)
    assert residual_px == pytest.approx([5.0])


def test_ego_flow_of_a_point_beside_the_axis_by_hand() -> None:
    """At (10, -2, 0) m: 180 * 2 / 10 = 36 px right of the centre, 2 m before 180 * 2 / 12 = 30."""
    scene = make_scene(forward_m=2.0)
    view = view_of(with_uniform_flow(scene, 0.0, 0.0), [[10.0, -2.0, 0]])
    residual_px, _, _ = flow_residual(CameraEvidenceConfig(), view)
    assert residual_px == pytest.approx([6.0], abs=1e-4)


def test_the_noise_adds_its_parts_by_hand() -> None:
    """No motion: flow 0.5 px, translation 180 * 0.1 / 10 = 1.8 px, rotation 180 * 0.01 = 1.8 px."""
    scene = make_scene(forward_m=0.0)
    config = CameraEvidenceConfig(
        flow_noise_px=0.5, translation_noise_m=0.1, rotation_noise_rad=0.01, depth_noise_m=0.2
    )
    _, sigma_px, _ = flow_residual(config, view_of(scene, [[10.0, 0, 0]]))
    assert sigma_px == pytest.approx([np.sqrt(0.5**2 + 1.8**2 + 1.8**2)], abs=1e-4)


def test_depth_noise_counts_by_the_ego_flow_it_changes() -> None:
    """At 10 m, 2 m aside, 2 m driven: 6 px; at 11 m 180 * 2.2 / 11 - 180 * 2.2 / 13 = 5.538."""
    scene = make_scene(forward_m=2.0)
    quiet = {"flow_noise_px": 1e-3, "flow_noise_ratio": 0, "translation_noise_m": 0}
    config = CameraEvidenceConfig.model_validate(
        {**quiet, "rotation_noise_rad": 0, "depth_noise_m": 1.0}
    )
    _, sigma_px, _ = flow_residual(config, view_of(scene, [[10.0, -2.0, 0]]))
    assert sigma_px == pytest.approx([6 - 5.5385], abs=1e-3)


def test_noise_grows_with_the_flow() -> None:
    scene = make_scene(forward_m=2.0)
    config = CameraEvidenceConfig(flow_noise_ratio=0.5)
    _, sigma_px, _ = flow_residual(config, view_of(scene, [[10.0, -2.0, 0], [10.0, 0, 0]]))
    assert sigma_px[0] > sigma_px[1] + 2


def test_the_ground_and_what_lies_behind_the_board_are_not_judged() -> None:
    scene = make_scene()
    evidence = camera_evidence(CameraEvidenceConfig(), view_of(scene), heights_m(scene.frame))
    scan = view_of(scene).scan1
    assert not evidence.judged[scan.points_cam[:, 1] > 1.6].any()
    on_board = scene.on_board[scan.point_index]
    left, right = scan.points_pix[on_board, 0].min(), scan.points_pix[on_board, 0].max()
    beside = ~on_board & (np.abs(scan.points_pix[:, 1] - 45) < 5)
    beside &= (scan.points_pix[:, 0] > left - 4) & (scan.points_pix[:, 0] < right + 4)
    assert beside.any()
    assert not evidence.judged[beside].any()


def test_unreliable_flow_is_not_judged() -> None:
    scene = make_scene(board_shift_cam=(0.9, 0, 0))
    assert scene.flow.reliable1 is not None
    nowhere = np.zeros_like(scene.flow.reliable1)
    view = view_of(scene.with_flow(scene.flow10_px, nowhere))
    evidence = camera_evidence(CameraEvidenceConfig(), view, heights_m(scene.frame))
    assert not evidence.judged.any()
    assert not evidence.moving.any()
    assert not evidence.residual_px.any()


def test_a_single_point_of_wild_flow_does_not_move() -> None:
    scene = make_scene()
    flow10_px = scene.flow10_px.copy()
    flow10_px[:, 40, 119] += 30
    view = view_of(scene.with_flow(flow10_px))
    evidence = camera_evidence(CameraEvidenceConfig(), view, heights_m(scene.frame))
    assert evidence.significant.sum() >= 1
    assert not evidence.moving.any()


def test_bilinear_sampling_by_hand() -> None:
    image = np.array([[[0.0, 1.0], [2.0, 3.0]]], np.float32)
    places = np.array([[0, 0], [1, 1], [0.5, 0.5], [0.25, 0], [-0.4, 1.3]], np.float32)
    np.testing.assert_allclose(sample_bilinear(image, places)[:, 0], [0, 3, 1.5, 0.25, 2])


def test_the_motion_to_an_older_frame_comes_from_the_poses() -> None:
    scene = make_scene(forward_m=0.4)
    other = dataclasses.replace(scene.egomotion, stamp0_ns=1, velo1_T_velo0=np.eye(4))
    velo0_T_velo1 = motion_to_past(scene.history[0], other)
    assert velo0_T_velo1 is not None
    np.testing.assert_allclose(velo0_T_velo1[:3, 3], [0.4, 0, 0])
    lost = dataclasses.replace(other, odom_T_velo1=None)
    assert motion_to_past(scene.history[0], lost) is None


def verdict_on(
    scene: Scene, claimed_velo: tuple[float, float, float] = (0.0, 0.0, 0.0), **values: float
) -> ClusterVerdict:
    """Return the verdict on the board, which is cluster 2; cluster 1 has no points."""
    view = view_of(scene)
    evidence = camera_evidence(CameraEvidenceConfig(), view, heights_m(scene.frame))
    cluster = np.where(scene.on_board[view.scan1.point_index], 2, 0)
    config = CameraClusterConfig.model_validate(values)
    sample = flow_sample(config, evidence, cluster)
    claims = np.array([(0, 0, 0), (0, 0, 0), claimed_velo], np.float32)
    return cluster_verdict(config, view, scene.frame, sample, claims)


@pytest.mark.parametrize("shift_cam", [(0.5, 0.0, 0.0), (0.4, 0.0, 1.5), (-0.6, 0.0, -2.0)])
def test_the_velocity_of_a_cluster_is_recovered_from_its_flow(
    shift_cam: tuple[float, float, float],
) -> None:
    """Right of cam is -y of velo, ahead of cam is x; the shift takes 0.1 s."""
    verdict = verdict_on(make_scene(board_shift_cam=shift_cam))
    expected = np.array([shift_cam[2], -shift_cam[0], 0.0]) / 0.1
    atol = 0.05 * float(np.linalg.norm(expected))
    np.testing.assert_allclose(verdict.velocities_velo[2], expected, atol=atol)
    assert np.isnan(verdict.velocities_velo[:2]).all()
    assert not verdict.fits_rest.any()
    assert verdict.rejects_claim.tolist() == [False, False, True]


def test_a_true_claim_is_not_rejected_and_a_wrong_one_is() -> None:
    scene = make_scene(board_shift_cam=(0.5, 0.0, 0.0))
    assert not verdict_on(scene, (0.0, -5.0, 0.0)).rejects_claim[2]
    assert verdict_on(scene, (0.0, 5.0, 0.0)).rejects_claim[2]


def test_a_cluster_that_stands_has_no_velocity_and_rejects_a_claimed_one() -> None:
    verdict = verdict_on(make_scene(), (0.0, 5.0, 0.0))
    assert np.isnan(verdict.velocities_velo).all()
    assert verdict.fits_rest.tolist() == [False, False, True]
    assert verdict.rejects_claim.tolist() == [False, False, True]


def test_a_cluster_of_few_judged_points_is_not_tested() -> None:
    verdict = verdict_on(make_scene(board_shift_cam=(0.5, 0.0, 0.0)), min_points=100_000)
    assert np.isnan(verdict.velocities_velo).all()
    assert not verdict.rejects_claim.any()
    assert not verdict.fits_rest.any()


def test_a_cluster_of_which_the_camera_judges_a_small_part_is_not_tested() -> None:
    scene = make_scene(board_shift_cam=(0.5, 0.0, 0.0))
    reliable = np.zeros(scene.flow10_px.shape[1:], bool)
    reliable[:, 100:120] = True
    part = scene.with_flow(scene.flow10_px, reliable)
    assert not verdict_on(part, min_judged_share=0.5).rejects_claim.any()
    assert verdict_on(part, min_judged_share=0.0).rejects_claim[2]


def test_flow_that_agrees_on_no_velocity_is_no_motion() -> None:
    scene = make_scene()
    noise = np.random.default_rng(0).normal(0, 15, scene.flow10_px.shape)
    verdict = verdict_on(scene.with_flow(scene.flow10_px + noise))
    assert np.isnan(verdict.velocities_velo).all()


def test_a_noise_test_sees_what_is_slower_than_its_pixels_allow_at_fixed_ones() -> None:
    shift_m = 2.0 * BOARD_M / FOCAL_PX  # two pixels
    scene = make_scene(forward_m=0.0, board_shift_cam=(shift_m, 0, 0))
    quiet = {"translation_noise_m": 0.005, "rotation_noise_rad": 1e-4, "flow_noise_px": 0.2}
    config = CameraEvidenceConfig.model_validate(quiet)
    evidence = camera_evidence(config, view_of(scene), heights_m(scene.frame))
    assert evidence.moving.sum() > 100


def test_points_are_put_in_order_from_far_to_near_and_equals_keep_theirs() -> None:
    scan = view_of(make_scene()).scan1
    depth_m = np.round(scan.points_cam[:, 2])  # many are equal
    coarse = dataclasses.replace(
        scan, points_cam=np.column_stack([scan.points_cam[:, :2], depth_m])
    ).far_first()
    order = sorted(range(len(depth_m)), key=lambda k: (-depth_m[k], k))
    np.testing.assert_array_equal(coarse.point_index, scan.point_index[order])


def test_sampling_is_that_of_each_channel_in_double_precision() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(2, 7, 9)).astype(np.float32)
    places = rng.uniform(-1, 10, (50, 2)).astype(np.float32)
    sampled = sample_bilinear(image, places)
    for (x, y), values in zip(np.clip(places, 0, [8, 6]), sampled, strict=True):
        column, row = min(int(x), 7), min(int(y), 5)
        wx, wy = x - column, y - row
        corners = image[:, row : row + 2, column : column + 2].astype(np.float64)
        expected = corners @ [1 - wx, wx] @ [1 - wy, wy]
        np.testing.assert_allclose(values, expected, atol=1e-5)


def test_the_velocity_of_the_board_fits_its_flow_best() -> None:
    """With equal noise and a wide prior it is the least-squares answer of all its points."""
    scene = make_scene(board_shift_cam=(0.4, 0, 0.1))
    view = view_of(scene)
    evidence = camera_evidence(CameraEvidenceConfig(), view, heights_m(scene.frame))
    on_board = scene.on_board[view.scan1.point_index] & evidence.judged
    even = dataclasses.replace(evidence, sigma_px=np.ones_like(evidence.sigma_px))
    config = CameraClusterConfig.model_validate({"prior_speed_mps": 1e6})
    sample = flow_sample(config, even, np.where(on_board, 1, 0))
    claims = np.zeros((2, 3), np.float32)
    verdict = cluster_verdict(config, view, scene.frame, sample, claims)

    camera1, camera0 = scene.frame.camera, view.past.frame.camera
    assert camera1 is not None
    assert camera0 is not None
    seconds = (camera1.stamp_ns - camera0.stamp_ns) * 1e-9
    row = sample.row
    pix_T_cam = view.scan1.camera.pix_T_cam
    places = view.scan1.points_pix[row]
    places0 = places + sample_bilinear(view.flow10_px, places)

    def left_px(velocity: np.ndarray) -> np.ndarray:
        way_base = np.array([*(-seconds * velocity), 0.0])
        way_cam = camera1.cam_T_velo[:3, :3] @ scene.frame.base_T_velo[:3, :3].T @ way_base
        moved = view.scan1.points_cam[row].astype(np.float64) + way_cam
        points0 = moved @ view.cam0_T_cam1[:3, :3].T + view.cam0_T_cam1[:3, 3]
        projected = points0 @ pix_T_cam.T
        return np.asarray(np.linalg.norm(projected[:, :2] / projected[:, 2:] - places0, axis=1))

    found = optimize.least_squares(left_px, np.zeros(2), loss="cauchy", f_scale=3.0)
    velocity_velo = found.x @ scene.frame.base_T_velo[:2, :3]
    assert np.linalg.norm(found.x) > 1.0
    np.testing.assert_allclose(verdict.velocities_velo[1], velocity_velo, atol=0.05)


def test_judged_points_are_before_nearer_surfaces_and_moving_ones_have_company() -> None:
    """On places and depths at random, the camera standing still, against plain counting."""
    rng = np.random.default_rng(3)
    base = view_of(with_uniform_flow(make_scene(forward_m=0.0), 4.5, 0.0))
    num, pinhole = 400, base.scan1.camera
    points_pix = rng.uniform(-0.5, [pinhole.width_px - 0.5, pinhole.height_px - 0.5], (num, 2))
    depth_m = rng.uniform(3, 12, num)
    lifted = np.column_stack([points_pix, np.ones(num)]) @ np.linalg.inv(pinhole.pix_T_cam).T
    scan = ProjectedScan(
        camera=pinhole,
        point_index=np.arange(num),
        points_cam=(lifted * depth_m[:, None]).astype(np.float32),
        points_pix=points_pix.astype(np.float32),
    )
    config = CameraEvidenceConfig(support_cell_m=3.0, occlusion_px=8)
    reliable = np.ones_like(base.reliable1)
    view = dataclasses.replace(base, scan1=scan, reliable1=reliable)
    evidence = camera_evidence(config, view, np.ones(num, np.float32))

    block = (np.maximum(points_pix, 0) // 8).astype(int)
    judged = np.zeros(num, bool)
    for k in range(num):
        near = (abs(block - block[k]) <= 1).all(axis=1)
        judged[k] = depth_m[k] <= depth_m[near].min() * 1.1 + 3.0
    np.testing.assert_array_equal(evidence.judged, judged)
    cell = np.floor(scan.points_cam / 3.0)
    for k in range(num):
        own = (cell == cell[k]).all(axis=1)
        moving, told = (own & evidence.significant).sum(), (own & judged).sum()
        expected = evidence.significant[k] and moving >= 3 and moving >= 0.5 * told
        assert evidence.moving[k] == expected
    assert evidence.moving.any()
    assert (evidence.significant & ~evidence.moving).any()
