# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The two passes of the smoother against one dense solve over all states of a trajectory."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.tracking import motion_model
from unsup_track_ros.tracking.motion_model import MotionModelConfig
from unsup_track_ros.tracking.smoothing import SmoothedPaths, smooth

CONFIG = MotionModelConfig()
LENGTH = 12


def dense_solution(
    times_s: np.ndarray, positions: np.ndarray, variances: np.ndarray, measured: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return means and covariances of all states: the information of every fact, added up."""
    num = len(times_s)
    information, weighted = np.zeros((6 * num, 6 * num)), np.zeros(6 * num)
    speed_std = np.array(
        [CONFIG.initial_speed_std_mps] * 2 + [CONFIG.initial_vertical_speed_std_mps]
    )
    information[3:6, 3:6] += np.diag(speed_std**-2)
    for k in np.flatnonzero(measured).tolist():
        place = slice(6 * k, 6 * k + 3)
        information[place, place] += np.linalg.inv(variances[k])
        weighted[place] += np.linalg.solve(variances[k], positions[k])
    for k in range(1, num):
        transition, noise = motion_model.transitions(times_s[k : k + 1] - times_s[k - 1], CONFIG)
        # Of x_k - F x_{k-1} = 0 with the noise of the step.
        change = np.hstack([-transition[0], np.eye(6)])
        both = slice(6 * (k - 1), 6 * (k + 1))
        information[both, both] += change.T @ np.linalg.solve(noise[0], change)
    covariance = np.linalg.inv(information)
    means = (covariance @ weighted).reshape(num, 6)
    blocks = covariance.reshape(num, 6, num, 6)
    return means, np.stack([blocks[k, :, k] for k in range(num)])


def trajectories(num: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return uneven times, positions, tilted covariances, and gaps in what was measured."""
    generator = np.random.default_rng(num)
    times_s = np.cumsum(generator.uniform(0.05, 0.4, (num, LENGTH)), axis=1)
    velocity = generator.uniform(-10, 10, (num, 1, 3))
    positions = velocity * times_s[..., None] + generator.normal(0, 0.3, (num, LENGTH, 3))
    root = generator.normal(0, 0.3, (num, LENGTH, 3, 3))
    variances = root @ root.swapaxes(-1, -2) + 0.02 * np.eye(3)
    measured = generator.random((num, LENGTH)) < 0.6
    measured[:, 0] = True
    return times_s, positions, variances, measured


def test_every_state_and_covariance_is_that_of_the_dense_solve() -> None:
    times_s, positions, variances, measured = trajectories(5)
    paths = smooth(times_s, positions, variances, measured, CONFIG)
    for n in range(5):
        means, covariances = dense_solution(times_s[n], positions[n], variances[n], measured[n])
        np.testing.assert_allclose(paths.mean[n], means, atol=1e-6)
        np.testing.assert_allclose(paths.covariance[n], covariances, atol=1e-6)


def equal(some: SmoothedPaths, others: SmoothedPaths, length: int) -> None:
    np.testing.assert_allclose(some.mean[:, :length], others.mean[:, :length], atol=1e-9)
    np.testing.assert_allclose(
        some.covariance[:, :length], others.covariance[:, :length], atol=1e-9
    )


def test_padding_does_not_matter() -> None:
    times_s, positions, variances, measured = trajectories(3)
    alone = smooth(times_s, positions, variances, measured, CONFIG)
    pad = ((0, 0), (0, 7))
    padded = smooth(
        np.pad(times_s, pad, "edge"),
        np.pad(positions, (*pad, (0, 0)), constant_values=99.0),
        np.pad(variances, (*pad, (0, 0), (0, 0)), "edge"),
        np.pad(measured, pad),
        CONFIG,
    )
    equal(alone, padded, LENGTH)
    np.testing.assert_allclose(padded.mean[:, LENGTH:], alone.mean[:, -1:].repeat(7, 1), atol=1e-9)


def test_trajectories_together_are_smoothed_as_each_alone() -> None:
    times_s, positions, variances, measured = trajectories(4)
    together = smooth(times_s, positions, variances, measured, CONFIG)
    for n in range(4):
        one = slice(n, n + 1)
        alone = smooth(times_s[one], positions[one], variances[one], measured[one], CONFIG)
        np.testing.assert_allclose(together.mean[n], alone.mean[0], atol=1e-12)
        np.testing.assert_allclose(together.covariance[n], alone.covariance[0], atol=1e-12)


def test_what_was_not_measured_is_ignored_whatever_stands_there() -> None:
    times_s, positions, variances, measured = trajectories(2)
    odd = np.where(measured[..., None], positions, 1e6)
    equal(
        smooth(times_s, positions, variances, measured, CONFIG),
        smooth(times_s, odd, variances, measured, CONFIG),
        LENGTH,
    )


def test_a_gap_of_constant_velocity_is_bridged_on_a_line_and_is_least_sure_in_its_middle() -> None:
    times_s = np.arange(21)[None] * 0.1
    positions = np.zeros((1, 21, 3))
    positions[0, :, 0] = 8.0 * times_s[0]
    variances = np.tile(0.01 * np.eye(3), (1, 21, 1, 1))
    measured = np.ones((1, 21), bool)
    measured[0, 5:16] = False
    paths = smooth(times_s, positions, variances, measured, CONFIG)
    np.testing.assert_allclose(paths.mean[0, :, 0], positions[0, :, 0], atol=0.05)
    np.testing.assert_allclose(paths.mean[0, :, 3], 8.0, atol=0.1)
    assert int(np.argmax(paths.covariance[0, :, 0, 0])) == 10


@pytest.mark.parametrize("num", [0, 1])
def test_no_trajectory_and_one_sighting_are_answered(num: int) -> None:
    position, variance = np.full((num, 1, 3), 7.0), np.tile(0.04 * np.eye(3), (num, 1, 1, 1))
    times_s, measured = np.zeros((num, 1)), np.ones((num, 1), bool)
    paths = smooth(times_s, position, variance, measured, CONFIG)
    assert paths.mean.tolist() == [[[7.0, 7.0, 7.0, 0.0, 0.0, 0.0]]] * num
