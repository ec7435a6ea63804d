# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track kitti2bag`: a KITTI raw drive to a ROS 2 recording."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Annotated

import typer

from unsup_track_ros.cli.console import (
    print_notes,
    print_result,
    progress_display,
    reports_errors,
)


@reports_errors
def kitti2bag(
    drive_dir: Annotated[
        Path, typer.Argument(help="Folder with velodyne_points/ and, if any, image_02/.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.mcap", help="The recording to write.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing recording.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Convert a KITTI raw drive to rosbag2 (mcap) with image, camera_info, points and tf.

    Example: unsup-track kitti2bag 2011_09_26_drive_0005_sync drive.mcap
    """
    from unsup_track_ros.data.kitti import convert_drive

    with progress_display() as progress:
        summary = convert_drive(
            drive_dir, out, overwrite=overwrite, progress=functools.partial(progress, "writing")
        )
    print_notes(summary.warnings)
    content = dataclasses.asdict(summary) | {"recording": str(out)}
    text = (
        f"{out}: {summary.num_scans} scans, {summary.num_images} images, "
        f"{summary.num_poses} poses, {summary.duration_s:.1f} s"
    )
    print_result(text, content, as_json=as_json)
