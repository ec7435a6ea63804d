# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is done behind an occluder could be done: velocities do not jump."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.data.permanence.ways import (
    BEHAVIOURS,
    Behaviour,
    Who,
    is_possible,
    way_behind,
)

RATE_HZ = 10.0
HARDEST_MPS2 = {"walker": 2.0, "runner": 4.0, "car": 4.5}  # nobody changes a velocity faster
PEOPLE: tuple[Who, ...] = ("walker", "runner")
HIDDEN_S = (0.5, 1.0, 2.0, 4.0)
EVERYTHING = [(who, behaviour) for who, several in BEHAVIOURS.items() for behaviour in several]


def ways(who: Who, behaviour: Behaviour, hidden_s: float, num: int = 24) -> list[np.ndarray]:
    """Return ways of 10 Hz from 2.5 s before somebody vanishes to 1.5 s after the occlusion."""
    since_s = np.arange(-25, round(RATE_HZ * (hidden_s + 1.5))) / RATE_HZ
    rngs = [np.random.default_rng(seed) for seed in range(num)]
    return [way_behind(who, behaviour, hidden_s, since_s, rng) for rng in rngs]


def accelerations_mps2(way: np.ndarray) -> np.ndarray:
    """Return the mean acceleration over every two steps: no larger than the largest within."""
    return np.asarray(np.linalg.norm(np.diff(way, 2, axis=0), axis=1) * RATE_HZ**2)


@pytest.mark.parametrize(
    ("who", "behaviour", "hidden_s"),
    [
        (*what, hidden_s)
        for what in EVERYTHING
        for hidden_s in HIDDEN_S
        if is_possible(*what, hidden_s)
    ],
)
def test_nobody_changes_a_velocity_faster_than_legs_and_brakes_allow(
    who: Who, behaviour: Behaviour, hidden_s: float
) -> None:
    largest = max(accelerations_mps2(way).max() for way in ways(who, behaviour, hidden_s))
    assert largest <= HARDEST_MPS2[who] + 1e-9
    assert (largest > 0.4 * HARDEST_MPS2[who]) == (behaviour != "goes on")


def test_cars_gather_speed_more_gently_than_they_brake() -> None:
    along = np.stack(ways("car", "changes speed", 2.0))[..., 0]
    changes_mps2 = np.diff(along, 2, axis=1) * RATE_HZ**2
    assert changes_mps2.max() <= 3.0 + 1e-9
    assert -4.5 - 1e-9 <= changes_mps2.min() < -3.5


@pytest.mark.parametrize(("who", "behaviour"), EVERYTHING)
def test_nothing_changes_before_somebody_has_vanished(who: Who, behaviour: Behaviour) -> None:
    for way in ways(who, behaviour, 2.0):
        np.testing.assert_allclose(np.diff(way[:26], 2, axis=0), 0.0, atol=1e-9)
        np.testing.assert_allclose(way[25], 0.0, atol=1e-12)


@pytest.mark.parametrize("who", PEOPLE)
def test_who_turns_back_is_where_it_came_from_when_the_time_is_over(who: Who) -> None:
    for way in ways(who, "turns back", 2.0):
        np.testing.assert_allclose(way[25 + 20], 0.0, atol=1e-9)
        np.testing.assert_allclose(np.diff(way[-10:], axis=0), way[0] - way[1] + [[0, 0]] * 9)


def test_nobody_turns_back_in_half_a_second_and_no_runner_in_one() -> None:
    whom = [(who, t) for who in PEOPLE for t in HIDDEN_S]
    can = [is_possible(who, "turns back", hidden_s) for who, hidden_s in whom]
    assert can == [False, True, True, True, False, False, True, True]


def test_who_stops_for_long_stands_and_goes_on_as_before() -> None:
    for way in ways("walker", "stops", 4.0):
        speeds_mps = np.linalg.norm(np.diff(way, axis=0), axis=1) * RATE_HZ
        assert speeds_mps.min() < 0.95  # of 0.9 at least
        assert speeds_mps[-1] == pytest.approx(speeds_mps[0])


def test_who_veers_leaves_its_line_by_twenty_to_forty_five_degrees() -> None:
    for way in ways("runner", "veers", 2.0):
        along, aside = way[-1] - way[-2]
        assert 20.0 - 1e-6 <= np.rad2deg(np.arctan2(aside, along)) <= 45.0 + 1e-6
