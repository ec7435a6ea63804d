# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pairing, the report and its two written forms."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from unit.evaluation.scenes import FRAME_NS, car, detections, label, truth

from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.detection import DetectionEvaluationConfig
from unsup_track_ros.evaluation.metric import Metric, Pooling, count, measured, not_available, ratio
from unsup_track_ros.evaluation.pairing import pair_frames
from unsup_track_ros.evaluation.report import (
    EvaluationConfig,
    EvaluationReport,
    comparison_markdown,
    evaluate,
    summarize,
)


def report(*metrics: Metric) -> EvaluationReport:
    return EvaluationReport(metrics=metrics, legend=("what is counted",))


def test_labels_and_truth_are_joined_by_stamp_and_the_rest_is_counted() -> None:
    frames = pair_frames(
        (label(index) for index in (3, 1, 0)), (truth(index) for index in (1, 2, 3, 4))
    )
    assert [pair.label.stamp_ns // FRAME_NS for pair in frames.pairs] == [1, 3]
    assert frames.labels_without_truth == 1
    assert frames.truths_without_label == 2


def test_two_passes_mixed_are_refused() -> None:
    with pytest.raises(DataError, match="labels must have one entry per scan, got stamp 0 ns"):
        pair_frames([label(0), label(0)], [])
    with pytest.raises(DataError, match="truths"):
        pair_frames([], [truth(2), truth(2)])


def test_a_metric_without_a_value_must_say_why() -> None:
    with pytest.raises(DataError, match="reason"):
        Metric(key="a", value=None)
    with pytest.raises(DataError, match="finite"):
        measured("a", float("nan"))
    assert ratio("a", 1, 0, "nothing there") == not_available("a", "nothing there")


def test_a_recording_with_detections_only_reports_the_rest_as_not_available() -> None:
    one = label(0, detections=detections(0, [car(10)]))
    result = evaluate([one, label(1)], [truth(0, [car(10)], ids=np.array([-1]))])
    assert result.value("detection.tcr.bev.all.frame_mean_ap@0.7") == pytest.approx(1.0)
    assert result.value("frames.scored") == 1
    assert result.value("frames.labels_without_truth") == 1
    for key in ("tracking.all.hota", "egomotion.drift.translation", "occupancy.static.iou"):
        assert result.value(key) is None
        assert result.metric(key).reason


def test_nothing_at_all_is_a_report_without_numbers() -> None:
    result = evaluate([], [])
    assert {m.key for m in result.metrics if m.value is not None} == {
        "frames.scored",
        "frames.labels_without_truth",
        "frames.truths_without_label",
        "egomotion.frames",
    }
    assert "- no frame with label and truth: detection.tcr.bev.all" in result.to_markdown()


def test_json_is_strict_and_has_null_with_a_reason() -> None:
    content = json.loads(
        report(measured("a.b", 1 / 3, "m"), not_available("a.c", "dark")).to_json()
    )
    assert content["metrics"] == {"a.b": 0.333333, "a.c": None}
    assert content["units"] == {"a.b": "m"}
    assert content["not_available"] == {"a.c": "dark"}


def test_equal_input_gives_equal_bytes() -> None:
    def written() -> tuple[str, str]:
        one = label(0, detections=detections(0, [car(10), car(11)], [0.5, 0.5]))
        result = evaluate([one], [truth(0, [car(10)])])
        return result.to_json(), result.to_markdown()

    assert written() == written()


def test_markdown_lays_rows_of_equal_columns_below_each_other() -> None:
    text = report(
        measured("det.bev.ap@0.1", 0.5),
        measured("det.bev.ap@0.3", 0.25),
        count("det.bev.hits", 1200),
        count("det.image.hits", 7),
        measured("ego.error.max", 0.0314, "m"),
        not_available("ego.drift.last", "too short", "m"),
    ).to_markdown()
    assert text == (
        "# Evaluation\n\n"
        "## Det\n\n"
        "|  | 0.1 | 0.3 |\n| --- | ---: | ---: |\n| bev.ap | 0.500 | 0.250 |\n\n"
        "|  | hits |\n| --- | ---: |\n| bev | 1200 |\n| image | 7 |\n\n"
        "## Ego\n\n"
        "|  | max |\n| --- | ---: |\n| error | 0.031 m |\n\n"
        "|  | last |\n| --- | ---: |\n| drift | n/a |\n\n"
        "## Not available\n\n- too short: ego.drift\n\n"
        "## What is counted\n\n- what is counted\n"
    )


def test_the_legend_follows_the_parameters() -> None:
    skipping = DetectionEvaluationConfig(skip_empty_frames=True)
    default = " ".join(evaluate([], []).legend)
    changed = " ".join(evaluate([], [], EvaluationConfig(detection=skipping)).legend)
    assert "neither truth nor detection counted 0" in default
    assert "neither truth nor detection left out" in changed


def test_a_summary_averages_rates_adds_counts_and_keeps_the_worst_maximum() -> None:
    def one(rate: float, worst: float, number: int) -> EvaluationReport:
        return report(
            measured("rate", rate),
            measured("worst", worst, pooling=Pooling.MAX),
            count("number", number),
        )

    total = summarize([one(0.2, 3.0, 4), one(0.4, 2.0, 5)])
    assert total.value("rate") == pytest.approx(0.3)
    assert total.value("worst") == 3.0
    assert total.value("number") == 9
    assert total.recordings == 2


def test_a_summary_leaves_out_recordings_without_the_metric() -> None:
    total = summarize([report(measured("a", 0.5)), report(not_available("a", "no camera"))])
    assert total.value("a") == 0.5
    none = summarize([report(not_available("a", "no camera"))] * 2)
    assert none.metric("a").reason == "no camera"


def test_a_summary_refuses_reports_of_other_parameters_and_an_empty_list() -> None:
    other = replace(report(), legend=("something else",))
    with pytest.raises(DataError, match="same parameters"):
        summarize([report(), other])
    with pytest.raises(DataError, match="at least one"):
        summarize([])


def test_a_comparison_has_a_column_per_report() -> None:
    reports = {"tf": report(measured("a", 0.5, "m")), "flow": report(not_available("a", "dark"))}
    assert comparison_markdown(reports, ["a"]) == (
        "| metric | tf | flow |\n| --- | ---: | ---: |\n| a | 0.500 m | n/a |"
    )
    with pytest.raises(DataError, match="no metric 'b'"):
        comparison_markdown(reports, ["b"])


def test_doubled_keys_are_refused() -> None:
    with pytest.raises(DataError, match="unique"):
        report(measured("a", 1), measured("a", 2))
