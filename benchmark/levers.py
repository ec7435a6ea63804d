# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What mode `improved` adds, each as the parameters that take it out again."""

from __future__ import annotations

from benchmark.runs import Overrides

_LIDAR = "pipeline.motion_segmentation.lidar"
_OBJECTS = "completion.objects"
_NEVER = 1_000_000
LEVERS: dict[str, Overrides] = {
    "no window of scans": {f"{_LIDAR}.search_ages_s": (0.1,), f"{_LIDAR}.free_ages_s": (0.1,)},
    "no heading from motion": {
        "pipeline.box_fitting.heading_speed_mps": 1000.0,
        "pipeline.tracker.motion.heading_min_speed_mps": 1000.0,
        f"{_OBJECTS}.trajectory.heading_speed_mps": 1000.0,
    },
    "median size of a track": {f"{_OBJECTS}.trajectory.size_quantile": 0.5},
    "no size prototypes": {f"{_OBJECTS}.prototypes.min_sightings": _NEVER},
    "no static objects": {f"{_OBJECTS}.static_weight": 0.0},
}
