# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track label`: a recording to pseudo-labels, tracks, grids and pictures."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unsup_track_ros.cli.console import print_notes, print_result, progress_display, reports_errors

if TYPE_CHECKING:
    from unsup_track_ros.data.recording import Recording
    from unsup_track_ros.labeling.fleet import Finish
    from unsup_track_ros.labeling.labeler import LabelerConfig, LabelingOptions, LabelingResult
    from unsup_track_ros.labeling.progress import Progress
    from unsup_track_ros.labeling.store import LabelStore


class Mode(str, enum.Enum):
    """Which motion segmentation."""

    TCR = "tcr"
    IMPROVED = "improved"


class EgomotionChoice(str, enum.Enum):
    """Where the motion of the vehicle comes from."""

    AUTO = "auto"
    TF = "tf"
    LIDAR = "lidar"
    FLOW = "flow"


class Device(str, enum.Enum):
    """What the stages run on."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


Bags = Annotated[
    list[str],
    typer.Argument(
        help="ROS 1 or 2 recordings: .bag, .mcap, a bag folder; or URLs (s3://, gs://)."
    ),
]
Out = Annotated[
    str,
    typer.Option(
        "--out",
        "-o",
        help="Label directory; of several recordings, the folder with one for each. Resumed.",
    ),
]
Parameters = Annotated[Path | None, typer.Option("--config", "-c", help="Parameter file (YAML).")]
MotionMode = Annotated[Mode | None, typer.Option(help="Motion test; else as configured.")]
Source = Annotated[EgomotionChoice | None, typer.Option(help="Its source; else as configured.")]
Clouds = Annotated[list[str] | None, typer.Option(help="Point clouds, the reference first.")]
Images = Annotated[list[str] | None, typer.Option(help="Images; repeat for several cameras.")]
Infos = Annotated[list[str] | None, typer.Option(help="One per image topic, in their order.")]
NumFrames = Annotated[int | None, typer.Option(min=1, help="Only this many frames.")]
NoVideo = Annotated[bool, typer.Option("--no-video", help="No video, pictures and report.")]
NoBag = Annotated[bool, typer.Option("--no-bag", help="No results.mcap.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes that share the labelling.")]
Scheduler = Annotated[str | None, typer.Option(help="Of a Dask cluster that labels, tcp://...")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace labels made otherwise.")]


@reports_errors
def label(  # noqa: PLR0913 - the options of a command are its parameters
    bags: Bags,
    out: Out,
    config: Parameters = None,
    mode: MotionMode = None,
    egomotion: Source = None,
    device: Annotated[Device, typer.Option(help="What to compute on.")] = Device.AUTO,
    points_topic: Clouds = None,
    image_topic: Images = None,
    camera_info_topic: Infos = None,
    max_frames: NumFrames = None,
    no_video: NoVideo = False,
    no_bag: NoBag = False,
    overwrite: Overwrite = False,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Label recordings; a run that was stopped goes on where it stopped.

    Of several, one that cannot be labelled is explained, the others are labelled, and the command
    ends with 1.

    Example: unsup-track label drive.mcap --out drive_labels

    Example: unsup-track label bags/*.mcap --out labels --workers 4
    """
    from unsup_track_ros.cli.label_many import is_single, label_many
    from unsup_track_ros.labeling.labeler import LabelingOptions, mode_parameters

    overrides = {
        **(mode_parameters(mode.value) if mode else {}),
        "pipeline.egomotion.source": egomotion and egomotion.value,
        "recording.topics.clouds": points_topic,
        "recording.topics.images": image_topic,
        "recording.topics.camera_infos": camera_info_topic,
    }
    options = LabelingOptions(
        device=device_name(device),
        overwrite=overwrite,
        max_frames=max_frames,
        pictures=not no_video,
    )
    parameters = labeler_config(config, overrides)
    if not is_single(bags, out, (workers, scheduler)):
        finish = None if no_bag else bag_writer()
        label_many((bags, out), (parameters, options, finish), (workers, scheduler), as_json)
        return
    result = run_labeler(Path(bags[0]), parameters, Path(out), options, with_bag=not no_bag)
    print_result(_text(result), _content(result), as_json=as_json)


