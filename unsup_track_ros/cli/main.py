# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track`: the commands, each in its own module, none of them with an algorithm inside."""

from __future__ import annotations

from typing import Annotated

import typer

import unsup_track_ros
from unsup_track_ros.cli.allocator import keep_freed_memory
from unsup_track_ros.cli.clips import clips
from unsup_track_ros.cli.console import show_tracebacks
from unsup_track_ros.cli.demo import demo
from unsup_track_ros.cli.em import em
from unsup_track_ros.cli.evaluate import evaluate
from unsup_track_ros.cli.export import export
from unsup_track_ros.cli.info import info
from unsup_track_ros.cli.kitti2bag import kitti2bag
from unsup_track_ros.cli.label import label
from unsup_track_ros.cli.params import params
from unsup_track_ros.cli.play import play
from unsup_track_ros.cli.record import record
from unsup_track_ros.cli.run import PASS_ON, run
from unsup_track_ros.cli.synthesize import synthesize
from unsup_track_ros.cli.tcr2bag import tcr2bag
from unsup_track_ros.cli.threads import one_thread_per_task
from unsup_track_ros.cli.track import track
from unsup_track_ros.cli.train import train

app = typer.Typer(
    name="unsup-track",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    demo,
    synthesize,
    kitti2bag,
    tcr2bag,
    label,
    em,
    track,
    evaluate,
    export,
    clips,
    info,
    params,
):
    app.command()(command)
for ros_command in (run, play, record):
    app.command(context_settings=PASS_ON)(ros_command)
app.add_typer(train)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"unsup-track {unsup_track_ros.__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _root(
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an error instead of one sentence."),
    ] = False,
    version: Annotated[  # noqa: ARG001 - its callback has done the work
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Find, track and map moving things from camera, LiDAR and TF, without a single human label.

    Example: unsup-track demo --out demo
    """
    show_tracebacks(debug)


def main() -> None:
    """Run the command line; the process ends with 0 (done), 1 (failed) or 2 (wrong usage)."""
    one_thread_per_task()
    keep_freed_memory()
    app()


if __name__ == "__main__":
    main()
