# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage: do TF, LiDAR and camera agree on the motion and on where the sensors sit?

Comes in: the frame, the past, the flow and the answer of the egomotion stage. Goes out: a finding
on each thing that is often wrong with a vehicle or a recording: the stamps of the camera, the yaw
of camera and LiDAR, jumps of odom. It looks at a share of the frames, remembers the latest seconds,
and changes nothing: what the other stages answer does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.perception.egomotion.blocked_evidence import BlockConfig, BlockedEvidence
from unsup_track_ros.perception.egomotion.findings import (
    FindingConfig,
    Measured,
    camera_yaw_finding,
    lidar_yaw_finding,
    odom_jump_finding,
    odom_scale_finding,
    time_offset_finding,
)
from unsup_track_ros.perception.egomotion.image_alignment import (
    ImageAlignment,
    ImageAlignmentConfig,
)
from unsup_track_ros.perception.egomotion.pose_check import (
    PoseCheck,
    PoseCheckConfig,
    yaw_and_scale,
)
from unsup_track_ros.structures.consistency import ConsistencyStatus, EgomotionConsistency
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.flow import OpticalFlow
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame

# Looks at the image, half a second apart, before a camera is judged against a LiDAR that itself is
# not judged yet though TF could show it.
_PATIENT_LOOKS: Final = 10


class EgomotionConsistencyConfig(Config):
    """Cross-check of TF, LiDAR and camera."""

    enabled: bool = parameter(True, "Whether TF, LiDAR and camera are checked against each other.")
    image_interval_s: float = parameter(
        0.5, "Time between two looks at how scan and image fit.", unit="s", gt=0
    )
    evidence: BlockConfig = BlockConfig()
    alignment: ImageAlignmentConfig = ImageAlignmentConfig()
    poses: PoseCheckConfig = PoseCheckConfig()
    findings: FindingConfig = FindingConfig()


