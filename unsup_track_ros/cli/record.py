# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track record`: topics to a recording, with ROS 2 or without it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from unsup_track_ros.cli.console import print_notes, reports_errors
from unsup_track_ros.cli.run import ensure_ros, ros_arguments

Out = Annotated[Path, typer.Argument(help="Recording to write: NAME.mcap, or a bag folder.")]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="Only this one; repeatable.")]
Duration = Annotated[float | None, typer.Option(min=0.1, help="Stop after so many seconds.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing recording.")]


@reports_errors
def record(
    context: typer.Context,
    out: Out,
    topic: Topics = None,
    duration: Duration = None,
    overwrite: Overwrite = False,
) -> None:
    """Record topics until Ctrl-C; the recording appears when it is complete.

    Example: unsup-track record tracks.mcap --topic /tracks --topic /tf
    """
    arguments = ros_arguments(context.args, [])
    ensure_ros()
    counts = _record(out, tuple(topic or ()), arguments, duration, overwrite=overwrite)
    listed = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()) if count)
    typer.echo(f"{out}: {sum(counts.values())} messages: {listed or 'nothing was published'}.")


def _record(
    out: Path,
    topics: tuple[str, ...],
    arguments: list[str],
    duration_s: float | None,
    *,
    overwrite: bool,
) -> dict[str, int]:
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.node import Node

    from unsup_track_ros.data.bag_writer import BagWriter
    from unsup_track_ros.ros.bag_recorder import BagRecorder

    with BagWriter(out, overwrite=overwrite) as writer:
        rclpy.init(args=arguments)
        node = Node("bag_recorder", start_parameter_services=False)
        recorder = BagRecorder(node, writer, topics)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        end_s = time.monotonic() + duration_s if duration_s is not None else float("inf")
        try:
            while rclpy.ok() and time.monotonic() < end_s:
                executor.spin_once(timeout_sec=min(end_s - time.monotonic(), 0.5))
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        finally:
            node.destroy_node()
            executor.shutdown()
            rclpy.try_shutdown()
    print_notes(tuple(recorder.skipped.values()))
    return recorder.num_messages
