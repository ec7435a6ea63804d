# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Egomotion from flow and depth on a street with exact flow."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from unit.perception.egomotion.street import Street, error_m_and_rad, past, pose

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.perception.egomotion import EgomotionConfig, EgomotionEstimator
from unsup_track_ros.perception.egomotion.flow_egomotion import FlowEgomotionConfig
from unsup_track_ros.perception.egomotion.rigid_pairs import RigidPairsConfig
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionStatus
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.frame import SensorFrame

POSE0 = pose()
RIGID = FlowEgomotionConfig(method="rigid")
TCR = FlowEgomotionConfig(
    method="rigid",
    rigid=RigidPairsConfig(
        quirk_reliability_at_target=True,
        quirk_last_write_depth=True,
        inlier_threshold_m=0.25,
        inlier_growth_px=0.0,
    ),
)


def estimate(
    street: Street,
    pose1: np.ndarray,
    config: FlowEgomotionConfig | None = None,
    noise_px: float = 0.0,
) -> Egomotion:
    flow = street.flow(POSE0, pose1, noise_px)
    return step(street.frame(0, POSE0), street.frame(1, pose1), flow, config)


def step(
    frame0: SensorFrame,
    frame1: SensorFrame,
    flow: OpticalFlow,
    config: FlowEgomotionConfig | None = None,
) -> Egomotion:
    settings = EgomotionConfig(source="flow", flow=config or FlowEgomotionConfig())
    return EgomotionEstimator(settings, torch.device("cpu")).step(
        frame1, past(frame0, POSE0), lambda: flow
    )


@pytest.mark.parametrize(
    "pose1", [pose(0.2), pose(1.5, 0.1, 0.03), pose(-0.5), pose(2.5, -0.2, -0.05)]
)
def test_the_motion_is_found_to_millimetres(pose1: np.ndarray) -> None:
    found = estimate(Street(), pose1, noise_px=0.3)
    assert found.status is EgomotionStatus.OK
    error_m, error_rad = error_m_and_rad(found.velo1_T_velo0, se3.inverse(pose1) @ POSE0)
    assert error_m < 0.01
    assert np.degrees(error_rad) < 0.03
    error_m, _ = error_m_and_rad(found.odom_T_velo1, pose1)
    assert error_m < 0.01


def test_a_vehicle_that_stands_still_is_found_to_stand_still() -> None:
    found = estimate(Street(), POSE0, noise_px=0.3)
    error_m, error_rad = error_m_and_rad(found.velo1_T_velo0, np.eye(4))
    assert found.status is EgomotionStatus.OK
    assert error_m < 0.005
    assert np.degrees(error_rad) < 0.02


@pytest.mark.parametrize("truck_mps", [3.3, -10.0])
def test_a_truck_that_fills_much_of_the_image_does_not_pull_the_motion_along(
    truck_mps: float,
) -> None:
    street = Street(truck_mps=truck_mps, truck=(6.0, -4.0, 0.3, 14.0, -1.2, 3.5))
    pose1 = pose(0.2)
    found = estimate(street, pose1, noise_px=0.3)
    error_m, _ = error_m_and_rad(found.velo1_T_velo0, se3.inverse(pose1) @ POSE0)
    assert error_m < 0.02


def test_the_rigid_method_is_rougher_than_reprojection_but_right() -> None:
    pose1 = pose(1.0, 0.0, 0.02)
    found = estimate(Street(), pose1, RIGID, noise_px=0.1)
    assert found.status is EgomotionStatus.OK
    error_m, _ = error_m_and_rad(found.velo1_T_velo0, se3.inverse(pose1) @ POSE0)
    assert error_m < 0.05


