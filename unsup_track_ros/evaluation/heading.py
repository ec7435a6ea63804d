# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Heading error of matched boxes: which way an object faces, where the label claims to know it.

A box whose `heading_known` is False claims an axis, not a direction, so it enters the share of
claimed headings and nothing else: an error of half a turn is only made by who claims a direction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unsup_track_ros.evaluation.average_precision import FrameMatches
from unsup_track_ros.evaluation.metric import Metric, Pooling, count, measured, not_available
from unsup_track_ros.evaluation.selection import ScoredBoxes
from unsup_track_ros.geometry.se3 import wrap_angle_rad
from unsup_track_ros.shapes import Float64

# From here on the box faces the wrong way.
FLIP_DEG = 90.0
P90 = 0.9


def heading_errors(
    frames: Sequence[ScoredBoxes], matched: Sequence[FrameMatches]
) -> Float64[np.ndarray, " K"]:
    """Return the error of every matched box in [0, 180] deg, nan where no direction is claimed.

    Args:
        frames: Boxes and truth of each frame.
        matched: Their matches, of which the first threshold is taken.
    """
    errors = [np.zeros(0)]
    for boxes, matches in zip(frames, matched, strict=True):
        rows, truth_rows = matches.pairs
        turn_rad = boxes.detection_boxes_velo[rows, 6] - boxes.truth_boxes_velo[truth_rows, 6]
        error_deg = np.abs(np.degrees(wrap_angle_rad(turn_rad)))
        errors.append(np.where(boxes.heading_known[rows], error_deg, np.nan))
    return np.concatenate(errors)


def heading_metrics(
    key: str, errors_deg: Float64[np.ndarray, " K"] | None, nothing_matched: str
) -> list[Metric]:
    """Summarise heading errors, metrics `<key>.heading.<what>`.

    Args:
        key: What was matched.
        errors_deg: Result of `heading_errors`, None where nothing could be matched.
        nothing_matched: The reason to give where no box was matched.
    """
    prefix = f"{key}.heading"
    errors_deg = np.zeros(0) if errors_deg is None else errors_deg
    claimed_deg = errors_deg[np.isfinite(errors_deg)]
    metrics = [
        measured(f"{prefix}.claimed_share", len(claimed_deg) / len(errors_deg))
        if len(errors_deg)
        else not_available(f"{prefix}.claimed_share", nothing_matched)
    ]
    if len(claimed_deg):
        return [
            *metrics,
            measured(f"{prefix}.median", float(np.median(claimed_deg)), "deg"),
            measured(f"{prefix}.p90", float(np.quantile(claimed_deg, P90)), "deg"),
            measured(f"{prefix}.flip_share", float((claimed_deg > FLIP_DEG).mean())),
            count(f"{prefix}.claimed", len(claimed_deg)),
        ]
    reason = "no heading was claimed" if len(errors_deg) else nothing_matched
    return [
        *metrics,
        not_available(f"{prefix}.median", reason, "deg"),
        not_available(f"{prefix}.p90", reason, "deg"),
        not_available(f"{prefix}.flip_share", reason),
        not_available(f"{prefix}.claimed", reason, pooling=Pooling.SUM),
    ]
