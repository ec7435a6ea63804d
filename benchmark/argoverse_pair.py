# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scene flow and moving points of a real pair of sweeps, against the released truth.

The truth is that of the first sweep: where each of its points is at the second. A causal answer is
about the last scan it has seen, so the pair is played backward in time and the velocities are
turned round; the completed pass answers for the first sweep of the pair as it is. Two scans 0.1 s
apart are all the evidence there is, a tenth of what a recording offers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.runs import (
    CAUSAL,
    EVIDENCE_KEY,
    MODE_KEY,
    SOURCE_KEY,
    Bench,
    labels_of,
    passes_of,
    say,
)
from benchmark.tables import number, table
from unsup_track_ros.data.argoverse import SweepPair, read_sweep_pair, write_sweep_pair
from unsup_track_ros.evaluation.scene_flow import MEANS, PARTS, FlowErrors
from unsup_track_ros.geometry.se3 import inverse, transform
from unsup_track_ros.shapes import Bool, Float64

# The Argoverse 2 challenge scores a square of 100 m around the vehicle, without ground.
_HALF_SIDE_M = 50.0
_SOURCES = ("tf", "lidar")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowAnswer:
    """What somebody says of the points of the first sweep.

    Attributes:
        name: Who.
        velo1_T_velo0: (4, 4) motion of the LiDAR.
        own_motion_velo0: (P, 3) own displacement of each point until the second sweep, in the axes
            of the first, 0 where none is known (m); None from who keeps no velocities.
        marked: (P,) called moving.
    """

    name: str
    velo1_T_velo0: Float64[np.ndarray, "4 4"]
    own_motion_velo0: Float64[np.ndarray, "P 3"] | None
    marked: Bool[np.ndarray, " P"]


def argoverse(bench: Bench, log_dir: Path, modes: Sequence[str], passes: Sequence[str]) -> str:
    """Score trivial answers and ours on the pair; return the section."""
    pair = read_sweep_pair(log_dir)
    rows = [
        answer_row(pair, answer) for answer in (*_trivial(pair), *_ours(bench, pair, modes, passes))
    ]
    scored = _scored_points(pair)
    moving = pair.truths[0].moving_points
    assert moving is not None
    return "\n\n".join(
        [
            "## Argoverse 2: a pair of real sweeps",
            f"Log `{log_dir.name}`, {int(scored.sum())} points of the first sweep without ground "
            f"and within {_HALF_SIDE_M:g} m ahead and aside, {int((moving & scored).sum())} of "
            "them moving. End-point errors of total flow in metres: moving foreground, static "
            "foreground, static background, the mean of the three, and over all points; then the "
            "moving flags. `tf`: true egomotion; `lidar`: our LiDAR odometry. Causal answers are "
            "to the pair played backward. Evidence: two scans 0.1 s apart, no image.",
            table(["", *PARTS, *MEANS, "mask precision", "mask recall", "mask IoU"], rows),
        ]
    )


def _trivial(pair: SweepPair) -> Iterator[FlowAnswer]:
    nothing = np.zeros_like(pair.total_flow_velo)
    unmarked = np.zeros(len(nothing), bool)
    for name, motion in (("zero flow", np.eye(4)), ("ego only, true", pair.velo1_T_velo0)):
        yield FlowAnswer(name=name, velo1_T_velo0=motion, own_motion_velo0=nothing, marked=unmarked)


def _ours(
    bench: Bench, pair: SweepPair, modes: Sequence[str], passes: Sequence[str]
) -> Iterator[FlowAnswer]:
    for source in _SOURCES:
        for index, mode in enumerate(modes):
            for label_pass in passes_of(mode, passes):
                answer = _answer(bench, pair, label_pass, (mode, source))
                if index == 0 and label_pass == CAUSAL and source != "tf":
                    nothing = np.zeros_like(pair.total_flow_velo)
                    yield FlowAnswer(
                        name=f"ego only, {source}",
                        velo1_T_velo0=answer.velo1_T_velo0,
                        own_motion_velo0=nothing,
                        marked=np.zeros(len(nothing), bool),
                    )
                yield answer


def _answer(bench: Bench, pair: SweepPair, label_pass: str, choice: tuple[str, str]) -> FlowAnswer:
    mode, source = choice
    backward = label_pass == CAUSAL
    bag = bench.folder / "recordings" / f"argoverse_{'backward' if backward else 'forward'}.mcap"
    if not bag.exists():
        say(f"recording {bag.stem}")
        write_sweep_pair(pair, bag, backward=backward)
    store = bench.label(bag, {MODE_KEY: mode, SOURCE_KEY: source, EVIDENCE_KEY: True})
    first, last = labels_of(store, label_pass)
    # Backward in time the scan in question comes last, and everything goes the other way.
    label, sign = (last, -1.0) if backward else (first, 1.0)
    motion = last.egomotion.velo1_T_velo0
    velo1_T_velo0 = np.eye(4) if motion is None else motion
    period_s = (last.stamp_ns - first.stamp_ns) / 1e9
    velocity = label.motion.velocity_velo
    own_motion = None
    if velocity is not None:
        own_motion = np.nan_to_num(velocity.astype(np.float64)) * (sign * period_s)
    marked = label.motion.moving_points
    return FlowAnswer(
        name=f"{mode}/{label_pass}, {source}",
        velo1_T_velo0=inverse(velo1_T_velo0) if backward else velo1_T_velo0,
        own_motion_velo0=own_motion,
        marked=marked if len(marked) else np.zeros(len(pair.total_flow_velo), bool),
    )


def _scored_points(pair: SweepPair) -> Bool[np.ndarray, " P"]:
    ground = pair.truths[0].ground_points
    assert ground is not None
    points_base = transform(pair.base_T_velo, pair.clouds[0].points_velo)
    return np.asarray(~ground & (np.abs(points_base[:, :2]) <= _HALF_SIDE_M).all(axis=1))


def answer_row(pair: SweepPair, answer: FlowAnswer) -> list[str]:
    """Return name, errors, and precision, recall and IoU of the moving flags."""
    truth, scored = pair.truths[0], _scored_points(pair)
    assert truth.moving_points is not None
    assert truth.point_objects is not None
    moving, marked = truth.moving_points[scored], answer.marked[scored]
    foreground = truth.point_objects[scored] >= 0
    values: list[float | None] = [None] * len((*PARTS, *MEANS))
    if answer.own_motion_velo0 is not None:
        points_velo0 = pair.clouds[0].points_velo.astype(np.float64)
        placed_velo1 = transform(answer.velo1_T_velo0, points_velo0 + answer.own_motion_velo0)
        flow = (placed_velo1 - points_velo0)[scored]
        errors = FlowErrors.of(flow, pair.total_flow_velo[scored], moving, foreground)
        values = [*errors.part_means_m.tolist(), errors.three_way_m, errors.mean_m]
    hits = int((moving & marked).sum())
    quotients = [
        hits / whole if whole else None
        for whole in (int(marked.sum()), int(moving.sum()), int((moving | marked).sum()))
    ]
    return [answer.name, *(number(v, 4) for v in values), *(number(q) for q in quotients)]
