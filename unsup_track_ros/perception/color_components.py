# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ConnComp: the baseline of the SILOT paper. Objects are connected regions of one colour.

Identities follow from frame to frame by the Hungarian algorithm on the distance of the centres. It
fails exactly where things of a colour touch, so it measures how hard a video is.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import Float64, Int64, UInt8


class ColorComponentsConfig(Config):
    """Connected components as objects."""

    min_brightness: int = parameter(26, "Darker pixels are background.", ge=1, le=255)
    color_levels: int = parameter(
        3, "Steps per channel within which colours are alike; 1 ignores colour.", ge=1, le=16
    )
    min_pixels: int = parameter(1, "Fewest pixels of an object.", unit="px", ge=1)
    max_move_px: float = parameter(
        14.0, "Objects farther apart in two frames are not the same.", unit="px", gt=0
    )


class ColorComponentsTracker:
    """Follows connected regions of similar colour through a video."""

    def __init__(self, config: ColorComponentsConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Forget all objects; identities start anew."""
        self._ids = np.zeros(0, np.int64)
        self._centres_px = np.zeros((0, 2))
        self._next_id = 0

    def step(
        self, image: UInt8[np.ndarray, "H W C"]
    ) -> tuple[Int64[np.ndarray, " N"], Float64[np.ndarray, "N 4"]]:
        """Return the identities and boxes (top, left, bottom, right in px) of the next frame."""
        boxes_px = self._boxes_px(image)
        centres_px = (boxes_px[:, :2] + boxes_px[:, 2:]) / 2
        ids = np.full(len(boxes_px), -1, np.int64)
        distance = cdist(self._centres_px, centres_px)
        rows, columns = linear_sum_assignment(distance)
        near = distance[rows, columns] <= self._config.max_move_px
        ids[columns[near]] = self._ids[rows[near]]
        new = np.flatnonzero(ids < 0)
        ids[new] = self._next_id + np.arange(len(new))
        self._next_id += len(new)
        self._ids, self._centres_px = ids, centres_px
        return ids, boxes_px

    def _boxes_px(self, image: UInt8[np.ndarray, "H W C"]) -> Float64[np.ndarray, "N 4"]:
        config = self._config
        visible = image.max(axis=2) >= config.min_brightness
        step = -(-256 // config.color_levels)
        color = np.zeros(image.shape[:2], np.int64)
        if image.shape[2] > 1 and config.color_levels > 1:
            for channel in (image // step).transpose(2, 0, 1):
                color = color * config.color_levels + channel
        found = [np.zeros((0, 4))]
        for value in np.unique(color[visible]):  # a handful of colours
            mask = (visible & (color == value)).astype(np.uint8)
            stats = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:]
            left, top, width, height, pixels = stats.T
            boxes = np.stack([top, left, top + height, left + width], axis=1).astype(np.float64)
            found.append(boxes[pixels >= config.min_pixels])
        return np.concatenate(found)
