# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracking stage: the tracker, and what it is told about objects that nobody sees.

In: detections, egomotion and the scan of a frame. Out: tracks in odom, with beliefs about the
hidden ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.tracks import Tracks
from unsup_track_ros.tracking.hidden_objects import HiddenObjects, HiddenObjectsConfig
from unsup_track_ros.tracking.tracker import Tracker, TrackerConfig

_HIDDEN: Final = "permanence/"  # before the names of what hidden objects need


class TrackingStage:
    """Follows what is detected, and believes in what is hidden if `permanence.enabled`."""

    def __init__(self, tracker: TrackerConfig, permanence: HiddenObjectsConfig) -> None:
        """Start without tracks."""
        self._hidden = HiddenObjects(permanence) if permanence.enabled else None
        self._tracker = Tracker(tracker, self._hidden)

    def step(
        self,
        detections: Detections,
        egomotion: Egomotion,
        ranges: Callable[[], RangeImage] | None,
        embeddings: Float64[np.ndarray, "D E"] | None = None,
    ) -> Tracks:
        """Advance all tracks to the stamp of the detections.

        Args:
            detections: Boxes in velo at the current stamp.
            egomotion: Pose of the LiDAR at the same stamp.
            ranges: Returns what the scan saw through; only asked if `permanence.enabled`.
            embeddings: How the detections look, see `Tracker.step`.

        Raises:
            DataError: What `Tracker.step` refuses.
        """
        if self._hidden is None or ranges is None:
            return self._tracker.step(detections, egomotion, embeddings)
        self._hidden.look(ranges)
        tracks = self._tracker.step(detections, egomotion, embeddings)
        return replace(tracks, beliefs=self._hidden.beliefs)

    def expected(self, stamp_ns: int) -> Float64[np.ndarray, "T 7"]:
        """Return the boxes (odom) of confirmed tracks at a later stamp; changes nothing."""
        return self._tracker.expected(stamp_ns)

    def reset(self) -> None:
        """Forget all tracks; IDs go on, so that none is used twice."""
        self._tracker.reset()
        if self._hidden is not None:
            self._hidden.reset()

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on."""
        hidden = {} if self._hidden is None else self._hidden.state()
        return self._tracker.state() | {_HIDDEN + name: value for name, value in hidden.items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state()` of a stage with the same parameters.

        Raises:
            DataError: The state does not fit the parameters.
        """
        self._tracker.restore(state)
        if self._hidden is not None:
            names = [name for name in state if name.startswith(_HIDDEN)]
            self._hidden.restore({name[len(_HIDDEN) :]: state[name] for name in names})
