# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Track AP: average precision of whole tracks (TAO; SPECS 3.5).

A track is a set of boxes. Two tracks of one video overlap by the sum of their boxes' intersections
over the sum of their unions, over all frames in which either is there; a frame with only one of
them adds its area to the union alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float64, Int64

MIN_IOU: Final = 0.5
_RECALLS: Final = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackBoxes:
    """One track.

    Attributes:
        video: Name of the video; only tracks of one video are compared.
        frames: Frames in which it is there, ascending.
        boxes: Two corners of its rectangle in each, the lower coordinates first.
        score: Of an answer; the mean of its boxes' scores.
    """

    video: str
    frames: Int64[np.ndarray, " F"]
    boxes: Float64[np.ndarray, "F 4"]
    score: float = 1.0

    def __post_init__(self) -> None:
        if len(self.frames) != len(self.boxes) or (np.diff(self.frames) <= 0).any():
            raise DataError(
                "A track needs one box per frame and frames in ascending order, got "
                f"{len(self.boxes)} boxes for frames {self.frames.tolist()}."
            )


def track_iou(track0: TrackBoxes, track1: TrackBoxes) -> float:
    """Return the overlap of two tracks over space and time."""
    _, rows0, rows1 = np.intersect1d(track0.frames, track1.frames, return_indices=True)
    low = np.maximum(track0.boxes[rows0, :2], track1.boxes[rows1, :2])
    high = np.minimum(track0.boxes[rows0, 2:], track1.boxes[rows1, 2:])
    common = np.clip(high - low, 0.0, None).prod(1).sum()
    areas = sum((t.boxes[:, 2:] - t.boxes[:, :2]).prod(1).sum() for t in (track0, track1))
    union = areas - common
    return float(common / union) if union > 0 else 0.0


def track_average_precision(
    truth: Sequence[TrackBoxes], answers: Sequence[TrackBoxes], min_iou: float = MIN_IOU
) -> float:
    """Return the 101-point average precision of tracks; nan if there is no true one.

    Answers are matched greedily, the surest first, each to the true track of its video that it
    overlaps most and that is not taken yet.
    """
    if not truth:
        return float("nan")
    of_video: dict[str, list[int]] = defaultdict(list)
    for row, track in enumerate(truth):
        of_video[track.video].append(row)
    taken: set[int] = set()
    hits = []
    for answer in sorted(answers, key=lambda track: -track.score):
        free = [row for row in of_video[answer.video] if row not in taken]
        overlaps = [track_iou(answer, truth[row]) for row in free]
        best = int(np.argmax(overlaps)) if overlaps else -1
        hit = best >= 0 and overlaps[best] >= min_iou
        if hit:
            taken.add(free[best])
        hits.append(hit)
    return _interpolated_ap(np.array(hits, bool), len(truth))


def _interpolated_ap(hits: np.ndarray, num_truth: int) -> float:
    """Return the mean over 101 recalls of the best precision at that recall or a higher one."""
    found = np.cumsum(hits)
    recall = found / num_truth
    precision = found / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.append(best, 0.0)[place].mean())
