# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What one can say of a hidden thing without a network: the baselines that RAM is held against.

All see the same: the box of the target where it is seen, the tracks of all else, the camera.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from unsup_track_ros.shapes import Float64, Int64

_HISTORY = 5  # frames from which a velocity is taken


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glimpse:
    """What is known of one frame.

    Attributes:
        target_px: Box (top, left, bottom, right) of the target, None while it is not seen.
        other_ids: Identities of all else that is seen.
        others_px: Their boxes.
        camera_m: Where the camera is; it looks at the middle of the table.
    """

    target_px: Float64[np.ndarray, " 4"] | None
    other_ids: Int64[np.ndarray, " N"]
    others_px: Float64[np.ndarray, "N 4"]
    camera_m: Float64[np.ndarray, " 3"]


class Baseline(Protocol):
    """Answers frame by frame where the target is."""

    def step(self, glimpse: Glimpse) -> Float64[np.ndarray, " 4"]:
        """Return the box of the target; nan before it was first seen."""


class LastSeen:
    """It is where it was last seen."""

    def __init__(self) -> None:
        self._box_px = np.full(4, np.nan)

    def step(self, glimpse: Glimpse) -> Float64[np.ndarray, " 4"]:
        """Return the box of the target."""
        if glimpse.target_px is not None:
            self._box_px = glimpse.target_px
        return self._box_px


class ImageVelocity:
    """It moves on in the image as it did."""

    def __init__(self) -> None:
        self._seen: deque[np.ndarray] = deque(maxlen=_HISTORY)
        self._hidden = 0

    def step(self, glimpse: Glimpse) -> Float64[np.ndarray, " 4"]:
        """Return the box of the target."""
        if glimpse.target_px is not None:
            if self._hidden:
                self._seen.clear()
            self._hidden = 0
            self._seen.append(glimpse.target_px)
            return glimpse.target_px
        if not self._seen:
            return np.full(4, np.nan)
        self._hidden += 1
        centre = _mean_velocity([_centre(box) for box in self._seen]) * self._hidden
        return np.asarray(self._seen[-1] + np.tile(centre, 2))


class GroundVelocity:
    """It moves on over the table as it did; the camera's own motion is known and taken out."""

    def __init__(self, height_px: int, width_px: int, focal_px: float) -> None:
        self._pinhole = (height_px, width_px, focal_px)
        self._places: deque[np.ndarray] = deque(maxlen=_HISTORY)
        self._size_m = np.zeros(2)
        self._hidden = 0

    def step(self, glimpse: Glimpse) -> Float64[np.ndarray, " 4"]:
        """Return the box of the target."""
        box = glimpse.target_px
        if box is not None:
            if self._hidden:
                self._places.clear()
            self._hidden = 0
            foot = np.array([box[2], (box[1] + box[3]) / 2.0])
            place, depth_m = self._on_table(foot, glimpse.camera_m)
            self._size_m = (box[2:] - box[:2]) * depth_m / self._pinhole[2]
            self._places.append(place)
            return box
        if not self._places:
            return np.full(4, np.nan)
        self._hidden += 1
        place = self._places[-1] + _mean_velocity(list(self._places)) * self._hidden
        return self._seen_box(place, glimpse.camera_m)

    def _on_table(
        self, pixel: np.ndarray, camera_m: np.ndarray
    ) -> tuple[Float64[np.ndarray, " 2"], float]:
        height, width, focal = self._pinhole
        right, down, forward = _axes(camera_m)
        y, x = (pixel - np.array([height, width]) / 2.0) / focal
        ray = forward + x * right + y * down
        # Above the horizon there is no table: what is seen there is taken to be far.
        depth = -camera_m[2] / min(ray[2], -1e-2)
        return (camera_m + ray * depth)[:2], float(depth)

    def _seen_box(self, place: np.ndarray, camera_m: np.ndarray) -> Float64[np.ndarray, " 4"]:
        height, width, focal = self._pinhole
        right, down, forward = _axes(camera_m)
        way = np.append(place, 0.0) - camera_m
        depth = max(float(way @ forward), 0.1)
        foot = np.array([way @ down, way @ right]) / depth * focal + np.array([height, width]) / 2.0
        size = self._size_m / depth * focal
        return np.array([foot[0] - size[0], foot[1] - size[1] / 2, foot[0], foot[1] + size[1] / 2])


class NearestObject:
    """It sticks to the visible thing that was nearest when it vanished."""

    def __init__(self) -> None:
        self._box_px = np.full(4, np.nan)
        self._holder: int | None = None
        self._seen = False

    def step(self, glimpse: Glimpse) -> Float64[np.ndarray, " 4"]:
        """Return the box of the target."""
        if glimpse.target_px is not None:
            self._box_px, self._holder, self._seen = glimpse.target_px, None, True
            return self._box_px
        if not self._seen or not len(glimpse.other_ids):
            return self._box_px
        centres = _centre(glimpse.others_px)
        held = np.flatnonzero(glimpse.other_ids == self._holder)
        if not len(held):
            gaps = np.linalg.norm(centres - _centre(self._box_px), axis=1)
            held = np.array([int(gaps.argmin())])
            self._holder = int(glimpse.other_ids[held[0]])
        half = (self._box_px[2:] - self._box_px[:2]) / 2.0
        centre = centres[held[0]]
        self._box_px = np.concatenate([centre - half, centre + half])
        return self._box_px


def _mean_velocity(places: list[np.ndarray]) -> Float64[np.ndarray, " 2"]:
    steps = max(len(places) - 1, 1)
    return np.asarray((places[-1] - places[0]) / steps)


def _centre(box_px: np.ndarray) -> Float64[np.ndarray, "*n 2"]:
    return np.asarray((box_px[..., :2] + box_px[..., 2:]) / 2.0)


def _axes(camera_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the directions right, down and forward of a camera that looks at the middle."""
    forward = -camera_m / np.linalg.norm(camera_m)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    return right, np.cross(forward, right), forward