def labeler_config(path: Path | None, overrides: dict[str, Any]) -> LabelerConfig:
    """Read a parameter file, if any, and put the options of the command line over it."""
    from unsup_track_ros.config import flatten, from_values, load_config
    from unsup_track_ros.labeling.labeler import LabelerConfig
    from unsup_track_ros.ros.configuration import names_of_all_nodes

    # One file may serve the labeler and the nodes.
    foreign = names_of_all_nodes()
    config = LabelerConfig() if path is None else load_config(path, LabelerConfig, None, foreign)
    given = {name: value for name, value in overrides.items() if value}
    return from_values(LabelerConfig, flatten(config) | given) if given else config


def device_name(device: Device) -> str:
    """Return "cpu" or "cuda".

    Raises:
        ConfigError: CUDA was asked for and is not there.
    """
    import torch

    from unsup_track_ros.errors import ConfigError

    available = torch.cuda.is_available()
    if device is Device.CUDA and not available:
        raise ConfigError(
            "--device cuda needs a CUDA GPU and a CUDA build of PyTorch, neither answers here. Use "
            "--device cpu."
        )
    return "cuda" if available and device is not Device.CPU else "cpu"


def run_labeler(
    bag: Path,
    config: LabelerConfig,
    out: Path,
    options: LabelingOptions,
    *,
    with_bag: bool = True,
) -> LabelingResult:
    """Open a recording, label it with progress, write the report and the bag of the results."""
    from unsup_track_ros.data.recording import Recording
    from unsup_track_ros.labeling.labeler import label_recording

    with Recording(bag, config.recording) as recording:
        print_notes(recording.warnings)
        with progress_display() as progress:
            finish = bag_writer() if with_bag else None
            result = label_recording(recording, config, out, options, progress, finish)
        known = set(recording.warnings)
        print_notes(tuple(note for note in result.warnings if note not in known))
        return result


def bag_writer() -> Finish | None:
    """Return what writes the bag of the results, None where nothing knows its messages."""
    from unsup_track_ros.standalone import StandaloneError, provide_ros

    try:
        provide_ros()
    except StandaloneError:
        print_notes(("No results.mcap is written: that needs ROS 2, or `pip install cyclonedds`.",))
        return None
    return write_bag


def write_bag(recording: Recording, store: LabelStore, progress: Progress) -> None:
    """Write results.mcap, in whatever process: message classes are provided there first."""
    from unsup_track_ros.standalone import provide_ros

    provide_ros()
    from unsup_track_ros.ros.result_bag import write_result_bag

    write_result_bag(recording, store, progress)


def _text(result: LabelingResult) -> str:
    lines = [f"{result.num_frames} frames labelled, {result.num_tracks} moving objects tracked."]
    if result.num_new:
        speed = f"{result.frames_per_s:.1f} frames/s, {result.real_time_factor:.2f} x real time"
        lines.append(f"This run added {result.num_new} frames ({speed}).")
    else:
        lines.append("Nothing was left to do.")
    shown = [
        name
        for name in ("report.html", "video.mp4", "results.mcap")
        if (result.folder / name).exists()
    ]
    lines += [f"  {result.folder / name}" for name in shown]
    return "\n".join([*lines, f"Labels: {result.folder}"])


def _content(result: LabelingResult) -> dict[str, Any]:
    finite = result.num_new > 0
    return {
        "labels": str(result.folder),
        "frames": result.num_frames,
        "new_frames": result.num_new,
        "tracks": result.num_tracks,
        "warnings": list(result.warnings),
        "frames_per_s": round(result.frames_per_s, 3) if finite else None,
        "real_time_factor": round(result.real_time_factor, 3) if finite else None,
    }
