# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track run`: a node in this process, on ROS 2 or, where it is not installed, without it."""

from __future__ import annotations

import enum
import importlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from unsup_track_ros.cli.allocator import keep_freed_memory
from unsup_track_ros.cli.console import reports_errors
from unsup_track_ros.cli.threads import one_thread_per_task

_STANDALONE_NOTE = (
    "ROS 2 is not installed here: its stand-in on Cyclone DDS answers (domain {domain}; "
    "docs/standalone.md)."
)


class NodeName(str, enum.Enum):
    """Which node."""

    PERCEPTION = "perception"
    TRACKER = "tracker"
    OCCUPANCY = "occupancy"
    LABELER = "labeler"
    ALL = "all"


_MODULES = {
    NodeName.PERCEPTION: "perception_node",
    NodeName.TRACKER: "tracker_node",
    NodeName.OCCUPANCY: "occupancy_node",
    NodeName.LABELER: "labeler_node",
    NodeName.ALL: "all_in_one",
}
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

Files = Annotated[list[Path] | None, typer.Option("--params-file", help="ROS parameter file.")]


@reports_errors
def run(
    context: typer.Context,
    node: Annotated[NodeName, typer.Argument(help="Which node; 'all' does everything.")],
    params_file: Files = None,
) -> None:
    """Run a node; what follows --ros-args is for ROS: -p name:=value, -r from:=to, --log-level.

    Example: unsup-track run all --params-file config/kitti.yaml --ros-args -p use_sim_time:=true
    """
    arguments = ros_arguments(context.args, params_file or [])
    raise typer.Exit(run_node(node.value, arguments))


def run_node(name: str, arguments: list[str]) -> int:
    """Run a node until it is told to end.

    Args:
        name: As on the command line: perception, tracker, occupancy, labeler or all.
        arguments: For ROS, beginning with `--ros-args`.

    Returns:
        The exit code.

    Raises:
        StandaloneError: Neither ROS 2 nor its stand-in can be used here.
    """
    one_thread_per_task()
    keep_freed_memory()
    ensure_ros()
    module = importlib.import_module(f"unsup_track_ros.ros.nodes.{_MODULES[NodeName(name)]}")
    code: int = module.main(arguments)
    return code


def ensure_ros() -> None:
    """Make `import rclpy` work, and say so where the stand-in answers.

    Raises:
        StandaloneError: Neither ROS 2 nor its stand-in can be used here.
    """
    from unsup_track_ros.standalone import provide_ros

    if provide_ros() == "standalone":
        from unsup_track_ros.standalone.dds import domain_id

        print(_STANDALONE_NOTE.format(domain=domain_id()), file=sys.stderr)


def ros_arguments(rest: list[str], params_files: list[Path]) -> list[str]:
    """Return the command line for `rclpy.init`.

    Raises:
        typer.BadParameter: Something is for nobody.
    """
    given: list[str] = []
    is_ros = False
    for argument in rest:
        if argument == "--ros-args":
            is_ros = True
        elif not is_ros:
            raise typer.BadParameter(
                f"'{argument}' is no option of this command; what is for ROS comes after "
                "--ros-args."
            )
        else:
            given.append(argument)
    files = [part for path in params_files for part in ("--params-file", str(path))]
    return ["--ros-args", *files, *given]  # the later wins: -p over files
