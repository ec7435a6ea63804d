# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parity of the tracking scores with published figures on real tracker output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trackeval.metrics import CLEAR

from unsup_track_ros.evaluation.association_scores import AssociationFrame, score_associations
from unsup_track_ros.geometry.box_iou import rectangle_iou

SEQUENCES = ("TUD-Campus", "TUD-Stadtmitte")


def read_mot(path: Path) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Read MOT15 text: per frame the identities and left, top, right, bottom."""
    rows = np.loadtxt(path, delimiter=",", ndmin=2)
    corners = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
    return {
        int(frame): (rows[rows[:, 0] == frame, 1].astype(np.int64), corners[rows[:, 0] == frame])
        for frame in np.unique(rows[:, 0])
    }


def sequence(folder: Path) -> list[AssociationFrame]:
    truths, answers = read_mot(folder / "gt.txt"), read_mot(folder / "test.txt")
    nothing = (np.zeros(0, np.int64), np.zeros((0, 4)))
    frames = []
    for number in sorted(set(truths) | set(answers)):
        (truth_ids, truth_boxes), (ids, boxes) = (
            truths.get(number, nothing),
            answers.get(number, nothing),
        )
        overlap = rectangle_iou(truth_boxes, boxes)
        frames.append(AssociationFrame(truth_ids=truth_ids, track_ids=ids, similarity=overlap))
    return frames


@pytest.mark.parametrize(
    ("name", "mota", "idf1"), [("TUD-Campus", 0.526, 0.558), ("TUD-Stadtmitte", 0.564, 0.645)]
)
def test_tud_sequences_score_as_published(
    shared_data: Path, name: str, mota: float, idf1: float
) -> None:
    scores = score_associations([sequence(shared_data / "motmetrics_tud" / name)], 0.5)
    assert scores.mota == pytest.approx(mota, abs=5e-4)
    assert scores.idf1 == pytest.approx(idf1, abs=5e-4)
    assert scores.num_switches == 7


def test_tud_sequences_together_score_as_published(shared_data: Path) -> None:
    folder = shared_data / "motmetrics_tud"
    scores = score_associations([sequence(folder / name) for name in SEQUENCES], 0.5)
    assert scores.mota == pytest.approx(0.555, abs=5e-4)
    assert scores.num_switches == 14


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_two_referees_agree_on_misses_and_false_positives(shared_data: Path, name: str) -> None:
    """Both published programs read the same matrices, so their sums must be near each other."""
    frames = sequence(shared_data / "motmetrics_tud" / name)
    scores = score_associations([frames], 0.5)
    names = np.unique(np.concatenate([frame.track_ids for frame in frames]))
    truth_names = np.unique(np.concatenate([frame.truth_ids for frame in frames]))
    clear = CLEAR({"THRESHOLD": 0.5, "PRINT_CONFIG": False}).eval_sequence(
        {
            "gt_ids": [np.searchsorted(truth_names, frame.truth_ids) for frame in frames],
            "tracker_ids": [np.searchsorted(names, frame.track_ids) for frame in frames],
            "similarity_scores": [frame.similarity for frame in frames],
            "num_gt_ids": len(truth_names),
            "num_tracker_ids": len(names),
            "num_gt_dets": scores.num_truth,
            "num_tracker_dets": sum(len(frame.track_ids) for frame in frames),
            "num_timesteps": len(frames),
        }
    )
    assert clear["CLR_FN"] == pytest.approx(scores.num_misses, abs=2)
    assert clear["CLR_FP"] == pytest.approx(scores.num_false_positives, abs=2)
    assert clear["MOTP"] == pytest.approx(scores.motp_similarity, abs=5e-3)
