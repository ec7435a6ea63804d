# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track train`: networks learn without labels; one command per network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unsup_track_ros.cli.console import print_result, progress_display, reports_errors
from unsup_track_ros.cli.label import Device, device_name

train = typer.Typer(
    name="train", no_args_is_help=True, help="Train a network without labels.",
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


Labels = Annotated[
    list[Path], typer.Argument(help="Label directories: the --out of `label`, or of a round of em.")
]
Run = Annotated[Path, typer.Option("--out", "-o", help="Run directory; resumed if it exists.")]
Parameters = Annotated[Path | None, typer.Option("--config", "-c", help="Parameter file (YAML).")]
Start = Annotated[Path | None, typer.Option(help="Weights to start from; random without.")]
Computer = Annotated[Device, typer.Option(help="What to compute on.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that draw samples beside this one.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Training steps.")]


@train.callback()
def _train() -> None:
    """Train a network without labels.

    Example: unsup-track train silot --out silot_run --config config/training/silot_digits.yaml
    """


@train.command("silot")
@reports_errors
def train_silot_command(
    out: Run,
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(help="Recordings to learn from; without them as the parameters say."),
    ] = None,
    config: Parameters = None,
    steps: Steps = None,
    device: Computer = Device.AUTO,
    as_json: AsJson = False,
) -> None:
    """Learn to find and follow small objects in videos, or in bird's-eye views of recordings.

    Example: unsup-track train silot drive1.mcap drive2.mcap --out silot_run
    """
    from unsup_track_ros.config import parameters_of
    from unsup_track_ros.training.silot_run import SilotRunConfig, train_silot

    source = "recordings" if recordings else None
    given = {"data.source": source, "training.num_steps": steps}
    parameters = parameters_of(SilotRunConfig, config, given)
    with progress_display() as progress:
        run = train_silot(parameters, out, recordings or [], device_name(device), progress)
    weights = [str(path) for path in run.weights_paths()]
    text = f"Trained {len(weights)} networks in {out}: see {out / 'report.html'}."
    print_result(text, {"run": str(out), "weights": weights}, as_json=as_json)


@train.command("ram")
@reports_errors
def train_ram_command(
    out: Run,
    config: Parameters = None,
    steps: Steps = None,
    device: Computer = Device.AUTO,
    as_json: AsJson = False,
) -> None:
    """Learn where things are while nobody sees them, from boxes of what is seen (RAM).

    Example: unsup-track train ram --out ram_run --config config/training/ram_moving.yaml
    """
    from unsup_track_ros.config import parameters_of
    from unsup_track_ros.training.ram_run import RamRunConfig, train_ram

    parameters = parameters_of(RamRunConfig, config, {"training.num_steps": steps})
    with progress_display() as progress:
        run = train_ram(parameters, out, device_name(device), progress)
    weights = [str(path) for path in run.weights_paths()]
    text = f"Trained a network in {out}: see {out / 'report.html'}."
    print_result(text, {"run": str(out), "weights": weights}, as_json=as_json)


