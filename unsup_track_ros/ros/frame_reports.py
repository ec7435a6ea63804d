# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What frames and results say of the sensors, the transforms and the egomotion. No ROS in here."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import numpy as np

from unsup_track_ros.geometry.se3 import inverse
from unsup_track_ros.ros.health import Level, Report
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.consistency import EgomotionConsistency
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.result import PerceptionResult

_REMEMBERED: Final = 50


def frame_report(frame: SensorFrame) -> Report:
    """Say what the last frame had to do without."""
    if not frame.missing_inputs:
        return Report(name="frame", level=Level.OK, message="The last frame was complete.")
    return Report(
        name="frame",
        level=Level.WARN,
        message=frame.missing_inputs[0],
        values={f"missing {i}": text for i, text in enumerate(frame.missing_inputs, start=1)},
    )


def consistency_report(consistency: EgomotionConsistency) -> Report:
    """Say whether TF, LiDAR and camera agree on the motion, the mounting and the clocks."""
    values = {
        finding.quantity.value: f"{finding.status.value}: {finding.value:.3g} +- "
        f"{finding.sigma:.2g} {finding.unit}".rstrip()
        for finding in consistency.findings
    }
    alarms = consistency.alarms
    level = Level.WARN if alarms else Level.OK
    message = alarms[0].sentence if alarms else "TF, LiDAR and camera do not contradict each other."
    return Report(name="consistency", level=level, message=message, values=values)


class EgomotionHealth:
    """Whether the motion is known, and whether it agrees with TF where TF is not its source."""

    def __init__(self) -> None:
        self._poses: OrderedDict[int, Float64[np.ndarray, "4 4"]] = OrderedDict()
        self._disagreement_m = float("nan")
        self._last: Egomotion | None = None

    def add(self, result: PerceptionResult) -> None:
        """Look at a result."""
        egomotion, frame = result.egomotion, result.frame
        self._last = egomotion
        if frame.odom_T_velo is not None:
            self._poses[frame.stamp_ns] = frame.odom_T_velo
            while len(self._poses) > _REMEMBERED:
                self._poses.popitem(last=False)
        self._disagreement_m = self._compare(egomotion)

    def report(self, limit_m: float, lacking: str) -> Report:
        """Say how it is.

        Args:
            limit_m: Disagreement with TF from which on to warn.
            lacking: Why transforms are missing now; empty if none are.
        """
        last = self._last
        if last is None:
            text = lacking or "There is no frame yet."
            return Report(name="egomotion", level=Level.WARN, message=text)
        values = {"source": last.source.value, "status": last.status.value}
        if np.isfinite(self._disagreement_m):
            values["disagreement with TF"] = f"{self._disagreement_m:.3f} m"
        if last.status not in (EgomotionStatus.OK, EgomotionStatus.INITIAL):
            level, message = Level.ERROR, last.reason or lacking
        elif self._disagreement_m > limit_m:
            level = Level.WARN
            message = (
                f"The estimated motion and TF differ by {self._disagreement_m:.2f} m: stamps may "
                "be late, the mounting of the LiDAR wrong, or odom has jumped."
            )
        else:
            level, message = Level.OK, f"The motion is known from {last.source.value}."
        return Report(name="egomotion", level=level, message=message, values=values)

    def _compare(self, egomotion: Egomotion) -> float:
        """Return how far TF would have put the sensor from where it was estimated, m."""
        odom_T_velo0 = self._poses.get(egomotion.stamp0_ns)
        odom_T_velo1 = self._poses.get(egomotion.stamp1_ns)
        motion = egomotion.velo1_T_velo0
        if egomotion.source is EgomotionSource.TF or motion is None:
            return float("nan")
        if odom_T_velo0 is None or odom_T_velo1 is None:
            return float("nan")
        velo1_T_velo0 = inverse(odom_T_velo1) @ odom_T_velo0
        return float(np.linalg.norm(velo1_T_velo0[:3, 3] - motion[:3, 3]))
