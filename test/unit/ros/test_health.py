# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What diagnostics say."""

from __future__ import annotations

from collections import Counter

from unsup_track_ros.ros.health import Durations, InputHealth, Level, OutputHealth, Rate

NO_DROPS: Counter[tuple[str, str]] = Counter()


def test_a_rate_is_that_of_the_last_events_and_zero_after_a_silence() -> None:
    rate = Rate()
    assert rate.hz(0.0) == 0.0
    for step in range(11):
        rate.add(step * 0.1)
    assert abs(rate.hz(1.0) - 10.0) < 1e-9
    assert rate.hz(4.0) == 0.0


def test_durations_are_told_as_median_and_percentile() -> None:
    durations = Durations()
    assert durations.milliseconds() == {}
    for value in range(1, 101):
        durations.add(value / 1000)
    assert durations.milliseconds() == {"median": "50.5 ms", "95 %": "95.0 ms"}


def test_a_silent_lidar_is_an_error_and_a_silent_camera_a_warning() -> None:
    health = InputHealth(["/points"], ["/image"])
    report = health.report(NO_DROPS, 0.0, lambda _: False)
    assert report.level is Level.ERROR
    assert report.message == "Nothing comes from /points: nobody publishes it."
    health.received("/points", 1.0)
    report = health.report(NO_DROPS, 1.5, lambda _: False)
    assert report.level is Level.WARN
    assert "/image" in report.message
    health.received("/image", 1.5)
    assert health.report(NO_DROPS, 2.0, lambda _: True).level is Level.OK


def test_a_topic_that_is_published_and_does_not_arrive_points_to_the_network() -> None:
    report = InputHealth(["/points"], []).report(NO_DROPS, 0.0, lambda _: True)
    assert "although it is published" in report.message
    assert "docs/ros.md" in report.message


def test_drops_are_told_by_topic_and_reason() -> None:
    drops = Counter({("/points", "overload"): 3})
    report = InputHealth(["/points"], []).report(drops, 0.0, lambda _: True)
    assert report.values["dropped of /points, overload"] == "3"


def test_results_that_lag_behind_their_stamps_warn_and_then_fail() -> None:
    health = OutputHealth()
    assert health.report(0.5, 1.0, "cpu", 0.0).level is Level.WARN
    for latency_s, level in ((0.1, Level.OK), (0.7, Level.WARN), (1.2, Level.ERROR)):
        health.published(10.0, 0.05, latency_s)
        assert health.report(0.5, 1.0, "cpu", 10.1).level is level
    assert health.report(0.5, 1.0, "cpu", 13.0).message == "The last result is 3.0 s old."


def test_a_failed_frame_is_counted_and_its_complaint_told_for_a_while() -> None:
    health = OutputHealth()
    health.published(10.0, 0.05, 0.1)
    health.failed("refused", "Two frames carry the stamp 5.", 10.0)
    report = health.report(0.5, 1.0, "cpu", 10.5)
    assert report.level is Level.ERROR
    assert report.message == "Two frames carry the stamp 5."
    assert report.values["dropped of frames, refused"] == "1"
    health.published(12.5, 0.05, 0.1)
    assert health.report(0.5, 1.0, "cpu", 12.6).level is Level.OK
