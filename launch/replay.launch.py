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
    bag, loop = LaunchConfiguration("bag"), LaunchConfiguration("loop")
    # Unlike `ros2 bag play` it waits until the node listens: nothing of a short recording is lost.
    play = ["ros2", "run", "unsup_track_ros", "unsup-track", "play", bag, "--clock"]
    play += ["--wait", "60", "--rate", LaunchConfiguration("rate")]
    once = ExecuteProcess(cmd=play, output="screen", condition=UnlessCondition(loop))
    again = ExecuteProcess(cmd=[*play, "--loop"], output="screen", condition=IfCondition(loop))
    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(share("launch", "perception.launch.py")),
        launch_arguments={"use_sim_time": "true"}.items(),
    )
    bag_argument = DeclareLaunchArgument("bag", description="Recording that is played.")
    return LaunchDescription([bag_argument, *declared(ARGUMENTS), perception, once, again])
