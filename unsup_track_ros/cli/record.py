# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track record`: topics to a recording, with ROS 2 or without it."""

from __future__ import annotations

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
    from unsup_track_ros.ros.bag_recorder import record_topics

    counts = record_topics(
        out, tuple(topic or ()), arguments, duration, overwrite=overwrite, warned=print_notes
    )
    listed = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()) if count)
    typer.echo(f"{out}: {sum(counts.values())} messages: {listed or 'nothing was published'}.")
