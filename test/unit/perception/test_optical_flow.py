# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Optical flow and its reliability."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.raft import RaftConfig
from unsup_track_ros.perception.optical_flow import (
    OpticalFlowConfig,
    OpticalFlowEstimator,
    blockwise_reliability,
    is_cycle_consistent,
    reliability,
)
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.frame import CameraImage, PointCloud, SensorFrame
from unsup_track_ros.structures.history import PastFrame

CPU = torch.device("cpu")
SMALL = OpticalFlowConfig(width_px=256, height_px=128)


def frame_with(image_rgb: np.ndarray | None, stamp_ns: int) -> SensorFrame:
    cameras: tuple[CameraImage, ...] = ()
    if image_rgb is not None:
        height, width = image_rgb.shape[:2]
        intrinsics = np.array([[200.0, 0, width / 2], [0, 200.0, height / 2], [0, 0, 1]])
        camera = PinholeCamera(width_px=width, height_px=height, pix_T_cam=intrinsics)
        image = CameraImage(
            name="front",
            stamp_ns=stamp_ns,
            image_rgb=image_rgb,
            camera=camera,
            cam_T_velo=np.eye(4),
        )
        cameras = (image,)
    return SensorFrame(
        stamp_ns=stamp_ns,
        index=0,
        cloud=PointCloud(points_velo=np.zeros((0, 3), np.float32)),
        cameras=cameras,
        base_T_velo=np.eye(4),
    )


def remembered(frame: SensorFrame) -> PastFrame:
    egomotion = Egomotion(
        status=EgomotionStatus.INITIAL,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=frame.stamp_ns,
        odom_T_velo1=np.eye(4),
    )
    return PastFrame(frame=frame, egomotion=egomotion)


