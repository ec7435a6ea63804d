# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Joins labels and truth of the same scan by their stamp."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.truth import FrameTruth


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledTruth:
    """Label and truth of one scan."""

    label: FrameLabel
    truth: FrameTruth


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairedFrames:
    """The frames that can be scored, in order of time, and how many could not.

    Attributes:
        pairs: Frames with label and truth.
        labels_without_truth: Labels that nobody can judge; skipped.
        truths_without_label: Scans with truth for which there is no label; not scored, because the
            label carries the camera and the pose the filters need, but a report must show them.
        true_poses: `odom_T_velo` of every scan whose truth has one, by stamp, labelled or not.
    """

    pairs: tuple[LabelledTruth, ...]
    labels_without_truth: int
    truths_without_label: int
    true_poses: Mapping[int, Float64[np.ndarray, "4 4"]]


def pair_frames(labels: Iterable[FrameLabel], truths: Iterable[FrameTruth]) -> PairedFrames:
    """Join by equal `stamp_ns`.

    Both may be generators that read from disk: dense members that no metric reads (flow of the
    image, flow residual, flow of the points where no label has velocities) are let go at once, they
    are most of the memory.

    Raises:
        DataError: A stamp occurs twice among the labels or among the truths (two passes mixed, two
            recordings mixed).
    """
    light_labels = [replace(x, motion=replace(x.motion, residual_px=None)) for x in labels]
    has_velocities = any(x.motion.velocity_velo is not None for x in light_labels)
    light_truths = [_light(x, keep_flow=has_velocities) for x in truths]
    _refuse_duplicates("labels", [label.stamp_ns for label in light_labels])
    _refuse_duplicates("truths", [truth.stamp_ns for truth in light_truths])
    truth_at = {truth.stamp_ns: truth for truth in light_truths}
    ordered = sorted(light_labels, key=lambda label: label.stamp_ns)
    pairs = tuple(
        LabelledTruth(label=label, truth=truth_at[label.stamp_ns])
        for label in ordered
        if label.stamp_ns in truth_at
    )
    return PairedFrames(
        pairs=pairs,
        labels_without_truth=len(light_labels) - len(pairs),
        truths_without_label=len(light_truths) - len(pairs),
        true_poses={
            truth.stamp_ns: truth.odom_T_velo
            for truth in light_truths
            if truth.odom_T_velo is not None
        },
    )


def _light(truth: FrameTruth, *, keep_flow: bool) -> FrameTruth:
    kept = truth.flow_points_velo if keep_flow else None
    return replace(truth, flow_pix=None, flow_points_velo=kept)


def _refuse_duplicates(what: str, stamps_ns: Iterable[int]) -> None:
    seen: set[int] = set()
    for stamp_ns in stamps_ns:
        if stamp_ns in seen:
            raise DataError(
                f"The {what} must have one entry per scan, got stamp {stamp_ns} ns twice. Score "
                "one recording and one label pass at a time."
            )
        seen.add(stamp_ns)
