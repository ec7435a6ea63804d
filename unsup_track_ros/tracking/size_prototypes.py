# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sizes of objects of which a side was never seen, from like objects that were seen whole.

The prototypes are the recording's own complete trajectories (the idea of CPD); no table of sizes
that people measured comes in. Where nothing is alike the seen extent stays, and the label says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import Bool, Float64, Int64

_MIN_SIZE_M = 1e-3


class SizePrototypeConfig(Config):
    """Which objects are alike."""

    likeness: float = parameter(
        0.2, "Largest difference of length and width of like objects, as a share.", gt=0
    )
    height_likeness: float = parameter(
        0.1, "The same for the height, which is seen from everywhere.", gt=0
    )
    min_sightings: int = parameter(
        10, "Sightings from which a whole object serves as a prototype.", ge=1
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prototypes:
    """K objects that were seen whole.

    Attributes:
        sizes: (K, 3) length, width, height, m.
    """

    sizes: Float64[np.ndarray, "K 3"]


def prototypes_of(
    sizes: Float64[np.ndarray, "N 3"],
    seen: Bool[np.ndarray, "N 3"],
    sightings: Int64[np.ndarray, " N"],
    config: SizePrototypeConfig,
) -> Prototypes:
    """Pick the objects that were seen whole and often."""
    whole = seen.all(axis=1) & (sightings >= config.min_sightings)
    return Prototypes(sizes=sizes[whole])


def completed_sizes(
    sizes: Float64[np.ndarray, "N 3"],
    seen: Bool[np.ndarray, "N 3"],
    prototypes: Prototypes,
    config: SizePrototypeConfig,
) -> Float64[np.ndarray, "N 3"]:
    """Return the sides that prototypes tell, nan where the own sightings do or nothing is alike.

    A prototype is like an object if every side that was seen is about as long, and no side is
    shorter than what was seen of it. The median of the like ones counts.
    """
    known = np.full(sizes.shape, np.nan)
    if not len(prototypes.sizes):
        return known
    partly = ~np.all(seen, axis=1, keepdims=True)
    alike = _alike(sizes, seen, prototypes, config) & partly
    for axis in range(3):
        sides = np.where(alike, prototypes.sizes[:, axis], np.nan)
        rows = alike.any(axis=1) & ~seen[:, axis]
        known[rows, axis] = np.nanmedian(sides[rows], axis=1)
    return known


def is_like_any(
    sizes: Float64[np.ndarray, "N 3"], prototypes: Prototypes, config: SizePrototypeConfig
) -> Bool[np.ndarray, " N"]:
    """Tell which whole objects have the size of a prototype."""
    seen = np.ones(sizes.shape, bool)
    return np.asarray(_alike(sizes, seen, prototypes, config).any(axis=1))


def _alike(
    sizes: Float64[np.ndarray, "N 3"],
    seen: Bool[np.ndarray, "N 3"],
    prototypes: Prototypes,
    config: SizePrototypeConfig,
) -> Bool[np.ndarray, "N K"]:
    ratio = np.log(prototypes.sizes[None] / np.maximum(sizes[:, None], _MIN_SIZE_M))
    tolerance = np.log1p([config.likeness, config.likeness, config.height_likeness])
    fits = np.where(seen[:, None], np.abs(ratio) <= tolerance, ratio >= -tolerance)
    return np.asarray(fits.all(axis=2))
