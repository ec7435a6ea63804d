# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Node `perception`: camera, LiDAR and TF in; detections, motion and egomotion out."""

from __future__ import annotations

from unsup_track_ros.ros.base_node import run
from unsup_track_ros.ros.configuration import PerceptionNodeConfig
from unsup_track_ros.ros.sensor_node import SensorNode


class PerceptionNode(SensorNode[PerceptionNodeConfig]):
    """Finds what moves; tracks and grids are the business of other nodes."""

    def __init__(self) -> None:
        """Check the parameters.

        Raises:
            ConfigError: One of them is unknown, of the wrong type or out of its range.
        """
        super().__init__("perception", PerceptionNodeConfig)


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to end; return the exit code."""
    return run(PerceptionNode, args)
