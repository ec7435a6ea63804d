# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Occupancy segmentation and tracking quality (TrackOcc), as published and corrected.

    OccSQ  = mean IoU of the classes that are scored, from one confusion matrix of all frames
    OccAQ  = 1/T sum_g 1/|g| sum_p TPA(p, g) IoU_A(p, g),  IoU_A = TPA / (|p| + |g| - TPA)
    OccSTQ = sqrt(OccAQ OccSQ)

g is a true tube (sequence, class, id), p a predicted identity of the same sequence, |.| voxels over
the sequence, TPA those that both share whatever the class predicted. This is STQ (Weber et al.,
2021, eq. 3 to 6) on visible voxels, with two divergences in the released evaluation of TrackOcc
that `official` repeats and `corrected` does not:

* What is predicted where nothing is costs nothing, for columns of free space are dropped.
  Corrected: voxels of free space count in the IoU and in |p|; only ignored classes are left out.
* Identities equal to 1, true or predicted, are left out of the sizes. As published a tube of that
  identity then has no size, so here it is no tube, and a prediction of that identity scores none.

Both count a tube in a frame only where it has more than two voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.metric import Metric, count, measured, not_available
from unsup_track_ros.shapes import Bool, Float64, Int64, Shaped
from unsup_track_ros.structures.voxel_scene import (
    NO_INSTANCE,
    PanopticPrediction,
    VoxelClasses,
    VoxelLabels,
)

Variant = Literal["official", "corrected"]
_SKIPPED_ID = 1
_IDS = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class OccStqRules:
    """What is counted.

    Attributes:
        variant: "official" repeats the released evaluation, "corrected" does not.
        min_voxels: Fewest voxels of a true tube in a frame in which it counts.
        crowd: Identity of true voxels of a thing that are not told apart: they make no tube, and
            what is predicted there belongs to none.
    """

    variant: Variant = "corrected"
    min_voxels: int = 3
    crowd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OccStqScores:
    """Scores over all sequences; None where there is nothing to score.

    Attributes:
        stq: sqrt(aq sq).
        aq: Association quality.
        sq: Segmentation quality.
        ious: IoU of each scored class that occurs, by name.
        num_tubes: True tubes.
    """

    stq: float | None
    aq: float | None
    sq: float | None
    ious: dict[str, float]
    num_tubes: int

    def metrics(self, prefix: str) -> tuple[Metric, ...]:
        """Return them as numbers of a report."""
        named = (("stq", self.stq), ("aq", self.aq), ("sq", self.sq))
        return (
            *(
                not_available(f"{prefix}.{name}", "nothing true to score")
                if value is None
                else measured(f"{prefix}.{name}", value)
                for name, value in named
            ),
            count(f"{prefix}.tubes", self.num_tubes),
        )


@dataclass(slots=True, eq=False)
class _Sequence:
    """Voxels of one sequence so far, by true tube, by predicted identity and by both."""

    tubes: dict[int, int] = field(default_factory=dict)
    predicted: dict[int, int] = field(default_factory=dict)
    shared: dict[tuple[int, int], int] = field(default_factory=dict)


