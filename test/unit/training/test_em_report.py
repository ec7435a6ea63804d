# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a round of EM says of itself: labels kept, added, dropped, and parked cars found."""

from __future__ import annotations

import numpy as np
import pytest
from unit.evaluation.scenes import car, detections, label, truth
from unit.training.bev_scenes import objects

from unsup_track_ros.training.em_evaluation import detector_scores, mean_scores
from unsup_track_ros.training.em_report import label_change, round_report, run_report

BEFORE = {"drive": {0: objects([car(10), car(20)]), 1: objects([car(10)])}}
NOW = {"drive": {0: objects([car(10.2), car(30)], [1.0, 0.4]), 1: objects([car(10)], [0.0])}}


def test_labels_are_kept_added_and_dropped_by_overlap() -> None:
    change = label_change(BEFORE, NOW)
    assert (change.labels, change.kept, change.added, change.dropped) == (2, 1, 1, 2)
    assert change.mean_weight == pytest.approx(0.7)
    assert change.doubtful == (("drive", 0, 30.0, 0.0, 0.4),)


def test_the_first_round_has_only_added() -> None:
    change = label_change({}, BEFORE)
    assert (change.labels, change.kept, change.added, change.dropped) == (3, 0, 3, 0)


def test_a_report_names_doubts_before_scores() -> None:
    text = round_report(2, label_change(BEFORE, NOW), {"bev.all.frame_mean_ap@0.5": 0.5}, {})
    assert text.index("| drive | 0 | 30.0 | 0.0 | 0.40 |") < text.index("## Detector")
    assert "| bev.all | n/a | n/a | n/a | n/a | 0.500 |" in text


def test_parked_vehicles_are_counted_apart() -> None:
    """Of two standing cars one is covered by a sure box, the other by one that is not sure."""
    rows = [car(10), car(20), car(28)]
    found = label(0, detections=detections(0, rows, [0.9, 0.2, 0.9]))
    known = truth(0, rows, moving=np.array([False, False, True]))
    scores = detector_scores([found], [known])
    assert scores["parked.objects"] == 2
    assert scores["parked.recall"] == 0.5
    assert scores["bev.all.frame_mean_ap@0.7"] == pytest.approx(1.0)


def test_scores_of_recordings_are_averaged_and_counts_added() -> None:
    scores = mean_scores(
        [
            {"ap": 0.2, "parked.objects": 3.0, "x": None},
            {"ap": 0.4, "parked.objects": 4.0, "x": 1.0},
        ]
    )
    assert scores == {"ap": pytest.approx(0.3), "parked.objects": 7.0, "x": 1.0}
    assert mean_scores([]) == {}


def test_the_run_report_has_a_row_per_round() -> None:
    row = {"round": 1, "labels": {"labels": 5, "added": 5, "dropped": 0}, "detector": {}}
    assert "| 1 | 5 | 5 | 0 | n/a |" in run_report([row])
