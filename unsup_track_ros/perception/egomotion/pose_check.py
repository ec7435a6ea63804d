# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TF against LiDAR: the yaw at which the LiDAR is mounted, the scale of odom, and jumps of it.

A vehicle that drives shows the yaw of its LiDAR: the scans tell in which direction of the LiDAR it
went, TF in which direction of the vehicle. The same ways tell the scale of TF. Both come from the
similarity that maps TF's ways on the ground to the LiDAR's best (Umeyama, "Least-squares estimation
of transformation parameters between two point patterns", 1991, here in the plane, where it is one
complex number). A jump is a step of TF that the scans do not show and this similarity does not
explain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.se3 import inverse
from unsup_track_ros.perception.egomotion.blocked_evidence import BlockConfig, BlockedEvidence
from unsup_track_ros.perception.egomotion.pose_comparison import (
    MotionPair,
    PoseComparison,
    PoseComparisonConfig,
    expected_motion,
    flow_contradicts,
)
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.arrays import from_arrays, to_arrays
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.flow import OpticalFlow
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame

T = TypeVar("T")

# Median absolute deviation to standard deviation of a normal distribution.
_MAD_TO_SIGMA: Final = 1.4826


class PoseCheckConfig(Config):
    """Comparison of TF with the LiDAR."""

    interval_s: float = parameter(
        0.5,
        "Time between two comparisons, shorter than the history of the pipeline.",
        unit="s",
        gt=0,
    )
    suspicious_step_m: float = parameter(
        0.15,
        "A step of TF that differs this much from the step before is compared at once.",
        unit="m",
        gt=0,
    )
    jump_tolerance_m: float = parameter(
        0.2, "Steps that TF and LiDAR see this much differently are no jump.", unit="m", gt=0
    )
    jump_sigmas: float = parameter(
        6.0, "Nor are those within so many standard deviations of their usual difference.", gt=0
    )
    least_sigma_m: float = parameter(
        0.02, "Least standard deviation of a registration.", unit="m", gt=0
    )
    min_travel_m: float = parameter(
        0.5, "Shorter ways do not show the direction of travel.", unit="m", gt=0
    )
    usual_differences: int = parameter(
        20, "Latest comparisons from which their usual difference is known.", ge=3
    )
    min_comparisons: int = parameter(3, "Fewer comparisons are no evidence.", ge=1)
    comparison: PoseComparisonConfig = PoseComparisonConfig()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OdomJump:
    """A step of TF that the LiDAR did not see.

    Attributes:
        stamp_ns: Stamp of the frame after it.
        length_m: How far TF jumped against the scans.
        sigma_m: Standard deviation.
        count: Jumps so far, this one included.
    """

    stamp_ns: int
    length_m: float
    sigma_m: float
    count: int


