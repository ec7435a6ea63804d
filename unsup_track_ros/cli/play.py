# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track play`: publish a recording on ROS 2 or, where it is not installed, without it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unsup_track_ros.cli.console import print_notes, reports_errors
from unsup_track_ros.cli.run import ensure_ros, ros_arguments

if TYPE_CHECKING:
    from unsup_track_ros.ros.bag_player import PlayReport

BagPath = Annotated[
    Path, typer.Argument(help="ROS 1 or 2 recording: .bag, .mcap, or a bag folder.")
]
Rate = Annotated[float, typer.Option(min=0.001, help="Seconds of the recording per second.")]
WithClock = Annotated[bool, typer.Option("--clock", help="Publish its time on /clock.")]
Loop = Annotated[bool, typer.Option("--loop", help="Begin anew at the end, until Ctrl-C.")]
Start = Annotated[float, typer.Option("--start-offset", min=0.0, help="Skip so many seconds.")]
Wait = Annotated[float, typer.Option(min=0.0, help="Wait at most so many seconds for subscribers.")]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="Only this one; repeatable.")]


@reports_errors
def play(  # noqa: PLR0913 - the options of a command are its parameters
    context: typer.Context,
    bag: BagPath,
    rate: Rate = 1.0,
    clock: WithClock = False,
    loop: Loop = False,
    start_offset: Start = 0.0,
    wait: Wait = 0.0,
    topic: Topics = None,
) -> None:
    """Publish the messages of a recording at their pace, and tell how punctual that was.

    Example: unsup-track play drive.mcap --clock --wait 30
    """
    arguments = ros_arguments(context.args, [])
    ensure_ros()
    from unsup_track_ros.ros.bag_player import PlayOptions, play_bag

    options = PlayOptions(
        rate=rate,
        with_clock=clock,
        start_s=start_offset,
        topics=tuple(topic or ()),
        wait_s=wait,
    )
    play_bag(bag, options, arguments, loop=loop, told=_print_report, warned=print_notes)


def _print_report(report: PlayReport) -> None:
    end = "" if report.is_complete else ", stopped before the end"
    print(
        f"{report.num_messages} messages in {report.duration_s:.1f} s{end}; late by "
        f"{report.late_ms_p95:.1f} ms (95 %), {report.late_ms_max:.1f} ms (worst).",
        flush=True,
    )
