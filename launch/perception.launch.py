# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Live perception: `ros2 launch unsup_track_ros perception.launch.py rviz:=true`."""

from __future__ import annotations

from launch import LaunchDescription
from unsup_track_ros.ros.launching import perception_arguments, perception_nodes


def generate_launch_description() -> LaunchDescription:
    """Describe the nodes and, if wanted, RViz."""
    return LaunchDescription([*perception_arguments(), *perception_nodes()])
