# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Connecting points, against connecting them one by one."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.perception.motion_segmentation import scan_facts
from unsup_track_ros.perception.motion_segmentation.scan_facts import ScanFactsConfig

CONFIG = ScanFactsConfig(range_m=10.0, own_radius_m=2.0, cluster_cell_m=0.5, bridge_from_m=(6.0,))


@pytest.mark.parametrize("num", [0, 1, 300])
def test_points_in_cells_that_touch_are_one_cluster(num: int) -> None:
    rng = np.random.default_rng(num)
    points = rng.uniform(-12, 12, (num, 3)).astype(np.float32)
    height_m = rng.uniform(0, 3, num).astype(np.float32)
    height_m[::9] = np.nan
    clusters = scan_facts._clusters(CONFIG, points, height_m)

    range_m = np.hypot(points[:, 0], points[:, 1])
    asked = (height_m > 0.3) & (height_m < 2.6) & (range_m > 2.0) & (range_m < 10.0)
    cell = ((points[:, :2] + 10.0) / 0.5).astype(int)
    filled = {tuple(c) for c in cell[asked]}
    for x, y in list(filled):  # far away one empty cell to each side is bridged
        for dx, dy in np.ndindex(3, 3):
            beside = (x + dx - 1, y + dy - 1)
            centre_m = (np.array(beside) + 0.5) * 0.5 - 10.0
            if max(beside) < 40 and min(beside) >= 0 and np.hypot(*centre_m) >= 6.0:
                filled.add(beside)
    name: dict[tuple[int, int], int] = {}
    for seed in sorted(filled):
        todo = [] if seed in name else [seed]
        while todo:
            x, y = here = todo.pop()
            if here in filled and here not in name:
                name[here] = name.get(seed, len(name) + 1)
                todo += [(x + dx - 1, y + dy - 1) for dx, dy in np.ndindex(3, 3)]
    expected = np.array([name[tuple(c)] if a else 0 for c, a in zip(cell, asked, strict=True)])

    assert ((clusters.label > 0) == asked).all()
    pairs = set(zip(expected[asked].tolist(), clusters.label[asked].tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    np.testing.assert_array_equal(
        clusters.sizes, np.bincount(clusters.label, minlength=len(clusters.sizes))
    )
    for theirs, ours in pairs:
        cells = np.array([c for c, n in name.items() if n == theirs])
        assert clusters.extents_m[ours] == (np.ptp(cells, axis=0).max() + 1) * 0.5
