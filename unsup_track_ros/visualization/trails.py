# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where each track was in the last seconds, for drawing its trail."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.tracks import Tracks, TrackState


class TrackTrails:
    """Collects positions frame by frame; what is older than `trail_s` is forgotten."""

    def __init__(self, trail_s: float) -> None:
        self._trail_ns = round(trail_s * 1e9)
        self._points: dict[int, list[tuple[int, Float64[np.ndarray, " 3"]]]] = {}

    def update(self, tracks: Tracks) -> None:
        """Add the positions of one frame."""
        oldest_ns = tracks.stamp_ns - self._trail_ns
        for row in np.flatnonzero(tracks.states != TrackState.TENTATIVE):
            trail = self._points.setdefault(int(tracks.ids[row]), [])
            trail.append((tracks.stamp_ns, tracks.boxes_odom[row, :3].copy()))
        self._points = {
            track_id: kept
            for track_id, trail in self._points.items()
            if (kept := [point for point in trail if oldest_ns <= point[0] <= tracks.stamp_ns])
        }

    def trails_odom(self) -> Mapping[int, Float64[np.ndarray, "P 3"]]:
        """Return the positions of each track, oldest first, by id."""
        return {
            track_id: np.stack([position for _, position in trail])
            for track_id, trail in self._points.items()
        }
