# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Batched constant-velocity Kalman filter of position, and a scalar one of heading, in odom.

A state row is (x, y, z, vx, vy, vz). Nothing here knows tracks, boxes or detections.
"""

from __future__ import annotations

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Bool, Float64


class MotionModelConfig(Config):
    """How objects move and how well they are measured."""

    acceleration_std_mps2: float = parameter(
        1.5, "Standard deviation of the horizontal acceleration of an object.", unit="m/s^2", gt=0
    )
    vertical_acceleration_std_mps2: float = parameter(
        0.3, "Standard deviation of the vertical acceleration.", unit="m/s^2", gt=0
    )
    acceleration_time_s: float = parameter(
        0.5, "Time over which an acceleration persists.", unit="s", gt=0
    )
    initial_speed_std_mps: float = parameter(
        8.0, "Standard deviation of the velocity of an object seen once.", unit="m/s", gt=0
    )
    initial_vertical_speed_std_mps: float = parameter(
        0.3, "The same for the vertical velocity.", unit="m/s", gt=0
    )
    position_std_m: float = parameter(
        0.15, "Standard deviation of a completely seen face or centre.", unit="m", gt=0
    )
    score_trust: float = parameter(
        0.0,
        "How much better boxes with better scores are: `position_std_m` and `yaw_std_rad` are "
        "divided by this power of the odds of the score; 0: all boxes are alike.",
        ge=0,
        le=1,
        tunable=True,
    )
    velocity_std_mps: float = parameter(
        1.5, "Standard deviation of a velocity that comes with a detection.", unit="m/s", gt=0
    )
    yaw_std_rad: float = parameter(
        0.2, "Standard deviation of the yaw of a fitted box.", unit="rad", gt=0
    )
    yaw_rate_std_radps: float = parameter(
        0.3, "Standard deviation of the yaw rate of an object.", unit="rad/s", gt=0
    )
    reupdate_gap_s: float = parameter(
        0.0,
        "Tracks found again after a longer time are filtered anew along the straight line between; "
        "0: never.",
        unit="s",
        ge=0,
    )
    heading_min_speed_mps: float = parameter(
        1.0, "From this speed on an object faces the way it moves.", unit="m/s", gt=0
    )


_SUREST = 1e-4  # scores count as this far from 0 and 1


def noise_factors(
    scores: Float64[np.ndarray, " N"], config: MotionModelConfig
) -> Float64[np.ndarray, " N"]:
    """Return what the deviations of boxes with these scores are multiplied by, 1 at a score of 0.5.

    What a detector is sure of is near and well seen, and its box is better.
    """
    likely = np.clip(scores, _SUREST, 1 - _SUREST)
    return np.asarray(((1 - likely) / likely) ** config.score_trust)


def predict(
    mean: Float64[np.ndarray, "N 6"],
    covariance: Float64[np.ndarray, "N 6 6"],
    duration_s: float,
    config: MotionModelConfig,
) -> tuple[Float64[np.ndarray, "N 6"], Float64[np.ndarray, "N 6 6"]]:
    """Move states forward in time."""
    transition, noise = transitions(np.array([duration_s]), config)
    return mean @ transition[0].T, transition @ covariance @ transition[0].T + noise


def transitions(
    durations_s: Float64[np.ndarray, " N"], config: MotionModelConfig
) -> tuple[Float64[np.ndarray, "N 6 6"], Float64[np.ndarray, "N 6 6"]]:
    """Return transition and noise: constant velocity, acceleration as continuous white noise.

    The noise density is 2 std^2 time, that of an acceleration with this deviation and persistence
    (Singer). Unlike a noise per step it does not depend on how a duration is cut into steps.
    """
    transition = np.tile(np.eye(6), (len(durations_s), 1, 1))
    transition[:, [0, 1, 2], [3, 4, 5]] = durations_s[:, None]
    horizontal, vertical = config.acceleration_std_mps2, config.vertical_acceleration_std_mps2
    density = 2 * config.acceleration_time_s * np.array([horizontal, horizontal, vertical]) ** 2
    duration = durations_s[:, None]
    noise = np.zeros_like(transition)
    noise[:, [0, 1, 2], [0, 1, 2]] = density * duration**3 / 3
    noise[:, [3, 4, 5], [3, 4, 5]] = density * duration
    noise[:, [0, 1, 2], [3, 4, 5]] = density * duration**2 / 2
    noise[:, [3, 4, 5], [0, 1, 2]] = density * duration**2 / 2
    return transition, noise


def correct(
    mean: Float64[np.ndarray, "N 6"],
    covariance: Float64[np.ndarray, "N 6 6"],
    observed: slice,
    innovation: Float64[np.ndarray, "N 3"],
    noise: Float64[np.ndarray, "N 3 3"],
) -> tuple[Float64[np.ndarray, "N 6"], Float64[np.ndarray, "N 6 6"]]:
    """Correct states by a measurement of three of their members (`POSITION` or `VELOCITY`).

    Joseph's form keeps the covariances symmetric and positive.
    """
    gain = covariance[:, :, observed] @ np.linalg.inv(covariance[:, observed, observed] + noise)
    remain = np.broadcast_to(np.eye(6), covariance.shape).copy()
    remain[:, :, observed] -= gain
    corrected = remain @ covariance @ remain.transpose(0, 2, 1)
    corrected += gain @ noise @ gain.transpose(0, 2, 1)
    return mean + (gain @ innovation[:, :, None])[:, :, 0], corrected


POSITION, VELOCITY = slice(0, 3), slice(3, 6)
_VIRTUAL_STEPS = 4  # into which a gap is cut; the answer hardly depends on it


def reupdated(
    seen_mean: Float64[np.ndarray, "N 6"],
    seen_covariance: Float64[np.ndarray, "N 6 6"],
    gaps_s: Float64[np.ndarray, " N"],
    found_odom: Float64[np.ndarray, "N 3"],
    config: MotionModelConfig,
) -> tuple[Float64[np.ndarray, "N 6"], Float64[np.ndarray, "N 6 6"]]:
    """Return the prediction as if each object had been seen on a straight way through its gap.

    OC-SORT's observation-centric re-update (Cao et al., CVPR 2023): coasting adds up the error of
    the velocity at which an object was lost; virtual measurements between the last place and the
    new one take it out again. Divergence: a gap has a fixed number of them whatever its length, so
    that all tracks are filtered at once.

    Args:
        seen_mean: State at the latest detection.
        seen_covariance: Of the same.
        gaps_s: Time since then.
        found_odom: Where each object is detected now.
        config: Motion model.
    """
    mean, covariance = seen_mean, seen_covariance
    transition, noise = transitions(gaps_s / _VIRTUAL_STEPS, config)
    start = seen_mean[:, POSITION]
    measured = np.broadcast_to(np.eye(3) * config.position_std_m**2, (len(gaps_s), 3, 3))
    for step in range(1, _VIRTUAL_STEPS + 1):
        mean = np.einsum("nij,nj->ni", transition, mean)
        covariance = transition @ covariance @ transition.transpose(0, 2, 1) + noise
        if step < _VIRTUAL_STEPS:
            between = start + (found_odom - start) * (step / _VIRTUAL_STEPS)
            mean, covariance = correct(
                mean, covariance, POSITION, between - mean[:, POSITION], measured
            )
    return mean, covariance


def initial_state(
    positions_odom: Float64[np.ndarray, "N 3"],
    velocities_odom: Float64[np.ndarray, "N 3"],
    position_noise: Float64[np.ndarray, "N 3 3"],
    config: MotionModelConfig,
) -> tuple[Float64[np.ndarray, "N 6"], Float64[np.ndarray, "N 6 6"]]:
    """Return states of objects seen for the first time; nan velocities start at an uncertain 0."""
    known = np.isfinite(velocities_odom).all(1)
    unknown_std = np.array(
        [config.initial_speed_std_mps] * 2 + [config.initial_vertical_speed_std_mps]
    )
    velocity_std = np.where(known[:, None], config.velocity_std_mps, unknown_std)
    covariance = np.zeros((len(positions_odom), 6, 6))
    covariance[:, POSITION, POSITION] = position_noise
    covariance[:, VELOCITY, VELOCITY] = velocity_std[:, :, None] ** 2 * np.eye(3)
    velocity = np.where(known[:, None], velocities_odom, 0.0)
    return np.concatenate([positions_odom, velocity], 1), covariance


def heading_of_motion(
    mean: Float64[np.ndarray, "N 6"],
    covariance: Float64[np.ndarray, "N 6 6"],
    config: MotionModelConfig,
) -> tuple[Float64[np.ndarray, " N"], Float64[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """Return direction of motion (rad), its variance (rad^2), and where it is reliable.

    Reliable means faster than `heading_min_speed_mps` and than three deviations of the velocity.
    """
    speed = np.maximum(np.hypot(mean[:, 3], mean[:, 4]), 1e-9)
    across = np.stack([-mean[:, 4], mean[:, 3]], 1) / speed[:, None]
    variance = np.einsum("ni,nij,nj->n", across, covariance[:, 3:5, 3:5], across)
    reliable = (speed >= config.heading_min_speed_mps) & (speed**2 > 9 * variance)
    return np.arctan2(mean[:, 4], mean[:, 3]), variance / speed**2, reliable


def correct_yaw(
    yaw_rad: Float64[np.ndarray, " N"],
    variance: Float64[np.ndarray, " N"],
    innovation_rad: Float64[np.ndarray, " N"],
    noise: Float64[np.ndarray, " N"],
) -> tuple[Float64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
    """Correct headings by measured differences whose ambiguity is already resolved."""
    gain = variance / (variance + noise)
    return se3.wrap_angle_rad(yaw_rad + gain * innovation_rad), (1 - gain) * variance
