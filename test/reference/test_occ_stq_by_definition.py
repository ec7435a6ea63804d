# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Counting agrees with the definition on random volumes."""

from __future__ import annotations

import numpy as np
import pytest
from reference.occ_stq_by_definition import Volume, stq

from unsup_track_ros.evaluation.occ_stq import OccStq, OccStqRules, Variant
from unsup_track_ros.structures.voxel_scene import VoxelClasses

CLASSES = VoxelClasses(names=("free", "ground", "car", "person"), things=(2, 3), free=0)


@pytest.mark.parametrize("variant", ["official", "corrected"])
@pytest.mark.parametrize("seed", range(5))
def test_counts_give_what_sets_of_voxels_give(variant: Variant, seed: int) -> None:
    rng = np.random.default_rng(seed)
    metric = OccStq(CLASSES, OccStqRules(variant=variant))
    sequences: list[Volume] = []
    for s in range(2):
        volume: Volume = {}
        for frame in range(3):
            columns = rng.integers(0, 4, (4, 60))
            columns[0] = np.where(rng.random(60) < 0.7, columns[2], columns[0])
            metric.add_voxels(str(s), (columns[0], columns[1]), (columns[2], columns[3]))
            for voxel in range(60):
                a, b, c, d = columns[:, voxel].tolist()
                volume[frame, voxel] = (a, b, c, d)
        sequences.append(volume)
    found = metric.scores()
    expected = stq(sequences, 4, CLASSES.things, CLASSES.free, official=variant == "official")
    assert (found.stq, found.aq, found.sq) == pytest.approx(expected)
