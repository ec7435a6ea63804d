# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The box of a thing that nobody sees, from where it is believed to be (paper, algorithms 2 and 3).

A belief has the grain of the nodes. What stood when it was last seen and stands is still where it
was, to the pixel; what stood and now moves is being carried, by the nearest thing that is seen.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.networks.random_walk_memory.tracker import WalkTracks
from unsup_track_ros.shapes import Float64


class BoxRefinementConfig(Config):
    """Boxes of unseen things."""

    static_share: float = parameter(
        0.35, "A thing whose centre has moved by less than so much of its size stands.", gt=0
    )
    moving_share: float = parameter(
        0.06, "Before it was hidden a thing moved if it made so much of its size per frame.", gt=0
    )
    history_frames: int = parameter(4, "Frames over which that is measured.", ge=2)
    drop_share: float = parameter(
        0.12, "How far below the middle of its container a carried thing is, of the container's "
        "height: a ball on the ground in a cone that is seen from 20 to 30 degrees above.",
        ge=0, le=1,
    )  # fmt: skip


class BoxRefinement:
    """Refines the boxes of one video, frame by frame."""

    def __init__(self, config: BoxRefinementConfig) -> None:
        self._config = config
        self._seen: dict[int, deque[Float64[np.ndarray, " 4"]]] = {}

    def step(self, tracks: WalkTracks) -> Float64[np.ndarray, "N 4"]:
        """Return the boxes of a frame's tracks; those of what is seen as they are."""
        boxes_px = tracks.boxes_px.copy()
        containers_px = tracks.boxes_px[tracks.is_visible]
        for row, identity in enumerate(tracks.ids.tolist()):
            history = self._seen.setdefault(identity, deque(maxlen=self._config.history_frames))
            if tracks.is_visible[row]:
                history.append(tracks.boxes_px[row])
            elif history:
                boxes_px[row] = self._unseen(tracks.boxes_px[row], history, containers_px)
        alive = set(tracks.ids.tolist())
        self._seen = {key: value for key, value in self._seen.items() if key in alive}
        return boxes_px

    def _unseen(
        self,
        believed_px: Float64[np.ndarray, " 4"],
        history: deque[Float64[np.ndarray, " 4"]],
        containers_px: Float64[np.ndarray, "C 4"],
    ) -> Float64[np.ndarray, " 4"]:
        config, last_px = self._config, history[-1]
        size_px = last_px[2:] - last_px[:2]
        scale = float(np.sqrt(max(size_px.prod(), 1e-6)))
        steps = max(len(history) - 1, 1)
        moved = np.linalg.norm(_centre(last_px) - _centre(history[0])) / steps
        centre = _centre(believed_px)
        if moved > config.moving_share * scale:
            return _box(centre, size_px)
        if np.linalg.norm(centre - _centre(last_px)) < config.static_share * scale:
            return last_px
        if not len(containers_px):
            return _box(centre, size_px)
        gaps = np.linalg.norm(_centre(containers_px) - centre, axis=1)
        container = containers_px[int(np.argmin(gaps))]
        height = container[2] - container[0]
        below = _centre(container) + np.array([config.drop_share * height, 0.0])
        return _box(below, size_px)


def _centre(box_px: np.ndarray) -> Float64[np.ndarray, "*n 2"]:
    return np.asarray((box_px[..., :2] + box_px[..., 2:]) / 2.0)


def _box(centre_px: np.ndarray, size_px: np.ndarray) -> Float64[np.ndarray, " 4"]:
    return np.concatenate([centre_px - size_px / 2.0, centre_px + size_px / 2.0])
