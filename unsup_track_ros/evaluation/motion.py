# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How well moving points, pixels and objects are told from standing ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.metric import Metric, Pooling, count, not_available, ratio
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.shapes import Bool
from unsup_track_ros.structures.motion import MotionStatus
from unsup_track_ros.structures.tracks import TrackState


class MotionEvaluationConfig(Config):
    """Scoring of the motion masks."""

    min_marked_share: float = parameter(
        0.2,
        "Share of its points that must be marked for a moving object to count as found.",
        gt=0,
        le=1,
    )
    min_object_points: int = parameter(
        5, "Moving objects with fewer points are left out of the object recall.", ge=1
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Masks:
    """Answer and truth of one frame, flat."""

    marked: Bool[np.ndarray, " E"]
    judged: Bool[np.ndarray, " E"]
    moving: Bool[np.ndarray, " E"]


def evaluate_motion(
    pairs: Sequence[LabelledTruth], config: MotionEvaluationConfig
) -> tuple[Metric, ...]:
    """Score the masks, pooled over frames, metrics `motion.<points|pixels>.<judged|all>.<what>`.

    `judged` counts the elements for which the segmentation had evidence either way, `all` every
    one: there an element without evidence is an answer "stands". Frames in which nothing was judged
    have empty masks and enter `all` the same way.
    """
    return (
        *_mask_metrics("motion.points", [_point_masks(pair) for pair in pairs]),
        *_mask_metrics("motion.pixels", [_pixel_masks(pair) for pair in pairs]),
        *_object_recall(pairs, config),
        *_false_objects(pairs),
    )


def _point_masks(pair: LabelledTruth) -> _Masks | None:
    motion, moving = pair.label.motion, pair.truth.moving_points
    if moving is None:
        return None
    if motion.status is not MotionStatus.OK:
        nothing = np.zeros(len(moving), bool)
        return _Masks(marked=nothing, judged=nothing, moving=moving)
    _check_size(pair, len(moving))
    return _Masks(marked=motion.moving_points, judged=motion.judged_points, moving=moving)


def _check_size(pair: LabelledTruth, num_points: int) -> None:
    num_judged = len(pair.label.motion.moving_points)
    if num_judged != num_points:
        raise DataError(
            f"The motion mask of the scan at {pair.label.stamp_ns} ns must have one value per "
            f"point of the truth, expected {num_points}, got {num_judged}. Score labels and truth "
            "of the same recording, read with the same filters."
        )


def _pixel_masks(pair: LabelledTruth) -> _Masks | None:
    motion, moving = pair.label.motion, pair.truth.moving_pixels
    if moving is None:
        return None
    if motion.moving_pixels is None or motion.judged_pixels is None:
        nothing = np.zeros(moving.size, bool)
        return _Masks(marked=nothing, judged=nothing, moving=moving.ravel())
    # The truth is sampled at the centres of the working resolution's pixels.
    height, width = motion.moving_pixels.shape
    rows = ((np.arange(height) + 0.5) * moving.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * moving.shape[1] / width).astype(np.int64)
    return _Masks(
        marked=motion.moving_pixels.ravel(),
        judged=motion.judged_pixels.ravel(),
        moving=moving[np.ix_(rows, columns)].ravel(),
    )


def _mask_metrics(prefix: str, masks: Sequence[_Masks | None]) -> list[Metric]:
    known = [mask for mask in masks if mask is not None]
    if not known:
        names = [
            f"{part}.{what}"
            for part in ("judged", "all")
            for what in ("precision", "recall", "iou")
        ]
        return [
            not_available(f"{prefix}.{name}", "the truth has no mask")
            for name in (*names, "judged_share")
        ]
    num_judged = sum(int(mask.judged.sum()) for mask in known)
    return [
        *_overlap_metrics(f"{prefix}.judged", known, judged_only=True),
        *_overlap_metrics(f"{prefix}.all", known, judged_only=False),
        ratio(
            f"{prefix}.judged_share",
            num_judged,
            sum(mask.judged.size for mask in known),
            "nothing to judge",
        ),
    ]


def _overlap_metrics(prefix: str, masks: Sequence[_Masks], *, judged_only: bool) -> list[Metric]:
    hits = false_alarms = misses = 0
    for mask in masks:
        within = mask.judged if judged_only else np.ones(mask.judged.shape, bool)
        hits += int((mask.marked & mask.moving & within).sum())
        false_alarms += int((mask.marked & ~mask.moving & within).sum())
        misses += int((~mask.marked & mask.moving & within).sum())
    return [
        ratio(f"{prefix}.precision", hits, hits + false_alarms, "nothing was marked as moving"),
        ratio(f"{prefix}.recall", hits, hits + misses, "nothing moves"),
        ratio(
            f"{prefix}.iou",
            hits,
            hits + false_alarms + misses,
            "nothing moves and nothing was marked",
        ),
    ]


def marked_objects(pair: LabelledTruth, config: MotionEvaluationConfig) -> Bool[np.ndarray, " N"]:
    """Tell for which truth objects enough of the points are marked as moving.

    False everywhere where the truth does not say which object a point lies on.
    """
    rows, num_objects = pair.truth.point_objects, len(pair.truth.ids)
    motion = pair.label.motion
    if rows is None or motion.status is not MotionStatus.OK:
        return np.zeros(num_objects, bool)
    _check_size(pair, len(rows))
    num_points = np.bincount(rows[rows >= 0], minlength=num_objects)
    num_marked = np.bincount(rows[(rows >= 0) & motion.moving_points], minlength=num_objects)
    needed = config.min_marked_share * num_points
    return np.asarray((num_marked >= needed) & (num_points > 0))


def _object_recall(pairs: Sequence[LabelledTruth], config: MotionEvaluationConfig) -> list[Metric]:
    """Count moving objects with enough of their points marked."""
    found = expected = 0
    known = False
    for pair in pairs:
        truth = pair.truth
        if truth.point_objects is None or truth.moving is None:
            continue
        known = True
        rows = truth.point_objects
        num_points = np.bincount(rows[rows >= 0], minlength=len(truth.moving))
        counting = truth.moving & (num_points >= config.min_object_points)
        expected += int(counting.sum())
        found += int((counting & marked_objects(pair, config)).sum())
    key, count_key = "motion.objects.recall", "motion.objects.moving"
    if not known:
        reason = "the truth does not say which object a point lies on"
        return [not_available(key, reason), not_available(count_key, reason, pooling=Pooling.SUM)]
    return [ratio(key, found, expected, "nothing moves"), count(count_key, expected)]


def _false_objects(pairs: Sequence[LabelledTruth]) -> list[Metric]:
    """Count what is claimed to move where nothing does: frames, and whole static worlds."""
    known = [pair for pair in pairs if pair.truth.moving is not None]
    still = [pair for pair in known if not _anything_moves(pair)]
    keys = (
        "motion.static_world.detections",
        "motion.static_world.tracks",
        "motion.static_world.points",
    )
    if not known or len(still) < len(pairs):
        reason = (
            "the truth does not say what moves"
            if len(known) < len(pairs)
            else "the world is not static"
        )
        reason = reason if pairs else "no frame with label and truth"
        return [not_available(key, reason, pooling=Pooling.SUM) for key in keys]
    confirmed = [
        pair.label.tracks.ids[pair.label.tracks.states != TrackState.TENTATIVE] for pair in still
    ]
    return [
        count(keys[0], sum(len(pair.label.detections) for pair in still)),
        count(keys[1], len(np.unique(np.concatenate(confirmed)))),
        count(keys[2], sum(int(pair.label.motion.moving_points.sum()) for pair in still)),
    ]


def _anything_moves(pair: LabelledTruth) -> bool:
    truth = pair.truth
    return any(
        mask is not None and bool(mask.any())
        for mask in (truth.moving, truth.moving_points, truth.moving_pixels)
    )
