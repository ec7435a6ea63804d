# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service from parameters."""

from __future__ import annotations

from typing import Final

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from unsup_track_ros.ros.configuration import QosConfig

_RELIABILITIES: Final = {
    "reliable": ReliabilityPolicy.RELIABLE,
    "best_effort": ReliabilityPolicy.BEST_EFFORT,
    "system_default": ReliabilityPolicy.SYSTEM_DEFAULT,
}
_DURABILITIES: Final = {
    "volatile": DurabilityPolicy.VOLATILE,
    "transient_local": DurabilityPolicy.TRANSIENT_LOCAL,
    "system_default": DurabilityPolicy.SYSTEM_DEFAULT,
}
_TF_DEPTH: Final = 100


def profile(config: QosConfig) -> QoSProfile:
    """Return the profile that the parameters of a topic describe."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=config.depth,
        reliability=_RELIABILITIES[config.reliability],
        durability=_DURABILITIES[config.durability],
    )


def transform_profile(*, static: bool) -> QoSProfile:
    """Return the profile that all of ROS 2 uses for /tf and /tf_static."""
    durability = DurabilityPolicy.TRANSIENT_LOCAL if static else DurabilityPolicy.VOLATILE
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=_TF_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=durability,
    )