@train.command("bev")
@reports_errors
def train_bev_command(  # noqa: PLR0913 - the options of a command are its parameters
    labels: Labels,
    out: Run,
    config: Parameters = None,
    start: Start = None,
    device: Computer = Device.AUTO,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Learn to find objects in single scans from labels that motion made; torchrun for many GPUs.

    Example: unsup-track train bev drive1_labels drive2_labels --out bev_run
    """
    from unsup_track_ros.config import parameters_of
    from unsup_track_ros.training.labelled_recordings import labelled_recordings
    from unsup_track_ros.training.maximization import BevRunConfig, TrainingPlace, train_bev
    from unsup_track_ros.training.processes import first_process_first, process_group

    parameters = parameters_of(BevRunConfig, config)
    place = TrainingPlace(
        folder=out,
        checkpoint=out / "bev.safetensors",
        start=start,
        device=device_name(device),
        num_workers=workers,
    )
    with process_group(place.device), progress_display() as progress:
        read = (parameters.scans, parameters.network.grid)
        with first_process_first():
            frames = labelled_recordings(labels, out / "scans", read, progress)
        weights = train_bev(parameters, frames, place, progress)
    _print_weights(weights, "learned.bev_path, with detector: bev", as_json=as_json)


@train.command("segmentor")
@reports_errors
def train_segmentor_command(  # noqa: PLR0913 - the options of a command are its parameters
    labels: Labels,
    out: Run,
    config: Parameters = None,
    start: Start = None,
    device: Computer = Device.AUTO,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Learn to find objects in single images from labels that motion made.

    Example: unsup-track train segmentor drive1_labels drive2_labels --out segmentor_run
    """
    from unsup_track_ros.config import parameters_of
    from unsup_track_ros.training.labelled_recordings import labelled_recordings
    from unsup_track_ros.training.maximization import (
        SegmentorRunConfig,
        TrainingPlace,
        train_segmentor,
    )
    from unsup_track_ros.training.processes import first_process_first, process_group

    parameters = parameters_of(SegmentorRunConfig, config)
    place = TrainingPlace(
        folder=out,
        checkpoint=out / "segmentor.safetensors",
        start=start,
        device=device_name(device),
        num_workers=workers,
    )
    with process_group(place.device), progress_display() as progress:
        read = (parameters.scans, parameters.grid)
        with first_process_first():
            frames = labelled_recordings(labels, out / "scans", read, progress)
        weights = train_segmentor(parameters, frames, place, progress)
    _print_weights(weights, "learned.segmentor_path, with detector: ensemble", as_json=as_json)


def _print_weights(weights: Path, use: str, *, as_json: bool) -> None:
    text = f"Weights: {weights}\nUse them as pipeline.{use}."
    print_result(text, {"weights": str(weights)}, as_json=as_json)


@train.command("retinatrack")
@reports_errors
def train_retinatrack_command(
    out: Run,
    labels: Annotated[
        list[Path] | None,
        typer.Argument(help="Label directories to learn from; without them as the parameters say."),
    ] = None,
    config: Parameters = None,
    steps: Steps = None,
    device: Computer = Device.AUTO,
    as_json: AsJson = False,
) -> None:
    """Learn to detect in images, and to tell by looks who is who, from our own tracks.

    Example: unsup-track train retinatrack drive1_labels drive2_labels --out retinatrack_run
    """
    from unsup_track_ros.config import parameters_of
    from unsup_track_ros.training.retinatrack_run import RetinaTrackRunConfig, train_retinatrack

    source = "labels" if labels else None
    given = {"data.source": source, "training.num_steps": steps}
    parameters = parameters_of(RetinaTrackRunConfig, config, given)
    with progress_display() as progress:
        run = train_retinatrack(parameters, out, labels or [], device_name(device), progress)
    weights = [str(path) for path in run.weights_paths()]
    text = f"Trained {weights[0]}. Score it with `unsup-track evaluate {out}`."
    print_result(text, {"run": str(out), "weights": weights}, as_json=as_json)


@train.command("trackocc")
@reports_errors
def train_trackocc_command(
    clips: Annotated[Path, typer.Argument(help="Folder of clips, the --out of `clips`.")],
    out: Run,
    config: Parameters = None,
    steps: Steps = None,
    device: Computer = Device.AUTO,
    as_json: AsJson = False,
) -> None:
    """Learn panoptic occupancy over time from cameras, on clips with voxel labels (TrackOcc).

    Example: unsup-track train trackocc drive_clips --out trackocc_run
    """
    from unsup_track_ros.config import parameters_of
    from unsup_track_ros.training.trackocc_run import TrackOccRunConfig, train_trackocc

    given = {"training.optimizer.num_steps": steps}
    parameters = parameters_of(TrackOccRunConfig, config, given)
    with progress_display() as progress:
        run = train_trackocc(parameters, clips, out, device_name(device), progress)
    weights = [str(path) for path in run.weights_paths()]
    text = f"Trained {weights[0]}. Score it with `unsup-track evaluate {out} --truth CLIPS`."
    print_result(text, {"run": str(out), "weights": weights}, as_json=as_json)
