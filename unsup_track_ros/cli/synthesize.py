# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track synthesize`: a street with traffic as a recording, and the truth beside it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unsup_track_ros.cli.console import print_result, progress_display, reports_errors

if TYPE_CHECKING:
    from unsup_track_ros.data.synthetic.faults import FaultConfig
    from unsup_track_ros.data.synthetic.world import WorldConfig


@reports_errors
def synthesize(  # noqa: PLR0913 - the options of a command are its parameters
    out: Annotated[Path, typer.Argument(metavar="OUT.mcap", help="The recording to write.")],
    seed: Annotated[int, typer.Option(min=0, help="Another number is another street.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of the drive.")] = 10.0,
    image_size: Annotated[
        str,
        typer.Option(metavar="WxH", help="Size of the images, for example 1242x375 as KITTI has."),
    ] = "",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Parameters of the world (YAML).")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Something wrong in the recording: camera_late_s, camera_yaw_rad, lidar_yaw_rad, "
            "odom_jump_m (odom_jump_at_s, odom_jump_course_rad); repeat for several.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing recording.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Record a drive through a synthetic street: image, camera_info, points, tf, and exact truth.

    Example: unsup-track synthesize drive.mcap --seed 1 --seconds 20

    Example: unsup-track synthesize late.mcap --fault camera_late_s=0.05
    """
    from unsup_track_ros.config import flatten, from_values, load_config
    from unsup_track_ros.data.synthetic.world import WorldConfig
    from unsup_track_ros.data.truth import truth_folder

    world = WorldConfig() if config is None else load_config(config, WorldConfig)
    if image_size:
        world = from_values(WorldConfig, flatten(world) | _size_parameters(image_size))
    faults = _faults(fault or [])
    num_frames = record_drive(out, world, (seed, seconds), overwrite=overwrite, faults=faults)
    truth = truth_folder(out)
    content = {"recording": str(out), "truth": str(truth), "frames": num_frames, "seed": seed}
    print_result(f"{out}: {num_frames} frames; truth in {truth}", content, as_json=as_json)


def _size_parameters(image_size: str) -> dict[str, int]:
    width, _, height = image_size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise typer.BadParameter(f"--image-size must look like 1242x375, got '{image_size}'.")
    return {"camera.width_px": int(width), "camera.height_px": int(height)}


def _faults(given: list[str]) -> FaultConfig:
    from unsup_track_ros.config import from_values
    from unsup_track_ros.data.synthetic.faults import FaultConfig

    values: dict[str, object] = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            values[name] = float(value)
        except ValueError as error:
            raise typer.BadParameter(
                f"--fault must look like camera_late_s=0.05, got '{text}'."
            ) from error
    return from_values(FaultConfig, values)


def record_drive(
    out: Path,
    config: WorldConfig,
    drive: tuple[int, float],
    *,
    overwrite: bool,
    faults: FaultConfig | None = None,
) -> int:
    """Write the recording of a seed and a length in seconds; return its number of frames."""
    from unsup_track_ros.data.synthetic.recording import write_world
    from unsup_track_ros.data.synthetic.world import build_world

    seed, seconds = drive
    duration_s = max(config.duration_s, seconds)
    world = build_world(config.model_copy(update={"duration_s": duration_s}), seed)
    with progress_display() as progress:
        return write_world(
            world,
            out,
            seconds,
            overwrite=overwrite,
            faults=faults,
            progress=functools.partial(progress, "driving"),
        )
