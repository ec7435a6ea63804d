# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage: how the sensor moved from a past frame to the current one, and where it is in odom.

Comes in: the frame, the past frame that the pipeline chose, the flow between their images.
Goes out: `Egomotion`. Status INITIAL means that odom begins at this frame: for a consumer that
still holds poses of an earlier odom it is the start of a new stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Literal

import numpy as np
import torch

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import inverse
from unsup_track_ros.perception.egomotion.flow_egomotion import FlowEgomotion, FlowEgomotionConfig
from unsup_track_ros.perception.egomotion.lidar_odometry import (
    LidarOdometry,
    LidarOdometryConfig,
    LidarOutcome,
)
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.flow import OpticalFlow
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame


class EgomotionConfig(Config):
    """Where egomotion comes from."""

    source: Literal["auto", "tf", "lidar", "flow"] = parameter(
        "auto",
        "tf: poses of the recording; lidar: LiDAR odometry; flow: optical flow and LiDAR depth; "
        "auto: tf from the first frame that has it, lidar before.",
    )
    lidar: LidarOdometryConfig = LidarOdometryConfig()
    flow: FlowEgomotionConfig = FlowEgomotionConfig()


class EgomotionEstimator:
    """Egomotion of a stream of frames."""

    def __init__(self, config: EgomotionConfig, device: torch.device) -> None:
        self._config = config
        self._lidar = LidarOdometry(config.lidar)
        self._flow = FlowEgomotion(config.flow, device)
        self._tf_seen = False

    def reset(self) -> None:
        """Forget the stream: the next frame starts a new odom."""
        self._lidar.reset()
        self._tf_seen = False

    def step(
        self, frame: SensorFrame, past: PastFrame | None, flow: Callable[[], OpticalFlow]
    ) -> Egomotion:
        """Answer the motion from the past frame to this one, and this one's pose.

        Args:
            frame: Current frame.
            past: Frame to compare with: one that got a pose, or None at the start of a stream.
            flow: Gives the flow from the past frame's first camera to the current one's; asked
                only where the source needs it, and may take its time.

        Returns:
            OK with motion and pose; INITIAL with a pose only, where odom begins; otherwise the
            status and the reason why there is no answer.

        Raises:
            DataError: The past frame has no pose, or the flow belongs to other frames.
        """
        self._tf_seen = self._tf_seen or frame.odom_T_velo is not None
        source = self._source()
        if source is EgomotionSource.TF:
            return _from_tf(frame, past)
        if source is EgomotionSource.LIDAR:
            return self._from_lidar(frame, past)
        return self._from_flow(frame, past, flow())

    def join_map(self, beside: Executor) -> None:
        """Let the latest scan join the map of the odometry on another thread."""
        self._lidar.join_map(beside)

    def state(self) -> dict[str, np.ndarray]:
        """Return flat arrays from which `restore` goes on with the same bytes, at any moment."""
        state = {f"lidar/{key}": value for key, value in self._lidar.state().items()}
        state["tf_seen"] = np.array(self._tf_seen)
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on exactly where `state` was taken."""
        prefix = "lidar/"
        self._lidar.restore({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
        self._tf_seen = bool(state["tf_seen"])

    def _source(self) -> EgomotionSource:
        if self._config.source == "auto":
            # Once there was TF, its gaps are gaps: another source would answer in another odom.
            return EgomotionSource.TF if self._tf_seen else EgomotionSource.LIDAR
        return EgomotionSource(self._config.source)

    def _from_lidar(self, frame: SensorFrame, past: PastFrame | None) -> Egomotion:
        if past is None:
            self._lidar.reset()
        pose = self._lidar.step(frame)
        if pose.odom_T_velo is None:
            status = EgomotionStatus.DEGENERATE
            return _no_answer(status, EgomotionSource.LIDAR, frame, past, pose.reason)
        if past is None or pose.outcome is LidarOutcome.STARTED:
            return _initial(EgomotionSource.LIDAR, frame, pose.odom_T_velo)
        odom_T_velo0 = _pose_of(past)
        return Egomotion(
            status=EgomotionStatus.OK,
            source=EgomotionSource.LIDAR,
            stamp0_ns=past.frame.stamp_ns,
            stamp1_ns=frame.stamp_ns,
            velo1_T_velo0=inverse(pose.odom_T_velo) @ odom_T_velo0,
            odom_T_velo1=pose.odom_T_velo,
            inlier_ratio=pose.overlap,
        )

    def _from_flow(
        self, frame: SensorFrame, past: PastFrame | None, flow: OpticalFlow
    ) -> Egomotion:
        if past is None:
            odom_T_base = np.eye(4)  # odom starts where the vehicle stands, level
            return _initial(EgomotionSource.FLOW, frame, odom_T_base @ frame.base_T_velo)
        odom_T_velo0 = _pose_of(past)
        motion = self._flow.estimate(past.frame, frame, flow, _expected_motion(frame, past))
        if motion.velo1_T_velo0 is None:
            return Egomotion(
                status=motion.status,
                source=EgomotionSource.FLOW,
                stamp0_ns=past.frame.stamp_ns,
                stamp1_ns=frame.stamp_ns,
                inlier_ratio=motion.inlier_ratio,
                cycle_error_m=motion.cycle_error_m,
                reason=motion.reason,
            )
        return Egomotion(
            status=EgomotionStatus.OK,
            source=EgomotionSource.FLOW,
            stamp0_ns=past.frame.stamp_ns,
            stamp1_ns=frame.stamp_ns,
            velo1_T_velo0=motion.velo1_T_velo0,
            odom_T_velo1=odom_T_velo0 @ inverse(motion.velo1_T_velo0),
            inlier_ratio=motion.inlier_ratio,
            cycle_error_m=motion.cycle_error_m,
        )


def _from_tf(frame: SensorFrame, past: PastFrame | None) -> Egomotion:
    odom_T_velo1 = frame.odom_T_velo
    if odom_T_velo1 is None:
        reason = (
            frame.odom_reason or "The recording gives no pose of the LiDAR in odom at this stamp."
        )
        status = EgomotionStatus.MISSING_TRANSFORM
        return _no_answer(status, EgomotionSource.TF, frame, past, reason)
    odom_T_velo0 = past.frame.odom_T_velo if past is not None else None
    if past is None or odom_T_velo0 is None:
        return _initial(EgomotionSource.TF, frame, odom_T_velo1)
    return Egomotion(
        status=EgomotionStatus.OK,
        source=EgomotionSource.TF,
        stamp0_ns=past.frame.stamp_ns,
        stamp1_ns=frame.stamp_ns,
        velo1_T_velo0=inverse(odom_T_velo1) @ odom_T_velo0,
        odom_T_velo1=odom_T_velo1,
    )


def _expected_motion(frame: SensorFrame, past: PastFrame) -> Float64[np.ndarray, "4 4"]:
    """Return the motion that led to the past frame, if it took about as long; else standing still.

    It is one hypothesis among hundreds: a poor guess costs nothing.
    """
    before = past.egomotion.velo1_T_velo0
    if before is None:
        return np.eye(4)
    then_ns = past.egomotion.stamp1_ns - past.egomotion.stamp0_ns
    now_ns = frame.stamp_ns - past.frame.stamp_ns
    return before if abs(now_ns - then_ns) < 0.5 * then_ns else np.eye(4)


def _pose_of(past: PastFrame) -> Float64[np.ndarray, "4 4"]:
    odom_T_velo0 = past.egomotion.odom_T_velo1
    if odom_T_velo0 is None:
        raise DataError(
            "Egomotion can only go on from a past frame that has a pose; the one at "
            f"{past.frame.stamp_ns} ns has status '{past.egomotion.status.value}'. "
            "Give the last frame with status ok or initial."
        )
    return odom_T_velo0


def _initial(source: EgomotionSource, frame: SensorFrame, odom_T_velo1: np.ndarray) -> Egomotion:
    return Egomotion(
        status=EgomotionStatus.INITIAL,
        source=source,
        stamp0_ns=0,
        stamp1_ns=frame.stamp_ns,
        odom_T_velo1=odom_T_velo1,
    )


def _no_answer(
    status: EgomotionStatus,
    source: EgomotionSource,
    frame: SensorFrame,
    past: PastFrame | None,
    reason: str,
) -> Egomotion:
    return Egomotion(
        status=status,
        source=source,
        stamp0_ns=past.frame.stamp_ns if past is not None else 0,
        stamp1_ns=frame.stamp_ns,
        reason=reason,
    )
