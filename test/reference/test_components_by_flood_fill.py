# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from reference.components_by_flood_fill import label_by_flood_fill
from scipy import ndimage

from unsup_track_ros.geometry.components import connected_components


@pytest.mark.parametrize("density", [0.0, 0.02, 0.06, 0.15, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 9), (12, 4, 12)])
def test_sparse_components_equal_flood_fill_and_scipy(
    shape: tuple[int, int, int], density: float
) -> None:
    volume = np.random.default_rng(3).random(shape) < density
    voxels = np.flatnonzero(volume)
    labels = connected_components(shape, voxels)
    np.testing.assert_array_equal(labels, label_by_flood_fill(volume).reshape(-1)[voxels])
    dense, _ = ndimage.label(volume, np.ones((3, 3, 3)))
    np.testing.assert_array_equal(labels, dense.reshape(-1)[voxels])
