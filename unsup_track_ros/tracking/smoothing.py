# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixed-interval smoothing of many trajectories at once (Rauch-Tung-Striebel, 1965).

Closed form: two passes over time, each step for all trajectories together. LISO minimises jerk by
2000 gradient steps for the same purpose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Bool, Float64
from unsup_track_ros.tracking import motion_model
from unsup_track_ros.tracking.motion_model import POSITION, MotionModelConfig


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmoothedPaths:
    """States of N trajectories at F places in time each.

    Attributes:
        mean: (N, F, 6) position (m) and velocity (m/s).
        covariance: (N, F, 6, 6) of the same.
    """

    mean: Float64[np.ndarray, "N F 6"]
    covariance: Float64[np.ndarray, "N F 6 6"]


def smooth(
    times_s: Float64[np.ndarray, "N F"],
    positions: Float64[np.ndarray, "N F 3"],
    variances: Float64[np.ndarray, "N F 3 3"],
    measured: Bool[np.ndarray, "N F"],
    config: MotionModelConfig,
) -> SmoothedPaths:
    """Smooth measured positions under the motion model.

    Args:
        times_s: Times of each trajectory, not descending; padding repeats the last one.
        positions: Measured positions, m; ignored where nothing was measured.
        variances: Their covariances, m^2.
        measured: Where there is a measurement; the first place of every trajectory must have one.
        config: Motion model.
    """
    num, length = times_s.shape
    durations = np.diff(times_s, axis=1)
    mean, covariance = motion_model.initial_state(
        positions[:, 0], np.full((num, 3), np.nan), variances[:, 0], config
    )
    predicted: list[tuple[np.ndarray, np.ndarray]] = [(mean, covariance)]
    filtered = [(mean, covariance)]
    steps = []
    for k in range(1, length):
        transition, noise = motion_model.transitions(durations[:, k - 1], config)
        mean = np.einsum("nij,nj->ni", transition, mean)
        covariance = transition @ covariance @ transition.transpose(0, 2, 1) + noise
        predicted.append((mean, covariance))
        steps.append(transition)
        mean, covariance = mean.copy(), covariance.copy()
        row = measured[:, k]
        mean[row], covariance[row] = motion_model.correct(
            mean[row],
            covariance[row],
            POSITION,
            positions[row, k] - mean[row, POSITION],
            variances[row, k],
        )
        filtered.append((mean, covariance))
    return _backward(predicted, filtered, steps)


def _backward(
    predicted: list[tuple[np.ndarray, np.ndarray]],
    filtered: list[tuple[np.ndarray, np.ndarray]],
    steps: list[np.ndarray],
) -> SmoothedPaths:
    mean, covariance = filtered[-1]
    means, covariances = [mean], [covariance]
    for k in range(len(steps) - 1, -1, -1):
        ahead_mean, ahead_covariance = predicted[k + 1]
        past_mean, past_covariance = filtered[k]
        # Gain P F' (P-)^-1; P- is symmetric.
        gain = np.linalg.solve(ahead_covariance, steps[k] @ past_covariance).transpose(0, 2, 1)
        mean = past_mean + np.einsum("nij,nj->ni", gain, mean - ahead_mean)
        covariance = past_covariance + gain @ (covariance - ahead_covariance) @ gain.transpose(
            0, 2, 1
        )
        means.append(mean)
        covariances.append(covariance)
    return SmoothedPaths(
        mean=np.stack(means[::-1], axis=1), covariance=np.stack(covariances[::-1], axis=1)
    )
