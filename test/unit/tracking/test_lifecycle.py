# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Existence, confirmation, death and duplicates, on small hand-made tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unsup_track_ros.tracking import lifecycle
from unsup_track_ros.tracking.lifecycle import LifecycleConfig
from unsup_track_ros.tracking.track_store import TrackTable

CONFIG = LifecycleConfig()
HIT = np.array([0.5])


def table(*rows: tuple[float, float, float, bool]) -> TrackTable:
    """Return cars that were born at 0 from (x, vx, existence, confirmed)."""
    num = len(rows)
    mean = np.zeros((num, 6))
    mean[:, 0], mean[:, 3] = [row[0] for row in rows], [row[1] for row in rows]
    return replace(
        TrackTable.empty(CONFIG.confirm_hits),
        ids=np.arange(1, num + 1),
        mean=mean,
        covariance=np.broadcast_to(np.eye(6), (num, 6, 6)).copy(),
        size=np.tile([4.0, 2.0, 1.5], (num, 1)),
        yaw_rad=np.zeros(num),
        yaw_variance=np.ones(num),
        shape_weight=np.ones(num),
        heading_known=np.zeros(num, bool),
        log_odds=np.array([lifecycle.log_odds(row[2]) for row in rows]),
        confirmed=np.array([row[3] for row in rows], bool),
        birth_ns=np.zeros(num, np.int64),
        seen_ns=np.zeros(num, np.int64),
        hit_ns=lifecycle.first_hits(num, 0, CONFIG),
        seen_mean=mean,
        seen_covariance=np.broadcast_to(np.eye(6), (num, 6, 6)).copy(),
    )


def test_a_hit_raises_the_existence_and_a_miss_lowers_it_by_the_time_it_lasts() -> None:
    before = table((0, 5, 0.5, True), (50, 5, 0.5, True), (99, 0, 0.5, True))
    hit_scores = np.array([0.5, np.nan, np.nan])
    after = lifecycle.observe(before, hit_scores, np.ones(3), 200_000_000, 0.2, CONFIG)
    np.testing.assert_allclose(after.log_odds, [1.0, -0.6, -0.2], atol=1e-12)
    np.testing.assert_allclose(lifecycle.existence(after), 1 / (1 + np.exp([-1.0, 0.6, 0.2])))
    assert after.seen_ns.tolist() == [200_000_000, 0, 0]


def test_the_existence_is_bounded_so_that_no_track_outlives_its_evidence() -> None:
    tracks = table((0, 5, 0.5, True))
    for _ in range(50):
        tracks = lifecycle.observe(tracks, HIT, np.ones(1), 1, 0.1, CONFIG)
    assert lifecycle.existence(tracks)[0] == pytest.approx(CONFIG.max_existence)


def test_three_hits_within_the_window_confirm_and_a_slower_series_does_not() -> None:
    for period_s, confirmed in ((0.5, True), (0.51, False)):
        tracks = table((0, 5, 0.5, False))
        for count in (1, 2):
            stamp_ns = round(count * period_s * 1e9)
            tracks = lifecycle.observe(tracks, HIT, np.ones(1), stamp_ns, period_s, CONFIG)
        assert tracks.confirmed.tolist() == [confirmed]


def test_a_track_dies_of_low_existence_or_of_time() -> None:
    tracks = table((0, 5, 0.101, True), (50, 5, 0.099, True), (99, 5, 0.9, False))
    assert lifecycle.alive(tracks, 350_000_000, CONFIG).tolist() == [True, False, True]
    assert lifecycle.alive(tracks, 360_000_000, CONFIG).tolist() == [True, False, False]
    assert lifecycle.alive(tracks, 10_100_000_000, CONFIG).tolist() == [False] * 3


def test_of_two_tracks_in_one_place_the_confirmed_then_the_older_one_stays() -> None:
    same = table((0, 5, 0.5, False), (1, 5, 0.5, True), (30, 5, 0.5, True), (31, 5, 0.5, True))
    assert lifecycle.duplicates(same, CONFIG).tolist() == [True, False, False, True]


def test_tracks_that_pass_each_other_or_only_touch_are_two_objects() -> None:
    passing = table((0, 5, 0.5, True), (1, -5, 0.5, True))
    assert not lifecycle.duplicates(passing, CONFIG).any()
    beside = table((0, 5, 0.5, True), (3, 5, 0.5, True))
    assert not lifecycle.duplicates(beside, CONFIG).any()
    assert lifecycle.duplicates(table(), CONFIG).shape == (0,)


def test_a_score_counts_by_its_log_odds_where_it_is_a_probability() -> None:
    config = LifecycleConfig(score_log_odds=0.5, hit_log_odds=1.0)
    before = table((0, 5, 0.5, True), (0, 5, 0.5, True), (0, 5, 0.5, True))
    after = lifecycle.observe(before, np.array([0.5, 0.9, 0.1]), np.ones(3), 1, 0.1, config)
    # 1 + 0.5 ln(1), 1 + 0.5 ln 9, 1 - 0.5 ln 9.
    np.testing.assert_allclose(after.log_odds, [1.0, 2.098612, -0.098612], atol=1e-6)


def test_a_sure_track_is_confirmed_by_its_existence_before_its_hits_do() -> None:
    config = LifecycleConfig(confirm_existence=0.9)
    # log-odds 2.0 + 1.0 and 1.1 + 1.0; ln 9 = 2.197 is needed.
    before = table((0, 5, 1 / (1 + np.exp(-2.0)), False), (0, 5, 1 / (1 + np.exp(-1.1)), False))
    after = lifecycle.observe(before, np.array([0.5, 0.5]), np.ones(2), 1, 0.1, config)
    assert after.confirmed.tolist() == [True, False]
    assert not lifecycle.is_sure(np.array([50.0]), CONFIG).any()


def test_being_missed_counts_less_far_away_and_not_at_all_when_hidden() -> None:
    config = LifecycleConfig(miss_half_range_m=40.0)
    np.testing.assert_allclose(
        lifecycle.exposure_by_range(np.array([0.0, 20.0, 40.0, 80.0]), config),
        [1.0, 256 / 257, 0.5, 1 / 257],
    )
    assert lifecycle.exposure_by_range(np.array([1e6]), CONFIG).tolist() == [1.0]
    before = table((0, 5, 0.5, True), (0, 5, 0.5, True))
    missed = np.full(2, np.nan)
    after = lifecycle.observe(before, missed, np.array([0.0, 0.5]), 1, 0.2, CONFIG)
    np.testing.assert_allclose(after.log_odds, [0.0, -0.3], atol=1e-12)


def test_a_velocity_within_its_own_deviation_is_none() -> None:
    """Seen at 1.5 m/s: with a deviation of 2 m/s it stands, with one of 1 m/s it moves."""
    config = CONFIG.model_copy(update={"stopped_speed_mps": 0.5, "stopped_deviations": 1.0})
    cars = table((0, 1.5, 0.5, True), (50, 1.5, 0.5, True))
    covariance = np.stack([4.0 * np.eye(6), np.eye(6)])
    cars = replace(cars, seen_covariance=covariance)
    assert lifecycle.standing(cars, config).tolist() == [True, False]
    # What counts is the velocity when it was last seen: uncertainty since then stops nothing.
    later = replace(cars, covariance=100.0 * covariance)
    assert lifecycle.standing(later, config).tolist() == [True, False]
    assert lifecycle.standing(cars, CONFIG).tolist() == [False, False]
