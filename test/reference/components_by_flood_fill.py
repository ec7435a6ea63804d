# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""26-connected components by flooding from every voxel in raster order."""

from __future__ import annotations

import itertools

import numpy as np


def label_by_flood_fill(volume: np.ndarray) -> np.ndarray:
    """Return labels 1..K of a boolean volume, 0 where it is empty."""
    labels = np.zeros(volume.shape, np.int64)
    count = 0
    for seed in itertools.product(*map(range, volume.shape)):
        if not volume[seed] or labels[seed]:
            continue
        count += 1
        front = [seed]
        labels[seed] = count
        while front:
            z, y, x = front.pop()
            for dz, dy, dx in itertools.product((-1, 0, 1), repeat=3):
                near = (z + dz, y + dy, x + dx)
                inside = all(0 <= n < size for n, size in zip(near, volume.shape, strict=True))
                if inside and volume[near] and not labels[near]:
                    labels[near] = count
                    front.append(near)
    return labels
