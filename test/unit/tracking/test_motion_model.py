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


def test_what_is_found_again_is_filtered_along_the_straight_way_there() -> None:
    """Lost at 4 m/s to the front, found 2 m to the left after 1 s: it went left, at 2 m/s."""
    config = MotionModelConfig(position_std_m=0.01)
    mean, covariance = state((0, 0, 0, 4, 0, 0))
    found = np.array([[0.0, 2.0, 0.0]])
    coasted, grown = motion_model.predict(mean, covariance, 1.0, config)
    again, certain = motion_model.reupdated(mean, covariance, np.array([1.0]), found, config)
    np.testing.assert_allclose(coasted[0, :2], [4.0, 0.0])
    np.testing.assert_allclose(again[0, :2], [0.0, 2.0], atol=0.05)
    np.testing.assert_allclose(again[0, 3:5], [0.0, 2.0], atol=0.2)
    assert np.linalg.det(certain[0]) < np.linalg.det(grown[0])


def test_gaps_of_different_lengths_are_refiltered_together_as_each_by_itself() -> None:
    mean, covariance = state((0, 0, 0, 4, 0, 0), (5, 1, 0, -2, 3, 0))
    gaps, found = np.array([0.3, 2.0]), np.array([[1.0, 0.5, 0.0], [2.0, 8.0, 0.1]])
    together = motion_model.reupdated(mean, covariance, gaps, found, CONFIG)
    for row in (0, 1):
        part = slice(row, row + 1)
        alone = (mean[part], covariance[part])
        for step in range(1, 4):
            alone = motion_model.predict(*alone, gaps[row] / 4, CONFIG)
            between = mean[part, :3] + (found[part] - mean[part, :3]) * step / 4
            noise = np.eye(3)[None] * CONFIG.position_std_m**2
            alone = motion_model.correct(*alone, POSITION, between - alone[0][:, POSITION], noise)
        alone = motion_model.predict(*alone, gaps[row] / 4, CONFIG)
        np.testing.assert_allclose(together[0][part], alone[0])
        np.testing.assert_allclose(together[1][part], alone[1])
