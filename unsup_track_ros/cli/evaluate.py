# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track evaluate`: labels against truth, in one table."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from unsup_track_ros.cli.console import print_result, progress_display, reports_errors
from unsup_track_ros.cli.track import SUMMARY_NAME

if TYPE_CHECKING:
    from unsup_track_ros.evaluation.report import EvaluationReport
    from unsup_track_ros.labeling.store import LabelStore
    from unsup_track_ros.structures.truth import FrameTruth

_KITTI_LABELS: Final = "label_2"
_KITTI_TRACKS: Final = "label_02"


class LabelPass(str, enum.Enum):
    """Values of `FrameLabel.label_pass`."""

    CAUSAL = "causal"
    COMPLETED = "completed"


@reports_errors
def evaluate(
    labels_dir: Annotated[
        Path,
        typer.Argument(
            help="Label directory, the --out of `label`; a run of `train`; or results of `track`."
        ),
    ],
    truth: Annotated[
        Path | None,
        typer.Option(
            help="OUT.truth of a synthetic drive, label_2 of a KITTI drive, label_02 of tracking "
            "sequences, a folder of `export`, corrected by hand; for a run of trackocc a folder of "
            "`clips`, for one of bev a recording or TCR's .npz; else the .truth beside the "
            "recording."
        ),
    ] = None,
    label_pass: Annotated[
        LabelPass,
        typer.Option(
            help="Which labels: what the vehicle would have published, or those completed with "
            "what came after."
        ),
    ] = LabelPass.CAUSAL,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score labels against truth; also writes evaluation.json and evaluation.md beside the labels.

    The scores of completed labels go to evaluation_completed.json and .md.

    Example: unsup-track evaluate drive_labels --truth drive.truth --label-pass completed
    """
    from unsup_track_ros.training.run_directory import is_run

    if is_run(labels_dir):
        _evaluate_run(labels_dir, truth, as_json=as_json)
        return
    if _is_tracking(labels_dir, truth):
        _evaluate_tracking(labels_dir, truth, as_json=as_json)
        return
    report = score_labels(labels_dir, truth, label_pass)
    print_result(report.to_markdown(), json.loads(report.to_json()), as_json=as_json)


def _evaluate_run(folder: Path, truth: Path | None, *, as_json: bool) -> None:
    """Score the networks of a training run on what it did not see, or on what --truth names."""
    from unsup_track_ros.errors import ConfigError
    from unsup_track_ros.networks.bev_inference import BEV_KIND
    from unsup_track_ros.networks.trackocc.checkpoint import NAME as TRACKOCC
    from unsup_track_ros.training import (
        bev_evaluation,
        ram_run,
        retinatrack_run,
        silot_run,
        trackocc_evaluation,
    )
    from unsup_track_ros.training.run_directory import RunDirectory

    scorers: dict[str, tuple[Callable[..., dict[str, Any]], Callable[..., str]]] = {
        silot_run.NAME: (silot_run.evaluate_silot, silot_run.scores_markdown),
        ram_run.NAME: (ram_run.evaluate_ram, ram_run.scores_markdown),
        retinatrack_run.NAME: (
            retinatrack_run.evaluate_retinatrack,
            retinatrack_run.scores_markdown,
        ),
        TRACKOCC: (
            partial(trackocc_evaluation.evaluate_trackocc, clips=truth),
            trackocc_evaluation.scores_markdown,
        ),
        BEV_KIND: (
            partial(bev_evaluation.evaluate_bev, recording=truth),
            bev_evaluation.scores_markdown,
        ),
    }
    network = RunDirectory.open(folder).manifest.network
    if network not in scorers:
        raise ConfigError(
            f"{folder} is a run of '{network}', which has no score of its own. Label a recording "
            "with detector 'ensemble' and evaluate the labels."
        )
    evaluate_network, markdown = scorers[network]
    with progress_display() as progress:
        content = evaluate_network(folder, progress)
    print_result(markdown(content["rows"]), content, as_json=as_json)


def _is_tracking(folder: Path, truth: Path | None) -> bool:
    """Tell whether these are results of the KITTI tracking benchmark, ours or another tracker's."""
    return (folder / SUMMARY_NAME).is_file() or (truth is not None and truth.name == _KITTI_TRACKS)


def _evaluate_tracking(folder: Path, truth: Path | None, *, as_json: bool) -> None:
    """Score the results of all sequences together, and store the scores beside them."""
    from unsup_track_ros.data.kitti.tracking_files import read_tracked_boxes
    from unsup_track_ros.errors import DataError
    from unsup_track_ros.evaluation.kitti_tracking import ScoredSequence, evaluate_kitti_tracking
    from unsup_track_ros.labeling.store import EVALUATION_NAME, EVALUATION_TEXT_NAME

    files = sorted(folder.glob("*.txt"))
    if truth is None or not files:
        raise DataError(
            f"Tracks are scored against the labels of their sequences: pass --truth label_02 and a "
            f"folder that holds results such as 0002.txt, got {truth} and {len(files)} results in "
            f"'{folder}'."
        )
    sequences = [
        ScoredSequence(truth=read_tracked_boxes(truth / file.name), answer=read_tracked_boxes(file))
        for file in files
    ]
    with progress_display() as progress:
        report = evaluate_kitti_tracking(sequences, progress=progress)
    (folder / EVALUATION_NAME).write_text(report.to_json(), encoding="utf-8")
    (folder / EVALUATION_TEXT_NAME).write_text(report.to_markdown(), encoding="utf-8")
    print_result(report.to_markdown(), json.loads(report.to_json()), as_json=as_json)


def score_labels(
    labels_dir: Path, truth: Path | None, label_pass: LabelPass = LabelPass.CAUSAL
) -> EvaluationReport:
    """Score a label directory, store the scores in it and renew its report."""
    from unsup_track_ros.evaluation.report import evaluate as evaluate_labels
    from unsup_track_ros.labeling import store as names
    from unsup_track_ros.labeling.report import write_report

    store = names.LabelStore.open(labels_dir)
    if label_pass is LabelPass.COMPLETED:
        labels = store.completed()
        written = (names.COMPLETED_EVALUATION_NAME, names.COMPLETED_EVALUATION_TEXT_NAME)
    else:
        labels, written = iter(store), (names.EVALUATION_NAME, names.EVALUATION_TEXT_NAME)
    report = evaluate_labels(labels, read_truth_of(store, truth))
    store.write_text(written[0], report.to_json())
    store.write_text(written[1], report.to_markdown())
    write_report(store)
    return report


def read_truth_of(store: LabelStore, truth: Path | None) -> Sequence[FrameTruth]:
    """Read the truth of a recording: what was given, else what lies beside the recording.

    Raises:
        DataError: There is none, or it is of a kind that is not known.
    """
    from unsup_track_ros.data.truth import read_truth, truth_folder
    from unsup_track_ros.errors import DataError
    from unsup_track_ros.labeling.exporters.export import is_export, read_export

    recording = Path(store.manifest.recording_path)
    folder = truth_folder(recording) if truth is None else truth
    if not folder.is_dir():
        where = "beside the recording" if truth is None else "there"
        raise DataError(
            f"There is no truth {where}: {folder} is not a folder. Pass --truth with the .truth "
            "folder of a synthetic drive, the label_2 folder of a KITTI drive or an export."
        )
    if is_export(folder):
        return read_export(folder)
    if folder.name == _KITTI_LABELS or (folder / _KITTI_LABELS).is_dir():
        drive = folder.parent if folder.name == _KITTI_LABELS else folder
        return _kitti_truth(store, drive)
    return read_truth(folder)


def _kitti_truth(store: LabelStore, drive: Path) -> Sequence[FrameTruth]:
    from unsup_track_ros.data.kitti import read_calibration, read_drive_labels, read_kitti_labels
    from unsup_track_ros.errors import DataError

    if (drive / "velodyne_points").is_dir():
        return read_drive_labels(drive)  # its scans say which stamp a frame number has
    calibration = read_calibration(drive)
    if calibration is None:
        raise DataError(
            f"The labels in {drive / _KITTI_LABELS} are in the camera's frame, but there is no "
            f"calib.txt in {drive}. Put the drive's calibration there."
        )
    stamps_ns = {label.index: label.stamp_ns for label in store}
    return read_kitti_labels(drive / _KITTI_LABELS, calibration, stamps_ns)