class EgomotionConsistencyCheck:
    """Running cross-check of a stream of frames."""

    def __init__(self, config: EgomotionConsistencyConfig) -> None:
        self._config = config
        self._alignment = ImageAlignment(config.alignment)
        self._scores = BlockedEvidence(self._alignment.shape, config.evidence)
        self._speeds = BlockedEvidence((1,), config.evidence)
        self._poses = PoseCheck(config.poses, config.evidence)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._scores.reset()
        self._speeds.reset()
        self._poses.reset()
        self._looked_ns: int | None = None
        self._camera_seen = False
        self._tf_seen = False
        self._found: EgomotionConsistency | None = None

    def step(
        self,
        frame: SensorFrame,
        history: Sequence[PastFrame],
        flow: OpticalFlow,
        egomotion: Egomotion,
    ) -> EgomotionConsistency | None:
        """Look at the frame if it is time to, and say what is known so far.

        Args:
            frame: Current frame.
            history: Past frames with poses in the same odom, ascending.
            flow: Flow of the first camera, between past and current frame.
            egomotion: Answer of the egomotion stage.

        Returns:
            The findings, or None where the check is switched off.
        """
        if not self._config.enabled:
            return None
        self._note_inputs(frame)
        compares = self._poses.is_due(frame, history)
        if compares:
            self._poses.step(frame, history, flow, egomotion)
            self._found = None
        if self._is_image_due(frame, egomotion, patience=2.0 if compares else 1.0):
            self._look_at_image(frame, egomotion)
            self._found = None
        if self._found is None:
            self._found = self._findings()
        return self._found

    def state(self) -> dict[str, np.ndarray]:
        """Return flat arrays from which `restore` goes on with the same bytes, at any moment."""
        state = {
            "looked_ns": np.array(-1 if self._looked_ns is None else self._looked_ns),
            "seen": np.array([self._camera_seen, self._tf_seen]),
        }
        for name, part in self._parts().items():
            state.update({f"{name}/{key}": value for key, value in part.state().items()})
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on exactly where `state` was taken."""
        looked_ns = int(state["looked_ns"])
        self._looked_ns = None if looked_ns < 0 else looked_ns
        self._camera_seen, self._tf_seen = (bool(seen) for seen in state["seen"])
        self._found = None
        for name, part in self._parts().items():
            prefix = name + "/"
            part.restore({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})

    def _parts(self) -> dict[str, BlockedEvidence | PoseCheck]:
        return {"scores": self._scores, "speeds": self._speeds, "poses": self._poses}

    def _note_inputs(self, frame: SensorFrame) -> None:
        seen = (
            self._camera_seen or frame.camera is not None,
            self._tf_seen or frame.odom_T_velo is not None,
        )
        if seen != (self._camera_seen, self._tf_seen):
            self._camera_seen, self._tf_seen = seen
            self._found = None

    def _is_image_due(self, frame: SensorFrame, egomotion: Egomotion, patience: float) -> bool:
        """Tell whether it is time; a frame with other work is spared for `patience` intervals."""
        if frame.camera is None or egomotion.velo1_T_velo0 is None:
            return False
        if self._looked_ns is None:
            return True
        waited_ns = frame.stamp_ns - self._looked_ns
        return waited_ns >= patience * self._config.image_interval_s * 1e9

    def _look_at_image(self, frame: SensorFrame, egomotion: Egomotion) -> None:
        image, motion = frame.camera, egomotion.velo1_T_velo0
        assert image is not None  # _is_image_due
        assert motion is not None
        self._looked_ns = frame.stamp_ns
        elapsed_s = (egomotion.stamp1_ns - egomotion.stamp0_ns) * 1e-9
        scores = self._alignment.score(frame, image, motion, elapsed_s)
        if scores is None:
            return
        self._scores.add(frame.stamp_ns, scores)
        speed_mps = float(np.linalg.norm(motion[:3, 3])) / elapsed_s
        self._speeds.add(frame.stamp_ns, np.array([speed_mps]))

    def _findings(self) -> EgomotionConsistency:
        config = self._config.findings
        offset, camera_yaw = self._camera_measured()
        lidar_yaw_measured, scale = self._tf_measured()
        lidar_yaw = lidar_yaw_finding(lidar_yaw_measured, self._tf_seen, config)
        if lidar_yaw.status is ConsistencyStatus.ALARM and camera_yaw is not None:
            # Camera and LiDAR were compared: what the LiDAR is off by is not the camera's fault.
            camera_yaw = camera_yaw.plus(lidar_yaw.value, lidar_yaw.sigma)
        lidar_is_known = lidar_yaw.status in (
            ConsistencyStatus.CONSISTENT,
            ConsistencyStatus.ALARM,
        )
        # A little later it is often known which of the two is turned.
        is_patient = self._tf_seen and not lidar_is_known
        is_patient &= self._scores.num_frames < _PATIENT_LOOKS
        num_frames, speed_mps = self._speeds.num_frames, 0.0
        if num_frames:
            speed_mps = float(self._speeds.total[0]) / num_frames
        return EgomotionConsistency(
            findings=(
                time_offset_finding(offset, speed_mps, self._camera_seen, config),
                camera_yaw_finding(
                    None if is_patient else camera_yaw, self._camera_seen, lidar_is_known, config
                ),
                lidar_yaw,
                odom_scale_finding(scale, self._tf_seen, config),
                odom_jump_finding(self._poses, self._tf_seen),
            )
        )

    def _camera_measured(self) -> tuple[Measured | None, Measured | None]:
        """Return the time offset and the yaw of the camera against the LiDAR."""
        offset, yaw = _measured(self._scores, self._alignment.peak)
        if offset is None or yaw is None:
            return None, None
        offset_limit, yaw_limit = self._alignment.limits(np.array([offset.value, yaw.value]))
        if yaw_limit:  # the peak lies beyond, and with it the offset
            return None, replace(yaw, at_limit=True)
        return replace(offset, at_limit=bool(offset_limit)), yaw

    def _tf_measured(self) -> tuple[Measured | None, Measured | None]:
        """Return the yaw of the LiDAR and the scale of TF against each other."""
        return _measured(self._poses.ways, yaw_and_scale)


def _measured(
    evidence: BlockedEvidence, estimator: Callable[[np.ndarray], np.ndarray]
) -> tuple[Measured | None, Measured | None]:
    """Return both values of an estimator, None while there is not enough evidence."""
    if not evidence.is_enough:
        return None, None
    value, sigma = evidence.estimate(estimator)
    first, second = (
        Measured(value=float(v), sigma=float(s), num_frames=evidence.num_frames)
        for v, s in zip(value, sigma, strict=True)
    )
    return first, second
