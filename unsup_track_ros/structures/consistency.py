# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether TF, LiDAR and camera agree on how the vehicle moves and where its sensors sit."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ConsistencyQuantity(enum.Enum):
    """What can be wrong with a recording or a vehicle."""

    CAMERA_TIME_OFFSET = "camera_time_offset"
    CAMERA_YAW = "camera_yaw"
    LIDAR_YAW = "lidar_yaw"
    ODOM_SCALE = "odom_scale"
    ODOM_JUMP = "odom_jump"


class ConsistencyStatus(enum.Enum):
    """What the evidence says so far."""

    UNOBSERVED = "unobserved"  # an input is missing, or nothing happened that would show it
    COLLECTING = "collecting"  # not enough evidence yet
    CONSISTENT = "consistent"
    ALARM = "alarm"  # significant, and larger than what is tolerated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConsistencyFinding:
    """The state of one quantity.

    Attributes:
        quantity: What is measured. CAMERA_TIME_OFFSET: by how much the image stamps are later than
            the scan stamps of the same moment. CAMERA_YAW, LIDAR_YAW: by how much the yaw of that
            mounting in TF is too large (positive: too far to the left). ODOM_SCALE: share by which
            the way that TF tells is too long. ODOM_JUMP: length of a step of TF that the sensors
            did not take.
        status: What the evidence says.
        value: Estimate, nan while there is none.
        sigma: Its standard deviation, nan while there is none.
        unit: "s", "rad", "m", or empty for a share.
        num_frames: Frames that the estimate rests on.
        stamp_ns: Stamp of the frame after a jump; 0 for the other quantities.
        sentence: What was found or is missing and, in an alarm, what to do about it.
    """

    quantity: ConsistencyQuantity
    status: ConsistencyStatus
    value: float = float("nan")
    sigma: float = float("nan")
    unit: str
    num_frames: int = 0
    stamp_ns: int = 0
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EgomotionConsistency:
    """One finding per quantity, in the order of `ConsistencyQuantity`."""

    findings: tuple[ConsistencyFinding, ...]

    def of(self, quantity: ConsistencyQuantity) -> ConsistencyFinding:
        """Return the finding on one quantity."""
        return next(finding for finding in self.findings if finding.quantity is quantity)

    @property
    def alarms(self) -> tuple[ConsistencyFinding, ...]:
        """The findings that need attention."""
        return tuple(f for f in self.findings if f.status is ConsistencyStatus.ALARM)