class PoseCheck:
    """Running comparison of TF with the LiDAR.

    Attributes:
        jump: The latest jump, None before the first.
        last_stamp_ns: Stamp of the latest comparison, None before the first.
    """

    def __init__(self, config: PoseCheckConfig, blocks: BlockConfig) -> None:
        self._config = config
        self._comparison = PoseComparison(config.comparison)
        # Sums of TF's ways squared, and of the LiDAR's ways times TF's conjugated.
        self._ways = BlockedEvidence((3,), blocks)
        self.reset()

    def reset(self) -> None:
        """Forget all."""
        self._ways.reset()
        self._recent = np.zeros((0, 2, 2))  # ways of LiDAR and TF in the latest comparisons
        self._pair: MotionPair | None = None
        self.jump: OdomJump | None = None
        self.last_stamp_ns: int | None = None

    def is_due(self, frame: SensorFrame, history: Sequence[PastFrame]) -> bool:
        """Tell whether this frame is to be compared: it is time, or TF takes an odd step."""
        if frame.odom_T_velo is None or not history:
            return False
        waited_ns = frame.stamp_ns - (self.last_stamp_ns or history[0].frame.stamp_ns)
        return waited_ns >= self._config.interval_s * 1e9 or self._is_suspicious(frame, history)

    def step(
        self,
        frame: SensorFrame,
        history: Sequence[PastFrame],
        flow: OpticalFlow,
        egomotion: Egomotion,
    ) -> None:
        """Compare the motion since the last comparison, or an odd step alone."""
        past = history[-1]
        if not self._is_suspicious(frame, history):
            later = [p for p in history if p.frame.stamp_ns >= (self.last_stamp_ns or 0)]
            past = later[0] if later else history[0]
        elapsed_s = (frame.stamp_ns - past.frame.stamp_ns) * 1e-9
        expected = expected_motion(self._pair, elapsed_s)
        pair = self._comparison.compare(past, frame, egomotion, expected)
        self.last_stamp_ns = frame.stamp_ns
        if pair is None:
            return
        lidar, tf = _ways(pair, frame.base_T_velo)
        difference_m = float(np.linalg.norm(lidar - self._explained(tf)))
        is_odd = difference_m > max(self._config.jump_tolerance_m, self._unusual_m)
        if is_odd and (not pair.lidar_is_better or flow_contradicts(pair, past, frame, flow)):
            return
        self._pair = pair
        if is_odd and self.is_enough:  # the first ones show what is usual
            self._note_jump(frame.stamp_ns, difference_m)
        # Jumps are rare, or they are usual: the median knows.
        kept = self._recent[-self._config.usual_differences + 1 :]
        self._recent = np.concatenate([kept, [[lidar, tf]]])
        if pair.lidar_is_better and not is_odd:
            self._add_ways(frame.stamp_ns, lidar, tf)

    @property
    def num_comparisons(self) -> int:
        """Comparisons, as far as they are remembered."""
        return len(self._recent)

    @property
    def is_enough(self) -> bool:
        """Whether a jump would be known by now."""
        return self.num_comparisons >= self._config.min_comparisons

    @property
    def usual_difference_m(self) -> float:
        """Standard deviation of the difference between TF and LiDAR in one comparison."""
        if len(self._recent) == 0:
            return self._config.least_sigma_m
        # What is known of yaw and scale by now explains the earlier ones too.
        differences_m = self._recent[:, 0] - self._explained(self._recent[:, 1])
        median_m = float(np.median(np.linalg.norm(differences_m, axis=1)))
        return max(_MAD_TO_SIGMA * median_m, self._config.least_sigma_m)

    @property
    def ways(self) -> BlockedEvidence:
        """Evidence on the yaw of the LiDAR and the scale of TF, for `yaw_and_scale`."""
        return self._ways

    def state(self) -> dict[str, np.ndarray]:
        """Return flat arrays from which `restore` goes on with the same bytes."""
        state = {f"ways/{key}": value for key, value in self._ways.state().items()}
        state["recent"] = self._recent
        state["last_stamp_ns"] = np.array(-1 if self.last_stamp_ns is None else self.last_stamp_ns)
        if self._pair is not None:
            state.update(to_arrays(self._pair, "pair/"))
        if self.jump is not None:
            state.update(to_arrays(self.jump, "jump/"))
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on exactly where `state` was taken."""
        prefix = "ways/"
        self._ways.restore({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
        self._recent = state["recent"]
        stamp_ns = int(state["last_stamp_ns"])
        self.last_stamp_ns = None if stamp_ns < 0 else stamp_ns
        self._pair = _restored(MotionPair, state, "pair/")
        self.jump = _restored(OdomJump, state, "jump/")

    def _is_suspicious(self, frame: SensorFrame, history: Sequence[PastFrame]) -> bool:
        """Tell whether TF's newest step differs from the one before more than driving explains."""
        if len(history) < 2:
            return False
        older, past = history[-2].frame, history[-1].frame
        if older.odom_T_velo is None or past.odom_T_velo is None or frame.odom_T_velo is None:
            return False
        before = inverse(older.odom_T_velo) @ past.odom_T_velo
        now = inverse(past.odom_T_velo) @ frame.odom_T_velo
        ratio = (frame.stamp_ns - past.stamp_ns) / (past.stamp_ns - older.stamp_ns)
        change_m = now[:3, 3] - ratio * before[:3, 3]
        limit_m = max(self._config.suspicious_step_m, self._unusual_m)
        return bool(np.linalg.norm(change_m) > limit_m)

    def _note_jump(self, stamp_ns: int, length_m: float) -> None:
        self.jump = OdomJump(
            stamp_ns=stamp_ns,
            length_m=length_m,
            sigma_m=self.usual_difference_m,
            count=1 if self.jump is None else self.jump.count + 1,
        )

    @property
    def _unusual_m(self) -> float:
        return self._config.jump_sigmas * self.usual_difference_m

    def _explained(self, tf: Float64[np.ndarray, "*N 2"]) -> Float64[np.ndarray, "*N 2"]:
        """Return what the LiDAR should see of TF's ways, after what is known of yaw and scale."""
        if self._ways.num_frames == 0:
            return tf
        _, real, imaginary = self._ways.total / self._ways.total[0]
        turn = np.array([[real, imaginary], [-imaginary, real]])
        explained: Float64[np.ndarray, "*N 2"] = tf @ turn
        return explained

    def _add_ways(self, stamp_ns: int, lidar: np.ndarray, tf: np.ndarray) -> None:
        if min(np.linalg.norm(lidar), np.linalg.norm(tf)) < self._config.min_travel_m:
            return
        across = tf[0] * lidar[1] - tf[1] * lidar[0]
        self._ways.add(stamp_ns, np.array([tf @ tf, tf @ lidar, across]))


def yaw_and_scale(ways: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, " 2"]:
    """Return by how much TF has the LiDAR's yaw too large (rad) and its way too long (a share)."""
    square, real, imaginary = ways
    return np.array([np.arctan2(imaginary, real), square / np.hypot(real, imaginary) - 1.0])


def _ways(pair: MotionPair, base_T_velo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both ways in the ground plane of the vehicle, (2,) each."""
    base_R_velo = base_T_velo[:3, :3]
    lidar = base_R_velo @ pair.lidar_velo0_T_velo1[:3, 3]
    tf = base_R_velo @ pair.tf_velo0_T_velo1[:3, 3]
    return lidar[:2], tf[:2]


def _restored(cls: type[T], state: Mapping[str, np.ndarray], prefix: str) -> T | None:
    """Rebuild a structure, None if the state holds none."""
    return from_arrays(cls, state, prefix) if any(k.startswith(prefix) for k in state) else None
