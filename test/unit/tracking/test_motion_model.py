# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Batched Kalman filter: hand-computed cases and laws."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.tracking import motion_model
from unsup_track_ros.tracking.motion_model import POSITION, VELOCITY, MotionModelConfig

CONFIG = MotionModelConfig()


def state(*rows: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    mean = np.array(rows, np.float64).reshape(-1, 6)
    return mean, np.broadcast_to(np.eye(6), (len(mean), 6, 6)).copy()


def test_a_state_moves_by_its_velocity() -> None:
    mean, _ = motion_model.predict(*state((1, 2, 3, 4, 5, 6)), 0.5, CONFIG)
    np.testing.assert_allclose(mean, [[3, 4.5, 6, 4, 5, 6]])


def test_uncertainty_grows_the_same_in_one_step_or_many() -> None:
    once = motion_model.predict(*state((1, 2, 3, 4, 5, 6)), 1.0, CONFIG)
    many = state((1, 2, 3, 4, 5, 6))
    for duration_s in (0.1, 0.25, 0.05, 0.6):
        many = motion_model.predict(*many, duration_s, CONFIG)
    np.testing.assert_allclose(many[0], once[0])
    np.testing.assert_allclose(many[1], once[1])


def test_equal_trust_in_prediction_and_measurement_meets_in_the_middle() -> None:
    mean, covariance = motion_model.correct(
        *state((0, 0, 0, 1, 1, 1)), POSITION, np.array([[2.0, 0, 0]]), np.eye(3)[None]
    )
    np.testing.assert_allclose(mean, [[1, 0, 0, 1, 1, 1]])
    np.testing.assert_allclose(np.diag(covariance[0]), [0.5] * 3 + [1.0] * 3)


def test_a_position_corrects_the_velocity_it_is_correlated_with() -> None:
    mean, covariance = motion_model.predict(*state((0, 0, 0, 0, 0, 0)), 1.0, CONFIG)
    mean, covariance = motion_model.correct(
        mean, covariance, POSITION, np.array([[1.0, 0, 0]]), np.eye(3)[None] * 0.01
    )
    assert 0.3 < mean[0, 3] < 0.9
    np.testing.assert_allclose(covariance, covariance.transpose(0, 2, 1))
    assert np.linalg.eigvalsh(covariance[0]).min() > 0


def test_no_states_pass_through_every_function() -> None:
    mean, covariance = motion_model.predict(*state(), 0.1, CONFIG)
    mean, _ = motion_model.correct(
        mean, covariance, VELOCITY, np.zeros((0, 3)), np.zeros((0, 3, 3))
    )
    assert mean.shape == (0, 6)


def test_an_unknown_velocity_starts_at_an_uncertain_zero_and_a_known_one_at_itself() -> None:
    mean, covariance = motion_model.initial_state(
        np.zeros((2, 3)),
        np.array([[np.nan, np.nan, np.nan], [3.0, 4.0, 0.0]]),
        np.broadcast_to(np.eye(3), (2, 3, 3)),
        CONFIG,
    )
    np.testing.assert_array_equal(mean[:, 3:], [[0, 0, 0], [3, 4, 0]])
    assert covariance[0, 3, 3] == CONFIG.initial_speed_std_mps**2
    assert covariance[1, 3, 3] == CONFIG.velocity_std_mps**2


def test_heading_follows_motion_only_where_the_motion_is_sure() -> None:
    mean, covariance = state((0, 0, 0, 3, 3, 0), (0, 0, 0, 0.5, 0, 0), (0, 0, 0, 2, 0, 0))
    covariance[0] *= 0.04
    covariance[1] *= 0.0001
    heading, variance, reliable = motion_model.heading_of_motion(mean, covariance, CONFIG)
    assert heading[0] == pytest.approx(np.pi / 4)
    assert variance[0] == pytest.approx(0.04 / 18)
    assert reliable.tolist() == [True, False, False]


def test_headings_are_corrected_across_the_cut() -> None:
    yaw, variance = motion_model.correct_yaw(
        np.array([np.pi - 0.1]), np.array([1.0]), np.array([0.4]), np.array([1.0])
    )
    np.testing.assert_allclose(yaw, [-np.pi + 0.1])
    np.testing.assert_allclose(variance, [0.5])
