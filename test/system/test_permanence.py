# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A pedestrian whom a parked van hides for seconds comes back with the same identity."""

from __future__ import annotations

import numpy as np

from benchmark.permanence_driving import follow
from unsup_track_ros.data.permanence.driving import driving_occlusion, hidden_spans
from unsup_track_ros.tracking.free_space import FreeSpace, FreeSpaceConfig


def test_a_pedestrian_hidden_behind_a_van_comes_back_with_the_same_identity() -> None:
    survived = {"free space": 0, "constant velocity": 0}
    hidden = 0
    for drive in range(4):
        frames = list(driving_occlusion("stops", np.random.default_rng([1, 1, drive])))
        noise = np.zeros((len(frames), len(frames[0].people_odom), 2))
        spans = hidden_spans(np.array([frame.num_points[0] for frame in frames]), 5)
        long = [(first, end) for first, end in spans if end - first >= 15]
        hidden += len(long)
        for name in survived:
            permanence = FreeSpace(FreeSpaceConfig()) if name == "free space" else None
            ids, _ = follow(frames, noise, permanence)
            survived[name] += sum(ids[end] == ids[first - 1] >= 0 for first, end in long)
    assert hidden >= 2
    assert survived["free space"] > survived["constant velocity"]
    assert survived["free space"] >= 0.75 * hidden
