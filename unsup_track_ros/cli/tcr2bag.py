# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track tcr2bag`: snippets of Track, Check, Repeat to a ROS 2 recording."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Annotated

import typer

from unsup_track_ros.cli.console import print_result, progress_display, reports_errors


@reports_errors
def tcr2bag(
    folder: Annotated[Path, typer.Argument(help="Folder of TCR's .npz snippets.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.mcap", help="The recording to write.")],
    first_frames_only: Annotated[
        bool, typer.Option("--first-frames-only", help="Truth of the frames that TCR scores only.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing recording.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Convert snippets of Track, Check, Repeat to rosbag2 (mcap), human boxes as truth beside it.

    Example: unsup-track tcr2bag snippets test.mcap --first-frames-only
    """
    from unsup_track_ros.data.tcr_npz import convert_snippets

    with progress_display() as progress:
        summary = convert_snippets(
            folder,
            out,
            overwrite=overwrite,
            first_frames_only=first_frames_only,
            progress=functools.partial(progress, "writing"),
        )
    content = dataclasses.asdict(summary) | {"recording": str(out)}
    text = f"{out}: {summary.num_snippets} snippets, {summary.num_scans} scans"
    print_result(text, content, as_json=as_json)
