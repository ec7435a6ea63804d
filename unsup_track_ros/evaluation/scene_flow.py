# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""End-point error of scene flow, three-way as in Argoverse 2.

Averaging over all points would reward whoever says that nothing moves, since little does. The
three-way error (Chodosh et al., "Re-Evaluating LiDAR Scene Flow", WACV 2024) is therefore the mean
of three means: moving foreground, static foreground, static background. Foreground is what lies on
an object that people would label; moving is what moves by itself by over 0.05 m in the 0.1 s
between two sweeps. Argoverse 2 measures total flow; flow with the sensor held still has the same
errors as long as both sides mean the same egomotion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.metric import Metric, measured, not_available, ratio
from unsup_track_ros.evaluation.pairing import LabelledTruth
from unsup_track_ros.shapes import Bool, Float, Float64

PARTS = ("moving_foreground", "static_foreground", "static_background")
MEANS = ("three_way", "mean")
# Of a single scan, whose successor nobody knows.
SWEEP_PERIOD_S = 0.1


class SceneFlowEvaluationConfig(Config):
    """Scoring of per-point velocities."""

    min_moving_mps: float = parameter(
        0.5, "Points faster than this move: 0.05 m in the 0.1 s of a sweep.", unit="m/s", gt=0
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowErrors:
    """End-point errors of one or more frames, by part; sums, so that frames add up.

    Attributes:
        sums_m: (3,) sum of the errors of the points of each of `PARTS`.
        counts: (3,) points of each.
    """

    sums_m: Float64[np.ndarray, " 3"]
    counts: Float64[np.ndarray, " 3"]

    @classmethod
    def of(
        cls,
        flow: Float[np.ndarray, "P 3"],
        true_flow: Float[np.ndarray, "P 3"],
        moving: Bool[np.ndarray, " P"],
        foreground: Bool[np.ndarray, " P"],
    ) -> FlowErrors:
        """Measure the flow of the points that take part.

        Moving points count as foreground wherever they lie: Argoverse 2 has no others.

        Args:
            flow: Claimed displacement, in the same frame as `true_flow` (m).
            true_flow: True displacement (m).
            moving: Points that move by themselves.
            foreground: Points on objects.
        """
        error_m = np.linalg.norm(np.asarray(flow, np.float64) - true_flow, axis=1)
        part = np.where(moving, 0, np.where(foreground, 1, 2))
        return cls(
            sums_m=np.bincount(part, error_m, minlength=3),
            counts=np.bincount(part, minlength=3).astype(np.float64),
        )

    def __add__(self, other: FlowErrors) -> FlowErrors:
        """Pool the points of both."""
        return FlowErrors(sums_m=self.sums_m + other.sums_m, counts=self.counts + other.counts)

    @property
    def part_means_m(self) -> Float64[np.ndarray, " 3"]:
        """Mean error of each part, nan where it has no point."""
        means = np.full(3, np.nan)
        np.divide(self.sums_m, self.counts, out=means, where=self.counts > 0)
        return means

    @property
    def three_way_m(self) -> float:
        """Mean of the three means, nan where a part has no point."""
        return float(self.part_means_m.mean())

    @property
    def mean_m(self) -> float:
        """Mean error of all points, nan where there is none."""
        total = self.counts.sum()
        return float(self.sums_m.sum() / total) if total else float("nan")


NO_ERRORS = FlowErrors(sums_m=np.zeros(3), counts=np.zeros(3))


def evaluate_scene_flow(
    pairs: Sequence[LabelledTruth], config: SceneFlowEvaluationConfig
) -> tuple[Metric, ...]:
    """Score the velocities of the points against the true flow, `scene_flow.<answer>.<what>`.

    The answer `ours` moves each point by its velocity until the next scan; a point without a
    velocity stands. Beside it `nothing_moves` lets all stand. Both with the sensor held still, as
    errors of the egomotion are scored elsewhere; ground is left out where the truth knows it, as in
    the Argoverse 2 challenge. Its bounds, 50 m ahead and aside, are the caller's: labels and truths
    hold no coordinates.
    """
    scored = [pair for pair in pairs if _has_flow(pair)]
    reason = _missing_reason(pairs, scored)
    periods_s = _periods_s([pair.truth.stamp_ns for pair in pairs])
    ours, nothing_moves = NO_ERRORS, NO_ERRORS
    num_moving = num_known = 0
    for pair in scored:
        frame = _flow_frame(pair, periods_s[pair.truth.stamp_ns], config)
        rest = (frame.true_flow, frame.moving, frame.foreground)
        ours = ours + FlowErrors.of(frame.flow, *rest)
        nothing_moves = nothing_moves + FlowErrors.of(np.zeros_like(frame.flow), *rest)
        num_moving += int(frame.moving.sum())
        num_known += int((frame.moving & frame.known).sum())
    return (
        *flow_metrics("scene_flow.ours", ours, reason),
        *flow_metrics("scene_flow.nothing_moves", nothing_moves, reason),
        ratio("scene_flow.known_share", num_known, num_moving, reason or "nothing moves"),
    )


def flow_metrics(prefix: str, errors: FlowErrors, reason: str = "") -> list[Metric]:
    """Write errors as metrics; `reason` says why there are none at all."""
    values = (*errors.part_means_m.tolist(), errors.three_way_m, errors.mean_m)
    return [
        measured(f"{prefix}.{name}", value, "m")
        if math.isfinite(value)
        else not_available(f"{prefix}.{name}", reason or "there is no point of this part", "m")
        for name, value in zip((*PARTS, *MEANS), values, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FlowFrame:
    """The points of one frame that take part; flow with the sensor held still."""

    flow: Float64[np.ndarray, "P 3"]
    true_flow: Float64[np.ndarray, "P 3"]
    known: Bool[np.ndarray, " P"]
    moving: Bool[np.ndarray, " P"]
    foreground: Bool[np.ndarray, " P"]


def _flow_frame(
    pair: LabelledTruth, period_s: float, config: SceneFlowEvaluationConfig
) -> _FlowFrame:
    truth, velocity_velo = pair.truth, pair.label.motion.velocity_velo
    assert velocity_velo is not None  # `_has_flow` has seen to it
    assert truth.flow_points_velo is not None
    assert truth.point_objects is not None
    if len(velocity_velo) != len(truth.flow_points_velo):
        raise DataError(
            f"The velocities of the scan at {truth.stamp_ns} ns must have one row per point of the "
            f"truth, expected {len(truth.flow_points_velo)}, got {len(velocity_velo)}. Score "
            "labels and truth of the same recording, read with the same filters."
        )
    everything = np.ones(len(velocity_velo), bool)
    rows = everything if truth.ground_points is None else ~truth.ground_points
    true_flow = np.asarray(truth.flow_points_velo[rows], np.float64)
    velocity = np.asarray(velocity_velo[rows], np.float64)
    known = np.asarray(np.isfinite(velocity).all(axis=1))
    return _FlowFrame(
        flow=np.where(known[:, None], velocity, 0.0) * period_s,
        true_flow=true_flow,
        known=known,
        moving=np.linalg.norm(true_flow, axis=1) > config.min_moving_mps * period_s,
        foreground=truth.point_objects[rows] >= 0,
    )


def _has_flow(pair: LabelledTruth) -> bool:
    has_truth = pair.truth.flow_points_velo is not None and pair.truth.point_objects is not None
    return has_truth and pair.label.motion.velocity_velo is not None


def _missing_reason(pairs: Sequence[LabelledTruth], scored: Sequence[LabelledTruth]) -> str:
    if scored:
        return ""
    if not pairs:
        return "no frame with label and truth"
    if all(pair.truth.flow_points_velo is None for pair in pairs):
        return "the truth has no flow of the points"
    return "the labels keep no velocities of the points"


def _periods_s(stamps_ns: Sequence[int]) -> dict[int, float]:
    """Return the time to the next scan; the last is taken to be as long as the one before."""
    steps_s = np.diff(np.array(stamps_ns, np.int64)) / 1e9
    if not len(steps_s):
        return dict.fromkeys(stamps_ns, SWEEP_PERIOD_S)
    return dict(zip(stamps_ns, [*steps_s.tolist(), float(steps_s[-1])], strict=True))
