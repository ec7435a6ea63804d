# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track track`: the tracker alone, on somebody else's detections."""

from __future__ import annotations

import enum
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from unsup_track_ros.cli.console import print_notes, print_result, progress_display, reports_errors

if TYPE_CHECKING:
    from unsup_track_ros.data.kitti.tracking_benchmark import KittiSequence
    from unsup_track_ros.structures.tracked_boxes import TrackedBoxes
    from unsup_track_ros.tracking.class_tracking import ClassTrackingConfig

SUMMARY_NAME: Final = "track.json"
_WRITTEN: Final = {
    False: "weak ones among them, ranked by their scores; --sure leaves them out",
    True: "only what is sure",
}


class Format(str, enum.Enum):
    """Of the detections and of the results."""

    KITTI = "kitti"


class Hindsight(str, enum.Enum):
    """What a frame may know."""

    ONLINE = "online"
    OFFLINE = "offline"


@reports_errors
def track(  # noqa: PLR0913 - the options of a command are its parameters
    detections: Annotated[
        Path,
        typer.Argument(
            help="Detections of one sequence, a folder of sequences, or a folder per class of them."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of results, a file a sequence.")],
    data_format: Annotated[
        Format, typer.Option("--format", help="Of detections and results.")
    ] = Format.KITTI,
    oxts: Annotated[
        Path | None, typer.Option(help="GPS/IMU, a file or a folder; else the vehicle stands.")
    ] = None,
    calib: Annotated[
        Path | None, typer.Option(help="Calibration, a file or a folder; else nominal.")
    ] = None,
    mode: Annotated[
        Hindsight,
        typer.Option(help="As on a vehicle, or with hindsight: smoothed, gaps filled."),
    ] = Hindsight.ONLINE,
    sure: Annotated[
        bool,
        typer.Option("--sure", help="Only what is sure: one set of tracks instead of a ranking."),
    ] = False,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Parameter file (YAML).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Track detections of the KITTI tracking benchmark in odom and write its results, with scores.

    Weak tracks are written too, for averages over recall, and their scores say so; --sure leaves
    them out.

    Example: unsup-track track detection --format kitti --oxts oxts --calib calib --out tracks
    """
    from unsup_track_ros.config import load_config
    from unsup_track_ros.tracking.class_tracking import ClassTrackingConfig

    parameters = (
        ClassTrackingConfig() if config is None else load_config(config, ClassTrackingConfig)
    )
    notes = _notes(oxts, calib)
    print_notes(notes)
    rows = _track_all(detections, out, (calib, oxts), parameters, mode, sure=sure)
    options = {"format": data_format.value, "mode": mode.value, "written": _WRITTEN[sure]}
    content = options | _content(rows, parameters, notes)
    temporary = out / f".{SUMMARY_NAME}.part"
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, out / SUMMARY_NAME)  # noqa: PTH105 - the idiom of an atomic write
    text = (
        f"{len(rows)} sequences, {content['frames']} frames, {content['tracks']} tracks "
        f"({_WRITTEN[sure]}), {content['frames_per_s']:.0f} frames/s. Results: {out}"
    )
    print_result(text, {"results": str(out), **content}, as_json=as_json)


def _track_all(
    detections: Path,
    out: Path,
    calib_oxts: tuple[Path | None, Path | None],
    parameters: ClassTrackingConfig,
    mode: Hindsight,
    *,
    sure: bool,
) -> list[dict[str, Any]]:
    """Track every sequence, then write the results; return what is said of each sequence."""
    from unsup_track_ros.data.kitti.tracking_benchmark import open_sequence
    from unsup_track_ros.data.kitti.tracking_files import detection_files, write_tracked_boxes

    files = detection_files(detections)
    rows, results = [], []
    with progress_display() as progress:
        for done, (name, of_sequence) in enumerate(files.items()):
            progress("tracking", done, len(files))
            sequence = open_sequence(name, of_sequence, *calib_oxts)
            boxes, row = _track_sequence(sequence, parameters, mode, sure=sure)
            results.append((boxes, sequence.calibration))
            rows.append(row)
        progress("tracking", len(files), len(files))
    out.mkdir(parents=True, exist_ok=True)
    for name, (boxes, calibration) in zip(files, results, strict=True):
        write_tracked_boxes(out / f"{name}.txt", boxes, calibration)
    return rows


def _track_sequence(
    sequence: KittiSequence, parameters: ClassTrackingConfig, mode: Hindsight, *, sure: bool
) -> tuple[TrackedBoxes, dict[str, Any]]:
    """Track the classes of a sequence, each by itself; return the results and what it took."""
    from unsup_track_ros.data.kitti.tracking_benchmark import merged
    from unsup_track_ros.tracking.sequence_tracking import track_offline, track_online

    run = track_online if mode is Hindsight.ONLINE else track_offline
    parts, tracking_s = [], 0.0
    for name in sequence.detections:
        frames = sequence.frames(name)
        started_s = time.perf_counter()
        config = parameters.of(name)
        tracks = run(frames, config.surely() if sure else config)
        tracking_s += time.perf_counter() - started_s
        parts.append(
            sequence.results(
                name,
                tracks.frames,
                tracks.ids,
                tracks.boxes_odom,
                tracks.confidences,
                is_detected=tracks.detected >= 0,
            )
        )
    results = merged(parts)
    row = {
        "sequence": sequence.name,
        "frames": len(sequence.poses),
        "tracks": len(set(results.ids.tolist())),
        "boxes": len(results),
        "tracking_s": round(tracking_s, 3),
    }
    return results, row


def _notes(oxts: Path | None, calib: Path | None) -> tuple[str, ...]:
    notes = []
    if oxts is None:
        notes.append("Without --oxts the vehicle is taken to stand: its own motion moves objects.")
    if calib is None:
        notes.append("Without --calib the nominal camera is taken: boxes in the image are guesses.")
    return tuple(notes)


def _content(
    rows: list[dict[str, Any]],
    parameters: ClassTrackingConfig,
    notes: tuple[str, ...],
) -> dict[str, Any]:
    from unsup_track_ros.config import flatten
    from unsup_track_ros.config.model import plain

    num_frames = sum(row["frames"] for row in rows)
    tracking_s = sum(row["tracking_s"] for row in rows)
    return {
        "frames": num_frames,
        "tracks": sum(row["tracks"] for row in rows),
        "frames_per_s": round(num_frames / max(tracking_s, 1e-9), 1),
        "warnings": list(notes),
        "sequences": rows,
        "parameters": {name: plain(value) for name, value in flatten(parameters).items()},
    }
