# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Label a recording: `ros2 launch unsup_track_ros label.launch.py bag:=drive.mcap out:=labels`."""

from __future__ import annotations

from launch.actions import DeclareLaunchArgument

from launch import LaunchDescription
from unsup_track_ros.ros.launching import argument, declared, node, share

ARGUMENTS = {
    "namespace": ("unsup_track", "Namespace of the node and its topics."),
    "use_sim_time": ("false", "Take the time from /clock."),
    "exit_when_done": ("true", "End with the labelling; else stay, so that progress can be read."),
    "device": ("auto", "What the stages run on: auto, cpu or cuda."),
}


def generate_launch_description() -> LaunchDescription:
    """Describe the labeler node."""
    generic = share("config", "generic.yaml")
    parameters = {
        "node.bag": argument("bag", str),
        "node.out": argument("out", str),
        "node.device": argument("device", str),
        "node.exit_when_done": argument("exit_when_done", bool),
    }
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="Recording to label."),
            DeclareLaunchArgument("out", description="Label directory; resumed if it exists."),
            DeclareLaunchArgument("params_file", default_value=generic, description="Parameters."),
            *declared(ARGUMENTS),
            node("labeler", parameters),
        ]
    )
