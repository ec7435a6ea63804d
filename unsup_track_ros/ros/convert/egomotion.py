# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Egomotion to our own message and back, and to the transform of the node's own odom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from geometry_msgs.msg import TransformStamped

from unsup_track_ros.data.point_cloud_decoding import stamp_ns
from unsup_track_ros.geometry.se3 import inverse
from unsup_track_ros.msg import Egomotion as EgomotionMessage
from unsup_track_ros.ros.convert.basics import (
    from_pose,
    from_transform,
    to_header,
    to_ns,
    to_pose,
    to_time,
    to_transform,
)
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus

_STATUSES: Final = {
    EgomotionStatus.OK: EgomotionMessage.STATUS_OK,
    EgomotionStatus.INITIAL: EgomotionMessage.STATUS_INITIAL,
    EgomotionStatus.MISSING_TRANSFORM: EgomotionMessage.STATUS_MISSING_TRANSFORM,
    EgomotionStatus.DEGENERATE: EgomotionMessage.STATUS_DEGENERATE,
    EgomotionStatus.INCONSISTENT: EgomotionMessage.STATUS_INCONSISTENT,
}
_SOURCES: Final = {
    EgomotionSource.TF: EgomotionMessage.SOURCE_TF,
    EgomotionSource.LIDAR: EgomotionMessage.SOURCE_LIDAR,
    EgomotionSource.FLOW: EgomotionMessage.SOURCE_FLOW,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PosedEgomotion:
    """An egomotion as a message carries it.

    Attributes:
        egomotion: The motion.
        base_T_velo: (4, 4) mounting of the LiDAR.
        odom: Name of the frame that its pose is in.
        velo: Name of the LiDAR's frame.
    """

    egomotion: Egomotion
    base_T_velo: Float64[np.ndarray, "4 4"]
    odom: str
    velo: str


def to_egomotion(posed: PosedEgomotion) -> EgomotionMessage:
    """Build our own message."""
    egomotion = posed.egomotion
    pose, motion = egomotion.odom_T_velo1, egomotion.velo1_T_velo0
    return EgomotionMessage(
        header=to_header(egomotion.stamp1_ns, posed.odom),
        child_frame_id=posed.velo,
        status=_STATUSES[egomotion.status],
        source=_SOURCES[egomotion.source],
        reason=egomotion.reason,
        pose=to_pose(np.eye(4) if pose is None else pose),
        start=to_time(egomotion.stamp0_ns),
        motion=to_transform(np.eye(4) if motion is None else motion),
        mounting=to_transform(posed.base_T_velo),
        inlier_ratio=egomotion.inlier_ratio,
    )


def from_egomotion(message: EgomotionMessage) -> PosedEgomotion:
    """Return the egomotion of a message."""
    statuses = {value: status for status, value in _STATUSES.items()}
    sources = {value: source for source, value in _SOURCES.items()}
    status = statuses[message.status]
    has_motion = status is EgomotionStatus.OK
    has_pose = has_motion or status is EgomotionStatus.INITIAL
    egomotion = Egomotion(
        status=status,
        source=sources[message.source],
        stamp0_ns=to_ns(message.start),
        stamp1_ns=stamp_ns(message),
        velo1_T_velo0=from_transform(message.motion) if has_motion else None,
        odom_T_velo1=from_pose(message.pose) if has_pose else None,
        inlier_ratio=message.inlier_ratio,
        reason=message.reason,
    )
    return PosedEgomotion(
        egomotion=egomotion,
        base_T_velo=from_transform(message.mounting),
        odom=message.header.frame_id,
        velo=message.child_frame_id,
    )


def to_odom_transform(
    odom_T_velo: Float64[np.ndarray, "4 4"], at_ns: int, velo: str, odom: str
) -> TransformStamped:
    """Build the transform of odom as a child of the LiDAR's frame.

    A frame has one parent and the LiDAR's is taken: hung below it, odom fits every tree of frames.
    """
    velo_T_odom = inverse(odom_T_velo)
    return TransformStamped(
        header=to_header(at_ns, velo), child_frame_id=odom, transform=to_transform(velo_T_odom)
    )
