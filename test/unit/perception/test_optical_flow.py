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
