# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Choice of the source, chaining of poses, and statuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from unit.perception.egomotion.street import BASE_T_VELO, NO_FLOW, Street, past, pose

from unsup_track_ros.errors import DataError
from unsup_track_ros.perception.egomotion import EgomotionConfig, EgomotionEstimator
from unsup_track_ros.structures.egomotion import EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.flow import OpticalFlow
from unsup_track_ros.structures.history import PastFrame

STREET = Street()
FRAME0 = STREET.frame(0, pose())
FRAME1 = STREET.frame(1, pose(1.0))
TF0 = STREET.frame(0, pose(), tf=True)
TF1 = STREET.frame(1, pose(1.0), tf=True)


def no_flow() -> OpticalFlow:
    return NO_FLOW


def estimator(source: str = "auto") -> EgomotionEstimator:
    return EgomotionEstimator(
        EgomotionConfig.model_validate({"source": source}), torch.device("cpu")
    )


def test_tf_motion_is_the_difference_of_the_poses() -> None:
    found = estimator().step(TF1, past(TF0, pose()), no_flow)
    assert (found.status, found.source) == (EgomotionStatus.OK, EgomotionSource.TF)
    assert found.velo1_T_velo0 is not None
    np.testing.assert_allclose(found.velo1_T_velo0[:3, 3], [-1.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_array_equal(found.odom_T_velo1, pose(1.0))


@pytest.mark.parametrize("source", ["tf", "lidar", "flow"])
def test_the_first_frame_has_a_pose_and_no_motion(source: str) -> None:
    found = estimator(source).step(TF0, None, no_flow)
    assert found.status is EgomotionStatus.INITIAL
    assert found.velo1_T_velo0 is None
    np.testing.assert_array_equal(found.odom_T_velo1, BASE_T_VELO)


def test_missing_tf_is_a_status_with_the_reason_of_the_recording() -> None:
    silent = dataclasses.replace(FRAME1, odom_reason="odom and velo are not connected.")
    found = estimator("tf").step(silent, past(TF0, pose()), no_flow)
    assert found.status is EgomotionStatus.MISSING_TRANSFORM
    assert found.odom_T_velo1 is None
    assert found.reason == "odom and velo are not connected."


def test_auto_follows_the_lidar_until_there_is_tf_and_then_keeps_to_tf() -> None:
    auto = estimator()
    first = auto.step(FRAME0, None, no_flow)
    assert first.source is EgomotionSource.LIDAR
    switched = auto.step(TF1, PastFrame(frame=FRAME0, egomotion=first), no_flow)
    assert (switched.status, switched.source) == (EgomotionStatus.INITIAL, EgomotionSource.TF)
    frame2 = STREET.frame(2, pose(2.0))
    gap = auto.step(frame2, PastFrame(frame=TF1, egomotion=switched), no_flow)
    assert gap.status is EgomotionStatus.MISSING_TRANSFORM
    auto.reset()
    assert auto.step(frame2, None, no_flow).source is EgomotionSource.LIDAR


def test_lidar_motion_is_relative_to_the_frame_the_pipeline_chose() -> None:
    lidar = estimator("lidar")
    frames = [STREET.frame(i, pose(0.6 * i)) for i in range(4)]
    history: list[PastFrame] = []
    for frame in frames[:3]:
        found = lidar.step(frame, history[-1] if history else None, no_flow)
        history.append(PastFrame(frame=frame, egomotion=found))
    found = lidar.step(frames[3], history[1], no_flow)
    assert found.velo1_T_velo0 is not None
    assert found.stamp0_ns == frames[1].stamp_ns
    np.testing.assert_allclose(found.velo1_T_velo0[:3, 3], [-1.2, 0.0, 0.0], atol=0.02)


def test_a_past_frame_without_a_pose_is_refused() -> None:
    lidar = estimator("lidar")
    lidar.step(FRAME0, None, no_flow)
    with pytest.raises(DataError, match="past frame that has a pose"):
        lidar.step(FRAME1, past(FRAME0, None), no_flow)


def test_a_restored_estimator_remembers_that_there_was_tf_and_the_map() -> None:
    auto = estimator()
    auto.step(TF0, None, no_flow)
    restored = estimator()
    restored.restore(auto.state())
    found = restored.step(FRAME1, past(TF0, pose()), no_flow)
    assert found.status is EgomotionStatus.MISSING_TRANSFORM
