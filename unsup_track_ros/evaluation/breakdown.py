# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where moving objects are lost, and what the wrong boxes are: counts by stage and by circumstance.

An object passes four stages: enough of its points are *marked* as moving, some detection *touches*
it, a detection is *matched* at the operating IoU, a confirmed track is *tracked* on it. Counted for
each frame and moving object, over all and by class, range, number of points, speed, and time since
the object came into view. All are counts, so that recordings add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.evaluation.answers import Answer, answered_boxes
from unsup_track_ros.evaluation.average_precision import FALSE_POSITIVE, match_greedily
from unsup_track_ros.evaluation.detection import DetectionEvaluationConfig
from unsup_track_ros.evaluation.metric import Metric, Pooling, count, not_available
from unsup_track_ros.evaluation.motion import MotionEvaluationConfig, marked_objects
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.evaluation.selection import (
    Protocol,
    ScoredBoxes,
    View,
    overlap,
    select_boxes,
)
from unsup_track_ros.shapes import Bool, Float64, Int64, Shaped

STAGES = ("objects", "marked", "touched", "matched", "tracked")
# Why a box is wrong: it lies on a moving object but badly, on one that has its box, or on none.
MISTAKES = ("poor_overlap", "duplicate", "no_object")
# Lower edges; the last class has no upper one.
RANGE_EDGES_M = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0)
POINT_EDGES = (0.0, 5.0, 10.0, 20.0, 50.0, 100.0, 300.0)
SPEED_EDGES_MPS = (0.0, 1.0, 2.0, 5.0, 10.0)
VIEWED_EDGES_S = (0.0, 0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _MovingObjects:
    """Moving truth objects of all frames: where each got to and under which circumstances."""

    stages: Bool[np.ndarray, "K 4"]
    classes: Shaped[np.ndarray, " K"]
    range_m: Float64[np.ndarray, " K"]
    num_points: Float64[np.ndarray, " K"]
    speed_mps: Float64[np.ndarray, " K"]
    viewed_s: Float64[np.ndarray, " K"]


def evaluate_breakdown(
    pairs: Sequence[LabelledTruth],
    detection: DetectionEvaluationConfig,
    motion: MotionEvaluationConfig,
) -> tuple[Metric, ...]:
    """Count objects by stage and wrong boxes by kind, metrics `breakdown.<group>.<stage>`.

    Groups without an object are left out, except `all`.

    Args:
        pairs: Labels and truths of one recording, in the order of time.
        detection: Which boxes are scored (within range, all around, BEV) and when they match.
        motion: When an object counts as marked.
    """
    if not pairs or any(pair.truth.moving is None for pair in pairs):
        reason = "the truth does not say what moves" if pairs else "no frame with label and truth"
        keys = [f"breakdown.all.{stage}" for stage in STAGES]
        keys += [f"breakdown.wrong.{a.value}.{mistake}" for a in Answer for mistake in MISTAKES]
        return tuple(not_available(key, reason, pooling=Pooling.SUM) for key in keys)
    answers = {answer: _Matched.of(pairs, answer, detection) for answer in Answer}
    objects = _moving_objects(pairs, answers, motion)
    return (*_group_metrics(objects), *_mistake_metrics(answers))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Matched:
    """One kind of answer of all frames against the moving objects.

    Per frame: (M,) rows of the truth that count as moving, touched and matched; and the mistakes.
    """

    wanted: tuple[Bool[np.ndarray, " _"], ...]
    touched: tuple[Bool[np.ndarray, " _"], ...]
    matched: tuple[Bool[np.ndarray, " _"], ...]
    mistakes: Int64[np.ndarray, " 3"]

    @classmethod
    def of(
        cls, pairs: Sequence[LabelledTruth], answer: Answer, config: DetectionEvaluationConfig
    ) -> _Matched:
        wanted, touched, matched = [], [], []
        mistakes = np.zeros(len(MISTAKES), np.int64)
        for pair in pairs:
            boxes = select_boxes(
                pair,
                answered_boxes(pair.label, answer, movers_only=True),
                Protocol.RANGE,
                config.selection,
            )
            frame = _match_frame(boxes, config)
            wanted.append(_of_all(boxes, frame.wanted))
            touched.append(_of_all(boxes, frame.touched))
            matched.append(_of_all(boxes, frame.matched))
            mistakes += frame.mistakes
        return cls(
            wanted=tuple(wanted),
            touched=tuple(touched),
            matched=tuple(matched),
            mistakes=mistakes,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FrameOutcome:
    wanted: Bool[np.ndarray, " M"]
    touched: Bool[np.ndarray, " M"]
    matched: Bool[np.ndarray, " M"]
    mistakes: Int64[np.ndarray, " 3"]


def _match_frame(boxes: ScoredBoxes, config: DetectionEvaluationConfig) -> _FrameOutcome:
    moving = boxes.pair.truth.moving
    assert moving is not None  # `evaluate_breakdown` has seen to it
    wanted = boxes.counts & moving[boxes.truth_rows]
    iou = overlap(boxes, View.BEV)
    threshold = np.array([config.operating_iou])
    matches = match_greedily(iou, boxes.scores, wanted, threshold, config.ignored_overlap_iou)
    matched = np.zeros(len(wanted), bool)
    matched[matches.pairs[1]] = True
    wrong = matches.rows[matches.outcomes[0] == FALSE_POSITIVE]
    best = iou[wrong][:, wanted].max(axis=1, initial=0.0)
    duplicate = best >= config.operating_iou
    poor = ~duplicate & (best >= config.ignored_overlap_iou)
    return _FrameOutcome(
        wanted=wanted,
        touched=np.asarray((iou >= config.ignored_overlap_iou).any(axis=0)),
        matched=matched,
        mistakes=np.array([poor.sum(), duplicate.sum(), (~duplicate & ~poor).sum()], np.int64),
    )


def _of_all(boxes: ScoredBoxes, values: Bool[np.ndarray, " M"]) -> Bool[np.ndarray, " K"]:
    """Spread values of the selected truth objects over all of the frame."""
    spread = np.zeros(len(boxes.truth_rows), bool)
    spread[boxes.truth_rows] = values
    return spread


def _moving_objects(
    pairs: Sequence[LabelledTruth],
    answers: dict[Answer, _Matched],
    motion: MotionEvaluationConfig,
) -> _MovingObjects:
    detected, tracked = answers[Answer.DETECTIONS], answers[Answer.TRACKS]
    first_seen_ns: dict[int, int] = {}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in _MovingObjects.__slots__}
    for index, pair in enumerate(pairs):
        truth, wanted = pair.truth, detected.wanted[index]
        stages = (
            marked_objects(pair, motion),
            detected.touched[index],
            detected.matched[index],
            tracked.matched[index],
        )
        rows["stages"].append(np.stack(stages, axis=1)[wanted])
        rows["classes"].append(np.array(truth.classes, np.str_)[wanted])
        rows["range_m"].append(np.hypot(*truth.boxes_velo[wanted, :2].T))
        rows["num_points"].append(_or_unknown(truth.num_points, wanted))
        speeds = truth.velocities_velo
        norms = None if speeds is None else np.linalg.norm(speeds, axis=1)
        rows["speed_mps"].append(_or_unknown(norms, wanted))
        in_view = wanted if truth.num_points is None else truth.num_points > 0
        rows["viewed_s"].append(_viewed_s(pair, in_view, first_seen_ns)[wanted])
    return _MovingObjects(**{name: np.concatenate(parts) for name, parts in rows.items()})


def _or_unknown(
    values: Shaped[np.ndarray, " M"] | None, wanted: Bool[np.ndarray, " M"]
) -> Float64[np.ndarray, " _"]:
    if values is None:
        return np.full(int(wanted.sum()), np.nan)
    return np.asarray(values[wanted], np.float64)


def _viewed_s(
    pair: LabelledTruth, in_view: Bool[np.ndarray, " M"], first_seen_ns: dict[int, int]
) -> Float64[np.ndarray, " M"]:
    """Return the time since each object was first hit; nan where the truth has no identities."""
    stamp_ns, ids = pair.truth.stamp_ns, pair.truth.ids
    for identity in ids[in_view & (ids >= 0)].tolist():
        first_seen_ns.setdefault(identity, stamp_ns)
    since = [stamp_ns - first_seen_ns.get(identity, stamp_ns) for identity in ids.tolist()]
    return np.where(ids >= 0, np.array(since, np.float64) / 1e9, np.nan)


def _group_metrics(objects: _MovingObjects) -> list[Metric]:
    everyone = np.ones(len(objects.stages), bool)
    metrics = _stage_counts("all", objects, everyone)
    for name in np.unique(objects.classes):
        metrics += _stage_counts(f"class.{name}", objects, objects.classes == name)
    for group, values, edges, unit in (
        ("range", objects.range_m, RANGE_EDGES_M, "m"),
        ("points", objects.num_points, POINT_EDGES, ""),
        ("speed", objects.speed_mps, SPEED_EDGES_MPS, "mps"),
        ("in_view", objects.viewed_s, VIEWED_EDGES_S, "s"),
    ):
        for low, high in zip(edges, (*edges[1:], np.inf), strict=True):
            name = f"{low:g}_to_{high:g}{unit}" if high < np.inf else f"from_{low:g}{unit}"
            within = (values >= low) & (values < high)
            metrics += _stage_counts(f"{group}.{name}", objects, within)
    return metrics


def _stage_counts(
    group: str, objects: _MovingObjects, within: Bool[np.ndarray, " K"]
) -> list[Metric]:
    if not within.any() and group != "all":
        return []
    numbers = (int(within.sum()), *objects.stages[within].sum(axis=0).tolist())
    return [
        count(f"breakdown.{group}.{stage}", number)
        for stage, number in zip(STAGES, numbers, strict=True)
    ]


def _mistake_metrics(answers: dict[Answer, _Matched]) -> list[Metric]:
    return [
        count(f"breakdown.wrong.{answer.value}.{name}", int(number))
        for answer, matched in answers.items()
        for name, number in zip(MISTAKES, matched.mistakes, strict=True)
    ]