def shifted_pair(shift_px: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth random texture, and the same moved to the right."""
    noise = np.random.default_rng(0).integers(0, 256, (128, 256 + shift_px, 3)).astype(np.uint8)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.0), None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    return texture[:, shift_px:].copy(), texture[:, : texture.shape[1] - shift_px].copy()


def flow_of(pair: tuple[np.ndarray, np.ndarray], config: OpticalFlowConfig = SMALL) -> OpticalFlow:
    past = remembered(frame_with(pair[0], 1))
    return OpticalFlowEstimator(config, CPU).step(frame_with(pair[1], 2), past)


@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
def test_dis_finds_a_shift_in_both_directions(preset: str) -> None:
    config = OpticalFlowConfig.model_validate({**SMALL.model_dump(), "dis_preset": preset})
    flow = flow_of(shifted_pair(6), config)
    assert flow.status is FlowStatus.OK
    assert (flow.stamp0_ns, flow.stamp1_ns) == (1, 2)
    assert flow.flow01_px is not None
    assert flow.flow10_px is not None
    inner = (slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(flow.flow01_px[0][inner], 6.0, atol=0.5)
    np.testing.assert_allclose(flow.flow10_px[0][inner], -6.0, atol=0.5)
    np.testing.assert_allclose(flow.flow01_px[1][inner], 0.0, atol=0.5)


def test_what_leaves_the_image_is_not_reliable() -> None:
    flow = flow_of(shifted_pair(6))
    assert flow.reliable0 is not None
    assert flow.reliable0[20:-20, 20:-20].mean() > 0.98
    assert not flow.reliable0[:, -5:].any()  # these six columns move out of the image


def test_images_are_resized_to_the_working_resolution() -> None:
    first, second = shifted_pair(6)
    big = tuple(cv2.resize(image, (512, 256)) for image in (first, second))
    flow = flow_of((np.asarray(big[0]), np.asarray(big[1])))
    assert flow.flow01_px is not None
    assert flow.flow01_px.shape == (2, 128, 256)
    np.testing.assert_allclose(np.median(flow.flow01_px[0]), 6.0, atol=0.3)


def test_the_number_of_threads_does_not_change_a_byte() -> None:
    threads = cv2.getNumThreads()
    try:
        found = []
        for count in (1, 3):
            cv2.setNumThreads(count)
            found.append(flow_of(shifted_pair(6)))
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(found[0].flow01_px, found[1].flow01_px)
    np.testing.assert_array_equal(found[0].reliable1, found[1].reliable1)


def test_a_step_does_not_depend_on_the_one_before() -> None:
    estimator = OpticalFlowEstimator(SMALL, CPU)
    first, second = shifted_pair(6)
    alone = flow_of((first, second))
    estimator.step(frame_with(first[::-1].copy(), 4), remembered(frame_with(second, 3)))
    again = estimator.step(frame_with(second, 2), remembered(frame_with(first, 1)))
    np.testing.assert_array_equal(again.flow01_px, alone.flow01_px)


def test_without_a_camera_or_a_past_image_there_is_a_status_and_no_flow() -> None:
    estimator = OpticalFlowEstimator(SMALL, CPU)
    image = shifted_pair(0)[0]
    blind = estimator.step(frame_with(None, 2), remembered(frame_with(image, 1)))
    assert blind.status is FlowStatus.NO_CAMERA
    assert blind.flow01_px is None
    assert estimator.step(frame_with(image, 2), None).status is FlowStatus.NO_PAST_IMAGE
    before_the_camera = remembered(frame_with(None, 1))
    found = estimator.step(frame_with(image, 2), before_the_camera)
    assert (found.status, found.stamp1_ns) == (FlowStatus.NO_PAST_IMAGE, 2)


def test_the_cycle_example_of_the_specification_is_reliable() -> None:
    # f01 = (10, 0), warped f10 = (-9, 0): residual 1.0 < 0.05 * 13.45 + 0.5 = 1.173.
    forward, backward = torch.tensor([[10.0], [0.0]]), torch.tensor([[-9.0], [0.0]])
    assert bool(is_cycle_consistent(forward, backward, SMALL)[0])
    # Residual 1.2 > 0.05 * sqrt(10^2 + 8.8^2) + 0.5 = 1.166.
    assert not bool(is_cycle_consistent(forward, torch.tensor([[-8.8], [0.0]]), SMALL)[0])


def test_two_pixels_that_flow_to_one_place_are_not_both_trusted() -> None:
    # Columns 0-9 move right by 10 on top of columns 10-19, which stand still.
    forward = torch.zeros(2, 8, 30)
    forward[0, :, :10] = 10.0
    reliable0, _ = reliability(forward, torch.zeros(2, 8, 30), SMALL)
    assert not reliable0[:, :10].any()
    assert reliable0[:, 10:].all()


def test_a_block_is_judged_as_its_pixel_is_in_the_image_of_judged_pixels() -> None:
    generator = torch.Generator().manual_seed(3)
    coarse01 = torch.randn((2, 12, 16), generator=generator)
    coarse10 = -coarse01 + 0.3 * torch.randn((2, 12, 16), generator=generator)
    blocks = (1, 2, 2)
    flow01_px, flow10_px = (2 * torch.kron(f, torch.ones(blocks)) for f in (coarse01, coarse10))
    fine = SMALL.model_copy(update={"cycle_absolute_px": 1.0, "check_stride_px": 2})
    half = SMALL.model_copy(update={"cycle_absolute_px": 0.5, "check_stride_px": 1})

    found = blockwise_reliability(flow01_px, flow10_px, fine)

    for mask, expected in zip(found, reliability(coarse01, coarse10, half), strict=True):
        assert 0 < expected.sum() < expected.numel()
        assert torch.equal(mask, torch.kron(expected.float(), torch.ones((2, 2))) > 0)


def test_blocks_at_the_border_of_odd_images_keep_its_size() -> None:
    flow_px = torch.zeros((2, 7, 9))

    reliable0, reliable1 = blockwise_reliability(flow_px, flow_px, SMALL)

    assert reliable0.shape == reliable1.shape == (7, 9)
    assert reliable0.all()
    assert reliable1.all()


def test_the_half_pixel_quirk_changes_only_what_it_is_about() -> None:
    forward = torch.zeros(2, 64, 64)
    straight, _ = reliability(forward, forward, SMALL)
    quirk = SMALL.model_copy(update={"quirk_half_pixel_warp": True})
    shifted, _ = reliability(forward, forward, quirk)
    assert straight.all()
    assert shifted[2:-2, 2:-2].all()
    assert not shifted[0, 0]  # half a pixel outside both ways: a quarter of the mask is left


def test_raft_without_weights_names_the_remedy() -> None:
    config = SMALL.model_copy(update={"backend": "raft"})
    with pytest.raises(ConfigError, match="`weights_path` is empty"):
        OpticalFlowEstimator(config, CPU)


def test_raft_and_dis_agree_on_a_real_pair(shared_data: Path) -> None:
    folder = shared_data / "kitti_raw_0052/image_02/data"
    images = [cv2.imread(str(folder / f"{i:010d}.png"))[:, :, ::-1].copy() for i in (5, 6)]  # type: ignore[index]
    weights = str(shared_data / "raft_small/raft-small.pth")
    raft = RaftConfig(architecture="small", weights_path=weights, iterations=6)
    size = OpticalFlowConfig(width_px=416, height_px=128)
    by_dis = flow_of((images[0], images[1]), size)
    config = size.model_copy(update={"backend": "raft", "raft": raft})
    by_raft = flow_of((images[0], images[1]), config)
    assert by_dis.flow01_px is not None
    assert by_raft.flow01_px is not None
    both = by_dis.reliable0 & by_raft.reliable0  # type: ignore[operator]
    assert both.mean() > 0.5
    distance_px = np.linalg.norm(by_dis.flow01_px - by_raft.flow01_px, axis=0)[both]
    length_px = np.linalg.norm(by_raft.flow01_px, axis=0)[both]
    assert np.median(distance_px) < 0.5
    # The truck on the right drives to the right of the image faster than anything else moves.
    assert length_px.max() > 5.0
    assert np.median(by_raft.flow01_px[0][64:, 330:400]) < -1.0
    assert dataclasses.asdict(by_dis)["status"] is FlowStatus.OK
