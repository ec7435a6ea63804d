# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What mode `improved` adds, each as the parameters that take it out again."""

from __future__ import annotations

from benchmark.runs import Overrides

_LIDAR = "pipeline.motion_segmentation.lidar"
_OBJECTS = "completion.objects"
_NEVER = 1_000_000
LEVERS: dict[str, Overrides] = {
    "one past scan, not a window": {
        f"{_LIDAR}.search_ages_s": (0.5,),
        f"{_LIDAR}.free_ages_s": (0.5,),
    },
    "no free-space witness": {f"{_LIDAR}.min_free": 0.0, f"{_LIDAR}.min_entered": 1.0},
    "mixed clusters are not cut": {f"{_LIDAR}.min_cut_points": _NEVER},
    "gaps bridged alike near and far": {f"{_LIDAR}.scan.bridge_from_m": (0.0,)},
    "camera does not correct clusters": {
        "pipeline.motion_segmentation.camera_clusters.min_points": _NEVER
    },
    "tracks expect nothing": {"pipeline.detection.follow_expected": False},
    "no heading from motion": {
        "pipeline.box_fitting.heading_speed_mps": 1000.0,
        "pipeline.tracker.motion.heading_min_speed_mps": 1000.0,
        f"{_OBJECTS}.trajectory.heading_speed_mps": 1000.0,
    },
    "stray returns stretch boxes": {"pipeline.box_fitting.trim_share": 0.0},
    "linked forward only": {f"{_OBJECTS}.link_backward": False},
    "median size of a track": {f"{_OBJECTS}.trajectory.size_quantile": 0.5},
    "no size prototypes": {f"{_OBJECTS}.prototypes.min_sightings": _NEVER},
    "no static objects": {f"{_OBJECTS}.static_weight": 0.0},
}
