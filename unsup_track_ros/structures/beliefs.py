# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where objects may be that nobody sees, in odom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float32, Float64, Int64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beliefs:
    """N hidden objects at one stamp: each is at one of K places, with these probabilities.

    Attributes:
        stamp_ns: Stamp of the frame.
        ids: (N,) tracks.
        places_odom: (N, K, 2) x, y in metres.
        weights: (N, K) probabilities; they sum to one.
    """

    stamp_ns: int
    ids: Int64[np.ndarray, " N"]
    places_odom: Float32[np.ndarray, "N K 2"]
    weights: Float32[np.ndarray, "N K"]

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.places_odom) or len(self.ids) != len(self.weights):
            raise DataError(
                f"{len(self.ids)} hidden objects need as many beliefs, got "
                f"{len(self.places_odom)} sets of places and {len(self.weights)} of weights."
            )

    def __len__(self) -> int:
        return len(self.ids)

    def heat_map(
        self, centre_odom: Float64[np.ndarray, " 2"], half_size_m: float, resolution_m: float
    ) -> Float32[np.ndarray, "Y X"]:
        """Return how many hidden objects are expected in each cell of a square.

        Row 0 has the smallest y, column 0 the smallest x; places outside are left out.
        """
        num = round(2 * half_size_m / resolution_m)
        low = np.asarray(centre_odom, np.float64) - half_size_m
        cell = np.floor((self.places_odom.reshape(-1, 2) - low) / resolution_m).astype(np.int64)
        inside = ((cell >= 0) & (cell < num)).all(axis=1)
        flat = cell[inside, 1] * num + cell[inside, 0]
        counted = np.bincount(flat, self.weights.reshape(-1)[inside], num * num)
        return counted.reshape(num, num).astype(np.float32)
