# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the launch files share: arguments, nodes, RViz. They say only what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PACKAGE: Final = "unsup_track_ros"
# The namespace that the RViz configuration is written for.
NAMESPACE: Final = "unsup_track"
_END_S: Final = "20"
_SHOWN: Final = (
    "markers",
    "motion_mask",
    "occupancy",
    "points_segmented",
    "tracked_detections",
)
_ARGUMENTS: Final = {
    "namespace": (NAMESPACE, "Namespace of the nodes and their topics."),
    "params_file": ("", "Parameter file (YAML)."),
    "use_sim_time": ("false", "Take the time from /clock, as when a recording is played."),
    "device": ("auto", "What the stages run on: auto, cpu or cuda."),
    "rviz": ("false", "Start RViz with everything shown."),
    "autodetect": ("true", "Find sensor topics that no parameter names."),
    "nodes": ("together", "together: one process, recommended; apart: a process per node."),
}


def declared(arguments: Mapping[str, tuple[str, str]]) -> list[DeclareLaunchArgument]:
    """Declare launch arguments, given as name, default and text."""
    return [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in arguments.items()
    ]


def perception_arguments() -> list[DeclareLaunchArgument]:
    """Declare what can be said of the perception nodes."""
    arguments: dict[str, tuple[Any, str]] = dict(_ARGUMENTS)
    text = arguments["params_file"][1]
    arguments["params_file"] = (share("config", "generic.yaml"), text)
    return declared(arguments)


def perception_nodes() -> list[Any]:
    """Return the nodes, together or apart, and RViz if it is wanted."""
    together, apart = _chosen("nodes", "together"), _chosen("nodes", "apart")
    of_sensors = {
        "live.autodetect": argument("autodetect", bool),
        "node.device": argument("device", str),
    }
    return [
        node("all_in_one", of_sensors, together),
        node("perception", of_sensors, apart),
        node("tracker", {}, apart),
        node("occupancy", {}, apart),
        rviz(),
    ]


def node(name: str, parameters: Mapping[str, ParameterValue], condition: Any = None) -> Node:
    """Return one node with the parameter file, the clock, and parameters of its own."""
    executable = name if name == "all_in_one" else f"{name}_node"
    given = {"use_sim_time": argument("use_sim_time", bool), **parameters}
    return Node(
        package=PACKAGE,
        executable=executable,
        name=name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), given],
        output="screen",
        emulate_tty=True,
        # A frame in work is finished first; on a busy machine that takes a while.
        sigterm_timeout=_END_S,
        sigkill_timeout=_END_S,
        condition=condition,
    )


def argument(name: str, kind: type) -> ParameterValue:
    """Return the value of a launch argument as a parameter of a type."""
    return ParameterValue(LaunchConfiguration(name), value_type=kind)


def _chosen(name: str, value: str) -> IfCondition:
    return IfCondition(PythonExpression(["'", LaunchConfiguration(name), f"' == '{value}'"]))


def rviz() -> Node:
    """Return RViz with the package's configuration, moved to the namespace in use."""
    namespace = LaunchConfiguration("namespace")
    moved = [(f"/{NAMESPACE}/{topic}", ["/", namespace, "/", topic]) for topic in _SHOWN]
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", share("rviz", "unsup_track.rviz")],
        parameters=[{"use_sim_time": argument("use_sim_time", bool)}],
        remappings=moved,
        condition=IfCondition(LaunchConfiguration("rviz")),
    )


def share(*parts: str) -> PathJoinSubstitution:
    """Return a path below the package's share directory."""
    return PathJoinSubstitution([FindPackageShare(PACKAGE), *parts])
