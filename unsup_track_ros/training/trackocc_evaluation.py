# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores of a TrackOcc network on clips, beside what associators make of its single frames."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import torch

from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.occ_stq import OccStq, OccStqRules, OccStqScores
from unsup_track_ros.labeling.atomic_file import write_atomically
from unsup_track_ros.labeling.progress import Progress, no_progress
from unsup_track_ros.networks.trackocc import checkpoint
from unsup_track_ros.networks.trackocc.tracker import TrackOccTracker, TrackOccTrackingConfig
from unsup_track_ros.structures.voxel_scene import OccupancyFrame, PanopticPrediction
from unsup_track_ros.tracking.voxel_association import VoxelAssociationConfig, VoxelAssociator
from unsup_track_ros.training.occupancy_clips import ClipFolder
from unsup_track_ros.training.run_directory import RunDirectory
from unsup_track_ros.training.trackocc_run import check_fit
from unsup_track_ros.visualization.voxel_view import answer_beside_truth

NAME: Final = checkpoint.NAME
EVALUATION_NAME: Final = "evaluation.json"

METHODS: Final = (
    "TrackOcc",
    "TrackOcc, as published",
    "single frames, voxel IoU",
    "single frames, voxel IoU + Kalman",
)


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
    rows = score_tracker(tracker, truth, progress)
    content = {"clips": truth.fingerprint, "rows": rows}
    run.write_text(EVALUATION_NAME, json.dumps(content, indent=1) + "\n")
    for sequence in truth.sequences:
        picture = middle_picture(tracker, truth, sequence)
        write_atomically(folder / f"evaluation_{sequence}.png", picture)
    return content


def middle_picture(tracker: TrackOccTracker, clips: ClipFolder, sequence: str) -> bytes:
    """Return a PNG of the frame in the middle of a sequence, the truth beside the answer."""
    frames = list(clips.frames(sequence))[: clips.length(sequence) // 2 + 1]
    *_, answer = tracker.predict(frames)
    labels = frames[-1].labels
    assert labels is not None
    picture = answer_beside_truth(labels, answer, clips.classes)
    is_written, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert is_written
    return data.tobytes()


def score_tracker(
    tracker: TrackOccTracker, clips: ClipFolder, progress: Progress = no_progress
) -> list[dict[str, Any]]:
    """Score a network on all sequences of a folder, and both baselines on its single frames.

    Raises:
        DataError: A sequence has no labels.
    """
    scores = {name: _Scores(clips) for name in METHODS}
    for number, sequence in enumerate(clips.sequences):
        progress("evaluating", number, len(clips.sequences))
        frames = list(clips.frames(sequence))
        single = list(tracker.predict_single(frames))
        answers = (tracker.predict(frames), tracker.as_published().predict(frames),
                   _associated(single, "none"), _associated(single, "kalman"))  # fmt: skip
        for score, answer in zip(scores.values(), answers, strict=True):
            score.add(sequence, frames, answer)
    progress("evaluating", len(clips.sequences), len(clips.sequences))
    return [{"method": name, **score.row()} for name, score in scores.items()]


def _associated(single: Sequence[PanopticPrediction], motion: str) -> Iterator[PanopticPrediction]:
    """Return answers to single frames with the identities that an associator gives them."""
    associator = VoxelAssociator(VoxelAssociationConfig.model_validate({"motion": motion}))
    return (associator.step(answer) for answer in single)


class _Scores:
    """Scores of one method, corrected and as released."""

    def __init__(self, clips: ClipFolder) -> None:
        self._folder = clips.folder
        self._corrected = OccStq(clips.classes, OccStqRules(variant="corrected"))
        self._official = OccStq(clips.classes, OccStqRules(variant="official"))

    def add(
        self,
        sequence: str,
        frames: Sequence[OccupancyFrame],
        answers: Iterator[PanopticPrediction],
    ) -> None:
        """Count a whole sequence."""
        for frame, answer in zip(frames, answers, strict=True):
            if frame.labels is None:
                raise DataError(f"Sequence '{sequence}' of {self._folder} has no labels.")
            self._corrected.add(sequence, frame.labels, answer)
            self._official.add(sequence, frame.labels, answer)

    def row(self) -> dict[str, float | None]:
        """Return all scores by name."""
        return _row(self._corrected.scores(), self._official.scores())


def _row(scores: OccStqScores, released: OccStqScores) -> dict[str, float | None]:
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
