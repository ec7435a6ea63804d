# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of the network of `unsup-track train bev` on a recording with truth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from unsup_track_ros.config import load_config
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.tcr_npz import recording_of
from unsup_track_ros.data.truth import read_truth, truth_folder
from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.detection import IOU_THRESHOLDS
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.networks.bev_decoding import BevDecodingConfig
from unsup_track_ros.networks.bev_inference import BEV_KIND, BevPredictor
from unsup_track_ros.training.em_evaluation import SCORE_ROWS, detector_labels, detector_scores
from unsup_track_ros.training.maximization import CHECKPOINT_SUFFIX, BevRunConfig
from unsup_track_ros.training.run_directory import CONFIG_NAME, RunDirectory
from unsup_track_ros.training.scan_cache import ScanCache

EVALUATION_NAME: Final = "evaluation.json"
_FOLDER: Final = "evaluation"


def evaluate_bev(folder: Path, progress: Progress, recording: Path | None) -> dict[str, Any]:
    """Score the detector of a run by the protocol of Track, Check, Repeat: one scan in, boxes out.

    Args:
        folder: The run; scans and scores are kept there.
        progress: Told after every scan.
        recording: Recording with truth beside it, or a folder of TCR's snippets, of which the
            first frames are scored (SPECS 0.11).

    Raises:
        DataError: The run is unfinished, or there is no recording or no truth.
    """
    run = RunDirectory.open(folder)
    checkpoint = folder / f"{BEV_KIND}{CHECKPOINT_SUFFIX}"
    if not checkpoint.exists():
        raise DataError(
            f"The run {folder} is not finished: {checkpoint.name} is missing. Start `unsup-track "
            "train bev` once more; it goes on where it stopped."
        )
    if recording is None:
        raise DataError(
            "A bird's-eye-view network is scored on a recording: pass --truth with one that has "
            "its truth beside it, or with a folder of TCR's snippets."
        )
    bag = recording_of(
        recording, folder / _FOLDER, first_frames_only=True, progress=partial(progress, "writing")
    )
    truth = truth_folder(bag)
    if not truth.is_dir():
        raise DataError(f"{recording} has no truth: {truth} is missing, so nothing can be scored.")
    config = load_config(folder / CONFIG_NAME, BevRunConfig)
    released = config.network.mode == "tcr"
    decoding = BevDecodingConfig.released() if released else BevDecodingConfig()
    predictor = BevPredictor.load(str(checkpoint), decoding, torch.device("cpu"))
    scans = ScanCache(folder / _FOLDER / bag.stem)
    with Recording(bag) as opened:
        scans.fill(opened, config.scans, progress)
    scores = detector_scores(detector_labels(scans, predictor, 1, progress), read_truth(truth))
    rows = [
        {"boxes": row}
        | {f"{iou:.1f}": scores.get(f"{row}.frame_mean_ap@{iou:.1f}") for iou in IOU_THRESHOLDS}
        for row in SCORE_ROWS
    ]
    content = {"recording": str(recording), "rows": rows, "scores": scores}
    run.write_text(EVALUATION_NAME, json.dumps(content, indent=1) + "\n")
    return content


def scores_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return mAP over IoU as a table, a row per view and group of objects."""
    columns = [name for name in rows[0] if name != "boxes"]
    lines = [
        "| mAP at IoU | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns),
    ]  # fmt: skip
    for row in rows:
        cells = ["n/a" if row[name] is None else f"{row[name]:.3f}" for name in columns]
        lines.append(f"| {row['boxes']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
