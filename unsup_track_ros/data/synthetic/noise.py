# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Noise that surfaces are textured with: fixed to the surface, and fading before it aliases."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.compiled import compiled_inner

# Random numbers that repeat every 128 lattice points: 6 m at the finest grain, 200 m at the
# coarsest.
_LATTICE = np.random.default_rng(0).random((128, 128)).astype(np.float32)
_LATTICE_MASK = 127
# Seeds are told apart by where in the lattice they start; odd, so that all places are reached.
_SEED_STEP_X, _SEED_STEP_Y = 37, 89
# A wave is drawn in full from this many pixels on, and not at all below half of it.
_FULL_PIXELS = 3.0


@compiled_inner
def hashed(x: int, y: int, seed: float) -> float:
    """Return a fixed random number in [0, 1] of a lattice point.

    The seed is a whole number, typed as float because each literal integer is compiled for itself.
    """
    k = int(seed)
    return float(
        _LATTICE[(x + _SEED_STEP_X * k) & _LATTICE_MASK, (y + _SEED_STEP_Y * k) & _LATTICE_MASK]
    )


@compiled_inner
def noise2(x: float, y: float, seed: float) -> float:
    """Return smooth noise in [-1, 1] of wave length about 2."""
    i, j = int(np.floor(x)), int(np.floor(y))
    a, b = x - i, y - j
    a, b = a * a * (3.0 - 2.0 * a), b * b * (3.0 - 2.0 * b)
    low = (1.0 - a) * hashed(i, j, seed) + a * hashed(i + 1, j, seed)
    high = (1.0 - a) * hashed(i, j + 1, seed) + a * hashed(i + 1, j + 1, seed)
    return 2.0 * ((1.0 - b) * low + b * high) - 1.0


@compiled_inner
def noise3(x: float, y: float, z: float, seed: float) -> float:
    """Return smooth noise in [-1, 1] in space."""
    k = float(np.floor(z))
    c = z - k
    c = c * c * (3.0 - 2.0 * c)
    return (1.0 - c) * noise2(x, y, seed + 5.0 * k) + c * noise2(x, y, seed + 5.0 * (k + 1.0))


@compiled_inner
def fading(size_m: float, footprint_m: float) -> float:
    """Return the weight of a detail of a size under a pixel that covers `footprint_m`."""
    return min(max(2.0 * size_m / (_FULL_PIXELS * footprint_m) - 1.0, 0.0), 1.0)


@compiled_inner
def layered2(x: float, y: float, seed: float, footprint_m: float) -> float:
    """Return noise of four sizes from 0.05 m to 1.6 m, about in [-1, 1], finer details stronger."""
    total = 0.0
    size, strength = 1.6, 0.38
    for layer in range(4):
        weight = fading(size, footprint_m)
        if weight == 0.0:
            break
        total += weight * strength * noise2(x / size, y / size, seed + layer)
        size /= 3.2
        strength *= 1.25
    return total


@compiled_inner
def layered3(x: float, y: float, z: float, seed: float, footprint_m: float) -> float:
    """Return noise of three sizes from 0.06 m to 0.5 m in space, about in [-1, 1]."""
    total = 0.0
    size = 0.5
    for layer in range(3):
        weight = fading(size, footprint_m)
        if weight == 0.0:
            break
        total += weight * noise3(x / size, y / size, z / size, seed + layer)
        size /= 2.8
    return 0.6 * total


@compiled_inner
def band(value: float, half_width: float, footprint_m: float) -> float:
    """Return how much of a pixel at `value` a line around 0 covers, in [0, 1]."""
    half_pixel = 0.5 * footprint_m + 1e-6
    covered = min(value + half_pixel, half_width) - max(value - half_pixel, -half_width)
    return min(max(covered / (2.0 * half_pixel), 0.0), 1.0)
