# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Export a label directory: all of it under its name, or nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unsup_track_ros.config import load_config
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import DataError, LabelStoreError
from unsup_track_ros.labeling.exporters import (
    coco,
    kitti,
    nuscenes,
    openlabel,
    sustechpoints,
    t4,
    tcr,
)
from unsup_track_ros.labeling.exporters.annotations import annotated_frames, best_pass
from unsup_track_ros.labeling.exporters.contract import INDEX_NAME, Export, ExportIndex, Format
from unsup_track_ros.labeling.exporters.sensor_files import write_sensor_files
from unsup_track_ros.labeling.labeler import LabelerConfig
from unsup_track_ros.labeling.progress import Progress, no_progress
from unsup_track_ros.labeling.store import CONFIG_NAME, LabelStore
from unsup_track_ros.structures.truth import FrameTruth

FORMATS: Final[dict[str, Format]] = {
    "kitti": kitti.FORMAT,
    "nuscenes": nuscenes.FORMAT,
    "openlabel": openlabel.FORMAT,
    "coco": coco.FORMAT,
    "t4": t4.FORMAT,
    "sustechpoints": sustechpoints.FORMAT,
    "tcr": tcr.FORMAT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How labels are exported.

    Attributes:
        format: One of `FORMATS`.
        label_pass: `CAUSAL_PASS`, `COMPLETED_PASS`; None takes the completed one where it is there.
        min_score: Objects with a lower score in a frame are left out of it.
        class_name: What every object is called.
        sensors: Whether scans and images are written too.
        recording: Where the recording lies now; None takes the place it was labelled at.
        overwrite: Whether an earlier export is replaced.
    """

    format: str
    label_pass: str | None = None
    min_score: float = 0.0
    class_name: str = "unknown"
    sensors: bool = False
    recording: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What was written.

    Attributes:
        folder: Where.
        num_frames: Frames.
        num_boxes: Boxes over all frames.
        notes: What the format cannot say, one sentence each.
    """

    folder: Path
    num_frames: int
    num_boxes: int
    notes: tuple[str, ...]


def export_labels(
    labels: Path, out: Path, options: ExportOptions, progress: Progress = no_progress
) -> ExportResult:
    """Write labels in the format of another tool.

    Args:
        labels: A label directory.
        out: Folder to make.
        options: How.
        progress: Told after every frame whose sensor data is written.

    Raises:
        DataError: The folder exists, or the labels or the recording lack what the format needs.
        LabelStoreError: There are no such labels, or the disk is full.
    """
    layout = FORMATS[options.format]
    store = LabelStore.open(labels)
    label_pass = options.label_pass or best_pass(store)
    export = Export(
        name=_drive_name(store),
        class_name=options.class_name,
        manifest=store.manifest,
        label_pass=label_pass,
        frames=tuple(annotated_frames(store, label_pass, options.min_score)),
        with_sensors=options.sensors,
    )
    if not export.frames:
        raise LabelStoreError(f"{labels} holds no labelled frame. Let the labeler finish.")
    with _published(out, overwrite=options.overwrite) as folder:
        notes = _write(folder, export, layout, (store, options), progress)
        index = ExportIndex.of(options.format, export)
        (folder / INDEX_NAME).write_text(index.to_json(), encoding="utf-8")
    return ExportResult(
        folder=out,
        num_frames=len(export.frames),
        num_boxes=sum(map(len, export.frames)),
        notes=tuple(notes),
    )


def is_export(folder: Path) -> bool:
    """Tell whether a folder was made by `export_labels`."""
    return (folder / INDEX_NAME).is_file()


def read_export(folder: Path) -> list[FrameTruth]:
    """Read an export back, perhaps edited in another tool, as a truth to score labels against.

    Raises:
        DataError: It is damaged, or of a format without 3-D boxes.
    """
    index = ExportIndex.read(folder)
    layout = FORMATS.get(index.format)
    if layout is None or layout.read is None:
        readable = ", ".join(name for name, each in FORMATS.items() if each.read is not None)
        raise DataError(
            f"Labels of format '{index.format}' in {folder} cannot be scored against; those of "
            f"{readable} can."
        )
    return layout.read(folder, index)


def _write(
    folder: Path,
    export: Export,
    layout: Format,
    origin: tuple[LabelStore, ExportOptions],
    progress: Progress,
) -> list[str]:
    notes: list[str] = []
    if layout.write is not None:
        notes += layout.write(folder, export)
    if layout.write_from_recording is None and not export.with_sensors:
        return notes
    with _recording(*origin) as recording:
        if layout.write_from_recording is not None:
            notes += layout.write_from_recording(folder, export, recording, progress)
        else:
            write_sensor_files(folder, export, layout, recording, progress)
    return notes


@contextmanager
def _recording(store: LabelStore, options: ExportOptions) -> Iterator[Recording]:
    """Open the recording as it was labelled, and make sure that it is that one."""
    path = options.recording or Path(store.manifest.recording_path)
    config = load_config(store.folder / CONFIG_NAME, LabelerConfig)
    with Recording(path, config.recording) as recording:
        stamp_ns = recording.stamps_ns[0]
        if stamp_ns != store.read(store.indices[0]).stamp_ns:
            raise DataError(
                f"{path} is not the recording that was labelled: its first frame is of another "
                "time. Name the right one with --recording."
            )
        yield recording


@contextmanager
def _published(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a hidden folder that gets its name when the block ends well, and else disappears."""
    if out.exists() and not (overwrite and is_export(out)):
        remedy = "choose another name" if overwrite else "choose another name or pass --overwrite"
        kind = "" if is_export(out) or not overwrite else " and is not an export"
        raise DataError(f"'{out}' exists already{kind}; {remedy}.")
    partial = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    except OSError as error:
        raise LabelStoreError(
            f"The export to '{out}' could not be written: {error.strerror or error}. Free some "
            "space or fix the permissions and run the same command again."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _drive_name(store: LabelStore) -> str:
    """Return the recording's name with letters that every tool takes in file names."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", Path(store.manifest.recording_path).stem).strip("-")
