# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track demo`: the whole way once, with the functions that the other commands use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from unsup_track_ros.cli.console import print_result, reports_errors
from unsup_track_ros.cli.evaluate import score_labels
from unsup_track_ros.cli.label import Device, device_name, labeler_config, run_labeler
from unsup_track_ros.cli.synthesize import record_drive

_BAG_NAME: Final = "drive.mcap"
_LABELS_NAME: Final = "labels"


@reports_errors
def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for everything it makes.")
    ] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another number is another street.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of the drive.")] = 10.0,
    device: Annotated[Device, typer.Option(help="What to compute on.")] = Device.AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Synthesise a drive, label it, track and map it, score it, write report.html.

    The same as: unsup-track synthesize, then label, then evaluate.

    Example: unsup-track demo --out demo
    """
    from unsup_track_ros.data.synthetic.world import WorldConfig
    from unsup_track_ros.labeling.labeler import LabelingOptions

    bag, labels = out / _BAG_NAME, out / _LABELS_NAME
    out.mkdir(parents=True, exist_ok=True)
    record_drive(bag, WorldConfig(), (seed, seconds), overwrite=True)
    options = LabelingOptions(device=device_name(device), overwrite=True)
    result = run_labeler(bag, labeler_config(None, {}), labels, options)
    report = score_labels(labels, None)
    lines = [
        f"{result.num_frames} frames labelled at {result.real_time_factor:.2f} x real time, "
        f"{result.num_tracks} moving objects tracked.",
        "",
        f"Look at   {labels / 'report.html'}",
        f"          {labels / 'video.mp4'}",
        f"Scores    {labels / 'evaluation.md'}",
        f"Recording {bag}",
    ]
    content = {
        "report": str(labels / "report.html"),
        "labels": str(labels),
        "recording": str(bag),
        "frames": result.num_frames,
        "tracks": result.num_tracks,
        "real_time_factor": round(result.real_time_factor, 3),
        "metrics": {metric.key: metric.value for metric in report.metrics},
    }
    print_result("\n".join(lines), content, as_json=as_json)
