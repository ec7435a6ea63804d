# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bars of the discovery benchmark, on small reports."""

from __future__ import annotations

import pytest

from benchmark.discovery_worlds import (
    ABLATION_KEYS,
    AP_ROWS,
    BOXES,
    TRACK_BOXES,
    ablation_table,
    bars,
)
from benchmark.levers import LEVERS
from benchmark.runs import configured
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.evaluation.detection import IOU_THRESHOLDS
from unsup_track_ros.evaluation.metric import Metric, measured, not_available
from unsup_track_ros.evaluation.report import EvaluationReport


def report(average_precision: float, recall: float = 0.6) -> EvaluationReport:
    metrics: list[Metric] = [
        measured("motion.points.all.precision", 0.95),
        measured("motion.points.all.recall", recall),
    ]
    for boxes in (BOXES, TRACK_BOXES):
        metrics += [
            measured(f"{boxes}.precision", 0.9),
            measured(f"{boxes}.recall", recall),
            not_available(f"{boxes}.heading.median", "no heading was claimed", "deg"),
        ]
    metrics += [
        measured(f"{row}@{iou:.1f}", average_precision) for row in AP_ROWS for iou in IOU_THRESHOLDS
    ]
    return EvaluationReport(metrics=tuple(metrics), legend=())


def lines(means: dict[str, EvaluationReport]) -> dict[str, str]:
    rows = [line.split(" | ") for line in bars(means).splitlines() if line.startswith("| ")]
    return {row[0].removeprefix("| "): row[-1].removesuffix(" |") for row in rows}


def test_every_bar_says_whether_it_is_met() -> None:
    found = lines({"improved/causal": report(0.5)})
    assert found["motion mask precision"] == "0.950 met"
    assert found["motion mask recall"] == "0.600 MISSED"
    assert found["box recall, IoU 0.3"] == "0.600 met"
    assert found["heading error, median"] == "n/a"
    assert not [title for title in found if "ahead of tcr" in title]


@pytest.mark.parametrize(
    ("ours", "theirs", "cell"),
    [
        (0.5, 0.2, "+0.300 at 0.5 met"),
        (0.25, 0.2, "+0.050 at 0.5 MISSED"),
        (0.1, 0.2, "-0.100 at 0.5 MISSED"),
    ],
)
def test_the_lead_over_tcr_is_told(ours: float, theirs: float, cell: str) -> None:
    found = lines({"tcr/causal": report(theirs), "improved/completed": report(ours)})
    assert found[f"{AP_ROWS[0]} ahead of tcr"] == cell


def test_levers_without_effect_on_a_pass_are_named_and_not_tabled() -> None:
    def scored(value: float) -> EvaluationReport:
        metrics = tuple(measured(key, value) for key in ABLATION_KEYS.values())
        return EvaluationReport(metrics=metrics, legend=())

    text = ablation_table({"all": scored(0.5), "no x": scored(0.5), "no y": scored(0.4)})
    assert "| all | 0.500 |" in text
    assert "| no y | 0.400 |" in text
    assert "| no x |" not in text
    assert text.endswith("Without effect here: no x.")
    assert "Without effect" not in ablation_table({"all": scored(0.5), "no y": scored(0.4)})


def test_every_lever_is_a_parameter_that_exists() -> None:
    for overrides in LEVERS.values():
        configured(overrides)
    with pytest.raises(ConfigError):
        configured({"pipeline.no_such_lever": True})