def test_tcr_s_threshold_hides_the_motion_of_a_slow_vehicle() -> None:
    # The figure that the better defaults exist for: 0.25 m explain standing still and 0.15 m alike.
    pose1 = pose(0.15)
    truth = se3.inverse(pose1) @ POSE0
    error_tcr_m, _ = error_m_and_rad(estimate(Street(), pose1, TCR, 0.5).velo1_T_velo0, truth)
    error_m, _ = error_m_and_rad(estimate(Street(), pose1, None, 0.5).velo1_T_velo0, truth)
    assert error_m < 0.01 < 2 * error_m + 0.005 < error_tcr_m


def test_the_same_input_gives_the_same_bytes() -> None:
    street, pose1 = Street(truck_mps=5.0), pose(0.8, 0.0, 0.01)
    for config in (None, RIGID):
        first, second = (estimate(street, pose1, config, 0.3) for _ in range(2))
        np.testing.assert_array_equal(first.velo1_T_velo0, second.velo1_T_velo0)


def test_a_blank_image_gives_no_motion_although_its_flow_agrees_with_itself() -> None:
    street = Street()
    frames = []
    for index in (0, 1):
        frame = street.frame(index, POSE0)
        blank = np.full_like(frame.cameras[0].image_rgb, 90)
        image = dataclasses.replace(frame.cameras[0], image_rgb=blank)
        frames.append(dataclasses.replace(frame, cameras=(image,)))
    found = step(frames[0], frames[1], street.flow(POSE0, POSE0))
    assert found.status is EgomotionStatus.DEGENERATE
    assert found.velo1_T_velo0 is None
    assert found.odom_T_velo1 is None
    assert "Only 0 LiDAR points" in found.reason


@pytest.mark.parametrize("config", [None, RIGID])
def test_a_scan_without_points_gives_no_motion(config: FlowEgomotionConfig | None) -> None:
    street = Street()
    frame = street.frame(0, POSE0)
    cloud = dataclasses.replace(frame.cloud, points_velo=np.zeros((0, 3), np.float32))
    empty = dataclasses.replace(frame, cloud=cloud)
    found = step(empty, street.frame(1, POSE0), street.flow(POSE0, POSE0), config)
    assert found.status is EgomotionStatus.DEGENERATE


def test_flow_that_nothing_rigid_explains_gives_no_motion() -> None:
    street = Street()
    flow = street.flow(POSE0, POSE0)
    noise = np.random.default_rng(0).normal(0, 30, (2, 128, 416)).astype(np.float32)
    found = step(
        street.frame(0, POSE0),
        street.frame(1, POSE0),
        dataclasses.replace(flow, flow01_px=noise, flow10_px=-noise),
    )
    assert found.status in (EgomotionStatus.DEGENERATE, EgomotionStatus.INCONSISTENT)
    assert found.reason


def test_directions_that_disagree_are_reported_as_inconsistent() -> None:
    street = Street()
    flow = street.flow(POSE0, pose(0.5))
    backward_of_standing = street.flow(POSE0, POSE0).flow10_px
    found = step(
        street.frame(0, POSE0),
        street.frame(1, pose(0.5)),
        dataclasses.replace(flow, flow10_px=backward_of_standing),
    )
    assert found.status is EgomotionStatus.INCONSISTENT
    assert found.cycle_error_m == pytest.approx(0.5, abs=0.05)
    assert "disagree by 0.5" in found.reason


@pytest.mark.parametrize("status", [FlowStatus.NO_CAMERA, FlowStatus.NO_PAST_IMAGE])
def test_no_flow_is_no_motion_and_says_which_image_is_missing(status: FlowStatus) -> None:
    street = Street()
    found = step(street.frame(0, POSE0), street.frame(1, POSE0), OpticalFlow(status=status))
    assert found.status is EgomotionStatus.DEGENERATE
    assert "image" in found.reason


def test_a_flow_between_other_images_is_refused() -> None:
    street = Street()
    flow = dataclasses.replace(street.flow(POSE0, POSE0), stamp0_ns=-1)
    with pytest.raises(DataError, match="Compute it between the same two frames"):
        step(street.frame(0, POSE0), street.frame(1, POSE0), flow)
