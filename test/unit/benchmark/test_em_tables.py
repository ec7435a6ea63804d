# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tables of the EM benchmark: bars by hand, and levers that exist."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from benchmark.em import LABELS_KEPT, LEVERS, SIZES, bars, report, wanted_runs
from unsup_track_ros.config import flatten, from_values
from unsup_track_ros.evaluation.detection import IOU_THRESHOLDS
from unsup_track_ros.training.em_config import EmConfig, em_config


def rounds(*values: float, parked: float = 0.5) -> list[dict[str, Any]]:
    """Return the rows of a run; of its two worlds, one never changes."""
    first = _scores(values[0], parked)
    return [
        {
            "round": number,
            "detector": _scores(value, parked),
            "detector_by_recording": {"a": _scores(value, parked), "b": first},
        }
        for number, value in enumerate(values, 1)
    ]


def _scores(value: float, parked: float) -> dict[str, float]:
    means = {f"bev.all.frame_mean_ap@{iou:.1f}": value for iou in IOU_THRESHOLDS}
    return means | {"parked.recall": parked}


def test_bars_say_what_is_met_and_what_is_missed() -> None:
    runs = {"improved": rounds(0.3, 0.4, 0.45, parked=0.39), "tcr": rounds(0.2, 0.4, 0.4)}
    found = dict(bars(runs))
    assert found["improved: mAP rises with each round"] == "0.300, 0.400, 0.450 met"
    assert found["tcr: mAP rises with each round"].endswith("MISSED")
    assert found["tcr: worlds in which it does"] == "1 of 2, 0 of 2"
    assert found["parked found after round 2 >= 0.4"] == "0.390 MISSED"
    assert found["improved ahead of tcr at 0.1 by 0"] == "0.050 met"
    assert found["improved ahead of tcr at 0.5 by 0.1"] == "0.050 MISSED"


def test_a_report_has_a_row_per_run_round_and_view() -> None:
    text = report({"improved": rounds(0.3, 0.4)})
    assert "| improved, round 2, bev.all | 0.400 |" in text
    assert "| 0.400 | 0.400 | 0.500 |" in text  # IoU 0.7, mean, parked
    assert f"| improved, round 1, perspective.moving |{' n/a |' * 8}  |" in text


@pytest.mark.parametrize("lever", LEVERS)
def test_a_lever_changes_something_that_there_is(lever: str) -> None:
    full = em_config("improved", SIZES["cpu"].files["improved"])
    changed = from_values(EmConfig, flatten(full) | dict(LEVERS[lever]))
    assert changed != full


def test_the_control_keeps_the_labels_of_each_mode_and_is_run_once() -> None:
    options = argparse.Namespace(modes=("improved", "tcr"), control=True, ablation=True)
    runs = list(wanted_runs(options))
    names = [name for name, _, _ in runs]
    assert len(names) == len(set(names)) == 2 + 2 + len(LEVERS) - 1
    assert ("tcr, labels of round 1 in every round", "tcr", LEVERS[LABELS_KEPT]) in runs
