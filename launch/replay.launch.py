# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Perception on a recording: `ros2 launch unsup_track_ros replay.launch.py bag:=drive.mcap`."""

from __future__ import annotations

from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription
from launch.conditions import IfCondition, UnlessCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription
from unsup_track_ros.ros.launching import declared, share

ARGUMENTS = {
    "rate": ("1.0", "Speed of the replay."),
    "loop": ("false", "Begin again at the end."),
    "rviz": ("true", "Start RViz with everything shown."),
}


def generate_launch_description() -> LaunchDescription:
    """Describe the replay; all else is said by `perception.launch.py`."""
    play = ["ros2", "bag", "play", "--clock", "100", "--rate", LaunchConfiguration("rate")]
    bag, loop = LaunchConfiguration("bag"), LaunchConfiguration("loop")
    once = ExecuteProcess(cmd=[*play, bag], output="screen", condition=UnlessCondition(loop))
    again = ExecuteProcess(cmd=[*play, "--loop", bag], output="screen", condition=IfCondition(loop))
    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(share("launch", "perception.launch.py")),
        launch_arguments={"use_sim_time": "true"}.items(),
    )
    bag_argument = DeclareLaunchArgument("bag", description="Recording that is played.")
    return LaunchDescription([bag_argument, *declared(ARGUMENTS), perception, once, again])
