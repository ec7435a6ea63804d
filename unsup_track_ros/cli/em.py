# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track em`: recordings to labels and trained detectors, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unsup_track_ros.cli.console import print_result, progress_display, reports_errors
from unsup_track_ros.cli.label import Device, Mode, device_name

if TYPE_CHECKING:
    from unsup_track_ros.structures.truth import FrameTruth


@reports_errors
def em(  # noqa: PLR0913 - the options of a command are its parameters
    bags: Annotated[
        list[Path], typer.Argument(help="Recordings, or folders of TCR's .npz, to learn from.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run directory; resumed if it exists.")],
    rounds: Annotated[int, typer.Option(min=1, help="Rounds in all.")] = 3,
    mode: Annotated[
        Mode, typer.Option(help="As Track, Check, Repeat was released, or improved.")
    ] = Mode.IMPROVED,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Parameter file (YAML).")
    ] = None,
    evaluate: Annotated[
        list[Path] | None,
        typer.Option(help="Recording with truth to score on; repeat for several."),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Truth of the recordings to score on, if not beside them.")
    ] = None,
    device: Annotated[Device, typer.Option(help="What to compute on.")] = Device.AUTO,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that label and draw samples beside this one.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rounds as JSON.")] = False,
) -> None:
    """Label by motion, train, label with the networks' help, and again; no human label goes in.

    Example: unsup-track em drive1.mcap drive2.mcap --out em_run --rounds 3 --evaluate held_out.mcap
    """
    from unsup_track_ros.data.tcr_npz import recording_of
    from unsup_track_ros.training.em import EmOptions, run_em
    from unsup_track_ros.training.em_config import em_config
    from unsup_track_ros.training.em_report import run_report

    parameters = em_config(mode.value, config)
    kept = out / "recordings"
    held_out = tuple(
        recording_of(bag, kept / "evaluation", first_frames_only=True) for bag in evaluate or ()
    )
    options = EmOptions(
        bags=tuple(recording_of(bag, kept) for bag in bags),
        evaluation_bags=held_out,
        truth=_truths(held_out, truth),
        num_rounds=rounds,
        device=device_name(device),
        num_workers=workers,
    )
    with progress_display() as progress:
        rows = run_em(parameters, out, options, progress)
    text = f"{run_report(rows)}\nRun: {out}"
    print_result(text, {"run": str(out), "rounds": rows}, as_json=as_json)


def _truths(bags: tuple[Path, ...], truth: Path | None) -> dict[Path, Sequence[FrameTruth]] | None:
    """Read the truth that was named, for every recording to score on."""
    if truth is None:
        return None
    from unsup_track_ros.data.kitti import read_drive_labels
    from unsup_track_ros.data.truth import read_truth

    drive = truth.parent if truth.name == "label_2" else truth
    known = read_drive_labels(drive) if (drive / "velodyne_points").is_dir() else read_truth(truth)
    return dict.fromkeys(bags, known)
