# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track export`: labels in the formats of other tools."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from unsup_track_ros.cli.console import (
    print_notes,
    print_result,
    progress_display,
    reports_errors,
)
from unsup_track_ros.cli.evaluate import LabelPass


class ExportFormat(str, enum.Enum):
    """Names of `labeling.exporters.export.FORMATS`."""

    KITTI = "kitti"
    NUSCENES = "nuscenes"
    OPENLABEL = "openlabel"
    COCO = "coco"
    T4 = "t4"
    SUSTECHPOINTS = "sustechpoints"
    TCR = "tcr"


Wanted = Annotated[ExportFormat, typer.Option("--format", "-f", help="Of which tool.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder; else LABELS_FORMAT.")]
Pass = Annotated[
    LabelPass | None, typer.Option(help="Which labels; else the completed where they are there.")
]
Score = Annotated[float, typer.Option(min=0, max=1, help="Leave out boxes with a lower score.")]
ClassName = Annotated[
    str, typer.Option(help="What every object is called: nothing has a class without labels.")
]
Sensors = Annotated[bool, typer.Option("--sensors", help="Write scans and images beside them.")]
Where = Annotated[Path | None, typer.Option(help="Recording, if it was moved since.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")]


@reports_errors
def export(  # noqa: PLR0913 - the options of a command are its parameters
    labels_dir: Annotated[Path, typer.Argument(help="Label directory, the --out of `label`.")],
    format_: Wanted,
    out: Out = None,
    label_pass: Pass = None,
    min_score: Score = 0.0,
    class_name: ClassName = "unknown",
    sensors: Sensors = False,
    recording: Where = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write labels for another tool; what comes back edited can be scored against.

    Example: unsup-track export drive_labels --format kitti --out drive_kitti
    """
    from unsup_track_ros.labeling.exporters.export import ExportOptions, export_labels

    options = ExportOptions(
        format=format_.value,
        label_pass=label_pass and label_pass.value,
        min_score=min_score,
        class_name=class_name,
        sensors=sensors,
        recording=recording,
        overwrite=overwrite,
    )
    with progress_display() as progress:
        folder = out or labels_dir.with_name(f"{labels_dir.name}_{format_.value}")
        done = export_labels(labels_dir, folder, options, progress)
    print_notes(done.notes)
    content = {
        "folder": str(done.folder),
        "frames": done.num_frames,
        "boxes": done.num_boxes,
        "notes": list(done.notes),
    }
    text = f"{done.num_boxes} boxes in {done.num_frames} frames: {done.folder}"
    print_result(text, content, as_json=as_json)
