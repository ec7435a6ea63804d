# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which boxes count in the KITTI tracking benchmark, in the image and in space.

Objects of a neighbouring class, mostly hidden or cut off by the edge of the image are neither to be
found nor wrong to find; nor is anything small or inside of a region that nobody labelled. In the
image this is the protocol of the benchmark, to the digit of TrackEval's; in space it is the same
with the IoU of volumes.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.association_scores import AssociationFrame
from unsup_track_ros.geometry.box_iou import iou_3d, rectangle_iou
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.tracked_boxes import TrackedBoxes

SCORED_CLASSES: Final = ("Car", "Pedestrian")
_NEIGHBOURS: Final = {"Car": "Van", "Pedestrian": "Person"}
_REGION: Final = "DontCare"
_MAX_OCCLUSION, _MAX_TRUNCATION = 2, 0
_MIN_HEIGHT_PX: Final = 25.0
_MIN_SHARE_IN_REGION: Final = 0.5
_EPS: Final = np.finfo(float).eps


class Space(enum.Enum):
    """Where overlap is measured."""

    IMAGE = "2d"
    VOLUME = "3d"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuledFrame:
    """What a frame holds of one class, before anything is left out.

    Attributes:
        truth_ids: (M,) objects of the class and of its neighbour.
        counts: (M,) whether an object is to be found.
        track_ids: (N,) answers of the class.
        excused: (N,) whether an answer that matches nothing is not wrong.
        similarity: (M, N) IoU.
    """

    truth_ids: Int64[np.ndarray, " M"]
    counts: Bool[np.ndarray, " M"]
    track_ids: Int64[np.ndarray, " N"]
    excused: Bool[np.ndarray, " N"]
    similarity: Float64[np.ndarray, "M N"]

    def with_tracks(self, kept: Bool[np.ndarray, " N"]) -> RuledFrame:
        """Return the frame as if only these answers had been given."""
        return RuledFrame(
            truth_ids=self.truth_ids,
            counts=self.counts,
            track_ids=self.track_ids[kept],
            excused=self.excused[kept],
            similarity=self.similarity[:, kept],
        )

    def counted(self, min_similarity: float) -> AssociationFrame:
        """Leave out what does not count, answers that match what does not count among it."""
        possible = np.where(self.similarity >= min_similarity - _EPS, self.similarity, 0.0)
        rows, columns = linear_sum_assignment(possible, maximize=True)
        real = possible[rows, columns] > 0
        rows, columns = rows[real], columns[real]
        kept = ~self.excused
        kept[columns] = self.counts[rows]
        return AssociationFrame(
            truth_ids=self.truth_ids[self.counts],
            track_ids=self.track_ids[kept],
            similarity=self.similarity[np.ix_(self.counts, kept)],
        )


def ruled_sequence(
    truth: TrackedBoxes, answer: TrackedBoxes, class_name: str, space: Space
) -> list[RuledFrame]:
    """Return every frame of a sequence.

    Raises:
        DataError: The class is none that the benchmark scores.
    """
    if class_name not in SCORED_CLASSES:
        raise DataError(f"The benchmark scores {' and '.join(SCORED_CLASSES)}, got '{class_name}'.")
    last = max([-1, *truth.frames.tolist(), *answer.frames.tolist()])
    answer = answer.rows(answer.classes == class_name)
    regions = truth.rows(truth.classes == _REGION)
    truth = truth.rows(np.isin(truth.classes, [class_name, _NEIGHBOURS[class_name]]))
    edges = np.arange(last + 2)
    parts = zip(
        *(_frame_slices(boxes.frames, edges) for boxes in (truth, answer, regions)), strict=True
    )
    counts = truth.classes == class_name
    counts &= (truth.occlusion <= _MAX_OCCLUSION) & (truth.truncation <= _MAX_TRUNCATION)
    return [
        RuledFrame(
            truth_ids=truth.ids[objects],
            counts=counts[objects],
            track_ids=answer.ids[tracks],
            excused=_excused(answer.boxes_pix[tracks], regions.boxes_pix[areas]),
            similarity=_similarity(truth, answer, objects, tracks, space),
        )
        for objects, tracks, areas in parts
    ]


def counted_sequence(frames: Sequence[RuledFrame], min_similarity: float) -> list[AssociationFrame]:
    """Return what counts of every frame."""
    return [frame.counted(min_similarity) for frame in frames]


def _frame_slices(frames: Int64[np.ndarray, " K"], edges: Int64[np.ndarray, " E"]) -> list[slice]:
    start = np.searchsorted(frames, edges)
    return [slice(low, high) for low, high in itertools.pairwise(start)]


def _similarity(
    truth: TrackedBoxes, answer: TrackedBoxes, objects: slice, tracks: slice, space: Space
) -> Float64[np.ndarray, "M N"]:
    if space is Space.IMAGE:
        return rectangle_iou(truth.boxes_pix[objects], answer.boxes_pix[tracks])
    return iou_3d(truth.boxes[objects], answer.boxes[tracks])


def _excused(
    boxes_pix: Float64[np.ndarray, "N 4"], regions_pix: Float64[np.ndarray, "R 4"]
) -> Bool[np.ndarray, " N"]:
    """Tell which answers are too small to be wrong, or lie in a region that nobody labelled."""
    width, height = (boxes_pix[:, 2:] - boxes_pix[:, :2]).T
    low = np.maximum(boxes_pix[:, None, :2], regions_pix[None, :, :2])
    high = np.minimum(boxes_pix[:, None, 2:], regions_pix[None, :, 2:])
    shared = np.maximum(high - low, 0.0).prod(axis=-1)
    share = shared / np.maximum(width * height, _EPS)[:, None]
    in_region = (share > _MIN_SHARE_IN_REGION + _EPS).any(axis=1)
    return np.asarray((height <= _MIN_HEIGHT_PX + _EPS) | in_region)
