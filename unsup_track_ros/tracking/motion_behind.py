# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How objects move while nobody sees them: particles that go on, stop, turn, or change their speed.

A Gaussian around the straight way says that a change of mind costs as much as a long acceleration.
Here a particle keeps its velocity until it decides otherwise, at a rate; then it strives for
another one with a limited acceleration. Draws are shared by all objects, so that what is believed
of one does not depend on the others.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import Bool, Float64

_PERSON: Final = np.array([0.35, 0.30, 0.20, 0.15])  # stops, other speed, turns back, aside
_VEHICLE: Final = np.array([0.50, 0.50, 0.0, 0.0])
_SPEED_SHARES: Final = (0.3, 2.2)  # of the speed of before, after a decision to go
_ASIDE_RAD: Final = (np.deg2rad(20.0), np.deg2rad(90.0))


class HiddenMotionConfig(Config):
    """How hidden objects may move."""

    decisions_per_s: float = parameter(
        0.6, "How often a hidden object changes what it does.", unit="1/s", ge=0, tunable=True
    )
    acceleration_mps2: float = parameter(
        4.5,
        "Largest acceleration towards what it wants: drivers brake that hard, runners turn round.",
        unit="m/s^2",
        gt=0,
        tunable=True,
    )
    velocity_noise_mps: float = parameter(
        0.2, "Growth of the deviation of a velocity in a second.", unit="m/s", ge=0, tunable=True
    )
    vehicle_length_m: float = parameter(
        2.5, "What is longer neither turns back nor aside.", unit="m", gt=0, tunable=True
    )


def first_particles(
    means: Float64[np.ndarray, "N 4"],
    covariances: Float64[np.ndarray, "N 4 4"],
    num: int,
    random: np.random.Generator,
) -> Float64[np.ndarray, "N K 6"]:
    """Draw x, y, velocity, and the velocity each strives for, which is its own."""
    roots = np.linalg.cholesky(covariances + 1e-9 * np.eye(4))
    drawn = means[:, None] + np.einsum("nij,kj->nki", roots, random.standard_normal((num, 4)))
    return np.concatenate([drawn, drawn[:, :, 2:]], axis=2)


def advanced(
    particles: Float64[np.ndarray, "N K 6"],
    seen_velocities: Float64[np.ndarray, "N 2"],
    lengths_m: Float64[np.ndarray, " N"],
    duration_s: float,
    config: HiddenMotionConfig,
    random: np.random.Generator,
) -> Float64[np.ndarray, "N K 6"]:
    """Move particles forward in time.

    Args:
        particles: From `first_particles`.
        seen_velocities: With which each object was seen last, m/s.
        lengths_m: Of each object, which says how it may turn.
        duration_s: Time to go.
        config: How objects move.
        random: Source of the decisions.
    """
    num = particles.shape[1]
    draws, noise = random.random((num, 4)), random.standard_normal((num, 2))
    decides = draws[:, 0] < -np.expm1(-config.decisions_per_s * duration_s)
    is_vehicle = lengths_m > config.vehicle_length_m
    wanted = np.where(
        decides[:, None], _decided(seen_velocities, is_vehicle, draws), particles[..., 4:]
    )
    change = wanted - particles[..., 2:4]
    size = np.maximum(np.linalg.norm(change, axis=2, keepdims=True), 1e-9)
    change *= np.minimum(1.0, config.acceleration_mps2 * duration_s / size)
    velocity = particles[..., 2:4] + change
    velocity = velocity + noise * config.velocity_noise_mps * np.sqrt(duration_s)
    place = particles[..., :2] + 0.5 * (particles[..., 2:4] + velocity) * duration_s
    return np.concatenate([place, velocity, wanted], axis=2)


def _decided(
    seen_velocities: Float64[np.ndarray, "N 2"],
    is_vehicle: Bool[np.ndarray, " N"],
    draws: Float64[np.ndarray, "K 4"],
) -> Float64[np.ndarray, "N K 2"]:
    """Return the velocity that each particle would decide for."""
    shares = np.where(is_vehicle[:, None], _VEHICLE, _PERSON)
    kind = (draws[:, 1][None, :, None] >= np.cumsum(shares, axis=1)[:, None, :3]).sum(axis=2)
    speed, angle = (
        low + draws[:, column] * (high - low)
        for column, (low, high) in ((2, _SPEED_SHARES), (3, _ASIDE_RAD))
    )
    left = np.stack([-seen_velocities[:, 1], seen_velocities[:, 0]], axis=1)
    side = np.where(np.arange(len(draws)) % 2, 1.0, -1.0)
    is_aside = kind == 3
    along = np.where(is_aside, np.cos(angle), np.array([0.0, 1.0, -1.0, 0.0])[kind]) * speed
    beside = np.where(is_aside, np.sin(angle), 0.0) * speed * side
    return np.asarray(
        along[..., None] * seen_velocities[:, None] + beside[..., None] * left[:, None]
    )
