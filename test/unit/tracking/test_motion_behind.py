# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What hidden objects may do: go on, stop, change their speed, turn back, turn aside."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.tracking import motion_behind
from unsup_track_ros.tracking.motion_behind import HiddenMotionConfig

NUM = 2000
AT_ONCE = HiddenMotionConfig(
    decisions_per_s=1000.0, acceleration_mps2=1000.0, velocity_noise_mps=0.0
)


def decided(length_m: float, config: HiddenMotionConfig = AT_ONCE) -> np.ndarray:
    """Return the velocities a moment after an object was seen at 2 m/s along x."""
    seen = np.array([[2.0, 0.0]])
    particles = np.zeros((1, NUM, 6))
    particles[..., 2] = particles[..., 4] = 2.0
    moved = motion_behind.advanced(
        particles, seen, np.array([length_m]), 0.1, config, np.random.default_rng(0)
    )
    return np.asarray(moved[0, :, 2:4])


def test_a_person_may_stop_turn_back_and_turn_aside_to_either_side() -> None:
    velocity = decided(0.6)
    stops = np.linalg.norm(velocity, axis=1) < 1e-9
    along = np.abs(velocity[:, 1]) < 1e-9
    assert stops.mean() == pytest.approx(0.35, abs=0.05)
    assert (along & (velocity[:, 0] < -0.1)).mean() == pytest.approx(0.20, abs=0.05)
    assert (velocity[:, 1] > 0.1).mean() == pytest.approx(0.075, abs=0.03)
    assert (velocity[:, 1] < -0.1).mean() == pytest.approx(0.075, abs=0.03)
    assert np.linalg.norm(velocity, axis=1).max() < 2.0 * 2.2 + 1e-9


def test_a_vehicle_stays_on_its_line() -> None:
    velocity = decided(4.5)
    assert np.abs(velocity[:, 1]).max() < 1e-9
    assert velocity[:, 0].min() >= 0.0


def test_who_decides_nothing_goes_on() -> None:
    config = HiddenMotionConfig(decisions_per_s=0.0, velocity_noise_mps=0.0)
    np.testing.assert_allclose(decided(0.6, config), np.tile([2.0, 0.0], (NUM, 1)))


def test_a_change_of_mind_takes_time() -> None:
    config = HiddenMotionConfig(
        decisions_per_s=1000.0, acceleration_mps2=3.0, velocity_noise_mps=0.0
    )
    change = np.linalg.norm(decided(0.6, config) - [2.0, 0.0], axis=1)
    assert change.max() == pytest.approx(0.3)