class OccStq:
    """Adds frames up; keeps counts only, whatever the number of frames.

    Args:
        classes: Vocabulary of truth and answer.
        rules: What is counted.
    """

    def __init__(self, classes: VoxelClasses, rules: OccStqRules | None = None) -> None:
        self._classes = classes
        self._rules = rules or OccStqRules()
        self._confusion = np.zeros((len(classes), len(classes)), np.int64)
        self._sequences: dict[str, _Sequence] = {}

    def add(self, sequence: str, truth: VoxelLabels, answer: PanopticPrediction) -> None:
        """Count one frame of a sequence.

        Raises:
            DataError: Truth and answer are of different stamps or grids.
        """
        if truth.stamp_ns != answer.stamp_ns or truth.grid != answer.grid:
            raise DataError(
                f"An answer must be of the stamp and grid of its truth, got {answer.stamp_ns} ns "
                f"and {answer.grid.shape_zyx} for {truth.stamp_ns} ns and {truth.grid.shape_zyx}."
            )
        self.add_voxels(
            sequence,
            (truth.semantics[truth.visible], truth.instances[truth.visible]),
            (answer.semantics[truth.visible], answer.instances[truth.visible]),
        )

    def add_voxels(
        self,
        sequence: str,
        truth: tuple[Shaped[np.ndarray, " P"], Shaped[np.ndarray, " P"]],
        answer: tuple[Shaped[np.ndarray, " P"], Shaped[np.ndarray, " P"]],
    ) -> None:
        """Count voxels (or pixels) of one frame, given as classes and identities."""
        classes = self._classes
        true_class, true_id, said_class, said_id = (
            np.asarray(values).ravel().astype(np.int64) for values in (*truth, *answer)
        )
        left_out = [*classes.ignored]
        if self._rules.variant == "official":
            left_out.append(classes.free)
        kept = ~np.isin(true_class, left_out)
        true_class, true_id = true_class[kept], true_id[kept]
        said_class, said_id = said_class[kept], said_id[kept]
        num = len(classes)
        pairs = np.bincount(true_class * num + said_class, minlength=num * num)
        self._confusion += pairs.reshape(num, num)
        counted = self._sequences.setdefault(sequence, _Sequence())
        tube = self._tubes(true_class, true_id)
        said = np.where(np.isin(said_class, classes.things) & (said_id > 0), said_id, NO_INSTANCE)
        if self._rules.variant == "official":
            said[said == _SKIPPED_ID] = NO_INSTANCE
        if self._rules.crowd is not None:
            said[true_id == self._rules.crowd] = NO_INSTANCE
        _count_into(counted.tubes, tube[tube >= 0])
        _count_into(counted.predicted, said[said != NO_INSTANCE])
        both = (tube >= 0) & (said != NO_INSTANCE)
        _count_pairs_into(counted.shared, tube[both], said[both])

    def _tubes(
        self, true_class: Int64[np.ndarray, " P"], true_id: Int64[np.ndarray, " P"]
    ) -> Int64[np.ndarray, " P"]:
        """Return the tube of every voxel, -1 for none."""
        is_thing: Bool[np.ndarray, " P"] = np.isin(true_class, self._classes.things)
        is_thing &= true_id != NO_INSTANCE
        if self._rules.crowd is not None:
            is_thing &= true_id != self._rules.crowd
        if self._rules.variant == "official":
            is_thing &= true_id != _SKIPPED_ID
        tube = np.where(is_thing, true_class * _IDS + true_id, -1)
        _, row, num = np.unique(tube, return_inverse=True, return_counts=True)
        return np.where(num[row] >= self._rules.min_voxels, tube, -1)

    def scores(self) -> OccStqScores:
        """Return the scores of everything added so far."""
        ious = self._ious()
        qualities = [q for s in self._sequences.values() for q in _association_qualities(s)]
        aq = float(np.mean(qualities)) if qualities else None
        sq = float(np.mean(list(ious.values()))) if ious else None
        stq = None if aq is None or sq is None else float(np.sqrt(aq * sq))
        return OccStqScores(stq=stq, aq=aq, sq=sq, ious=ious, num_tubes=len(qualities))

    def _ious(self) -> dict[str, float]:
        """Return the IoU of each scored class that is true or claimed anywhere."""
        confusion, classes = self._confusion, self._classes
        hits: Float64[np.ndarray, " K"] = np.diag(confusion).astype(np.float64)
        union = confusion.sum(0) + confusion.sum(1) - hits
        scored = [k for k in range(len(classes)) if k not in (classes.free, *classes.ignored)]
        return {classes.names[k]: float(hits[k] / union[k]) for k in scored if union[k] > 0}


def _association_qualities(sequence: _Sequence) -> list[float]:
    quality = dict.fromkeys(sequence.tubes, 0.0)
    for (tube, said), shared in sequence.shared.items():
        union = sequence.tubes[tube] + sequence.predicted[said] - shared
        quality[tube] += shared * shared / union
    return [quality[tube] / size for tube, size in sequence.tubes.items()]


def _count_into(counts: dict[int, int], values: Int64[np.ndarray, " P"]) -> None:
    keys, nums = np.unique(values, return_counts=True)
    for key, num in zip(keys.tolist(), nums.tolist(), strict=True):
        counts[key] = counts.get(key, 0) + num


def _count_pairs_into(
    counts: dict[tuple[int, int], int],
    first: Int64[np.ndarray, " P"],
    second: Int64[np.ndarray, " P"],
) -> None:
    keys, nums = np.unique(np.stack([first, second]), axis=1, return_counts=True)
    for a, b, num in zip(*keys.tolist(), nums.tolist(), strict=True):
        counts[a, b] = counts.get((a, b), 0) + num
