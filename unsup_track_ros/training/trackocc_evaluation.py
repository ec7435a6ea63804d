# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of a TrackOcc network on clips, beside what associators make of its single frames."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.occ_stq import OccStq, OccStqRules
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.networks.trackocc import checkpoint
from unsup_track_ros.networks.trackocc.tracker import TrackOccTracker, TrackOccTrackingConfig
from unsup_track_ros.structures.voxel_scene import OccupancyFrame, PanopticPrediction
from unsup_track_ros.tracking.voxel_association import VoxelAssociationConfig, VoxelAssociator
from unsup_track_ros.training.occupancy_clips import ClipFolder
from unsup_track_ros.training.run_directory import RunDirectory
from unsup_track_ros.training.trackocc_run import check_fit

NAME: Final = checkpoint.NAME
EVALUATION_NAME: Final = "evaluation.json"

Answerer = Callable[[Sequence[OccupancyFrame]], Iterator[PanopticPrediction]]


def evaluate_trackocc(folder: Path, progress: Progress, clips: Path | None) -> dict[str, Any]:
    """Score the network of a run on whole sequences, and both baselines on its single frames.

    Raises:
        DataError: The run is unfinished, or there are no clips that fit it.
    """
    run = RunDirectory.open(folder)
    paths = run.finished_weights(NAME, "TrackOcc", "trackocc")
    if clips is None:
        raise DataError(
            "A TrackOcc network is scored on clips: pass --truth with the folder of some that it "
            "was not trained on."
        )
    truth = ClipFolder.open(clips)
    tracker = TrackOccTracker(
        checkpoint.load_trackocc(str(paths[0]), torch.device("cpu")),
        TrackOccTrackingConfig(),
        torch.device("cpu"),
    )
    check_fit(truth, tracker.network_config)
    answerers: dict[str, Answerer] = {
        "TrackOcc": tracker.predict,
        "single frames, voxel IoU": _associated(tracker, "none"),
        "single frames, voxel IoU + Kalman": _associated(tracker, "kalman"),
    }
    rows = []
    for number, (name, answerer) in enumerate(answerers.items()):
        progress("evaluating", number, len(answerers))
        rows.append({"method": name, **score_answers(truth, answerer)})
    progress("evaluating", len(answerers), len(answerers))
    content = {"clips": truth.fingerprint, "rows": rows}
    run.write_text(EVALUATION_NAME, json.dumps(content, indent=1) + "\n")
    return content


def _associated(tracker: TrackOccTracker, motion: str) -> Answerer:
    """Return a network that forgets all between frames, with an associator behind it."""

    def answers(frames: Sequence[OccupancyFrame]) -> Iterator[PanopticPrediction]:
        associator = VoxelAssociator(VoxelAssociationConfig.model_validate({"motion": motion}))
        for answer in tracker.predict_single(frames):
            yield associator.step(answer)

    return answers


def score_answers(clips: ClipFolder, answerer: Answerer) -> dict[str, float | None]:
    """Score answers to all sequences of a folder, corrected and as released."""
    corrected = OccStq(clips.classes, OccStqRules(variant="corrected"))
    official = OccStq(clips.classes, OccStqRules(variant="official"))
    for sequence in clips.sequences:
        frames = list(clips.frames(sequence))
        for frame, answer in zip(frames, answerer(frames), strict=True):
            if frame.labels is None:
                raise DataError(f"Sequence '{sequence}' of {clips.folder} has no labels.")
            corrected.add(sequence, frame.labels, answer)
            official.add(sequence, frame.labels, answer)
    scores, released = corrected.scores(), official.scores()
    return {
        "occ_stq": scores.stq,
        "occ_sq": scores.sq,
        "occ_aq": scores.aq,
        "official_occ_stq": released.stq,
        "official_occ_sq": released.sq,
        "official_occ_aq": released.aq,
        **{f"iou_{name}": iou for name, iou in scores.ious.items()},
    }


def scores_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return the scores as a table, a row per method."""
    columns = [name for name in rows[0] if name != "method"]
    lines = [f"| method | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        cells = ["" if row[name] is None else f"{row[name]:.3f}" for name in columns]
        lines.append(f"| {row['method']} | {' | '.join(cells)} |")
    return "\n".join(lines)
