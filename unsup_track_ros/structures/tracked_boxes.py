# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes with identities over a whole sequence, as tracking benchmarks exchange them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Bool, Float64, Int64, Shaped


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackedBoxes:
    """K boxes of one sequence: truth of people, or the answer of a tracker.

    Attributes:
        frames: (K,) number of the frame, ascending.
        ids: (K,) identity, unique within a frame; -1 for regions.
        classes: (K,) class names.
        boxes: (K, 7) geometric centre, length, width, height, yaw in an upright frame that truth
            and answer share (KITTI: `velo` of the nominal calibration); nan for regions.
        boxes_pix: (K, 4) left, top, right, bottom in the image.
        scores: (K,) how sure; any scale, the same for all boxes of an answer. 0 for truth.
        truncation: (K,) how much lies outside of the image; -1 for an answer.
        occlusion: (K,) how much is hidden; -1 for an answer.
    """

    frames: Int64[np.ndarray, " K"]
    ids: Int64[np.ndarray, " K"]
    classes: Shaped[np.ndarray, " K"]
    boxes: Float64[np.ndarray, "K 7"]
    boxes_pix: Float64[np.ndarray, "K 4"]
    scores: Float64[np.ndarray, " K"]
    truncation: Float64[np.ndarray, " K"]
    occlusion: Int64[np.ndarray, " K"]

    def __post_init__(self) -> None:
        if (np.diff(self.frames) < 0).any():
            raise DataError("The boxes of a sequence must be sorted by frame.")
        named = self.ids >= 0
        pairs = np.stack([self.frames[named], self.ids[named]], axis=1)
        unique, count = np.unique(pairs, axis=0, return_counts=True)
        if (count > 1).any():
            frame, identity = unique[np.argmax(count)]
            raise DataError(
                f"An identity must occur once in a frame, got {identity} {count.max()} times in "
                f"frame {frame}. Give every object its own identity."
            )

    def __len__(self) -> int:
        return len(self.frames)

    def rows(self, chosen: Bool[np.ndarray, " K"]) -> TrackedBoxes:
        """Return the chosen boxes."""
        return TrackedBoxes(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})
