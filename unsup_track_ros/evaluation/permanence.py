# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How well is a thing found while it is seen and while it is not: mean IoU by state (LA-CATER)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Bool, Float64, Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class StateScore:
    """Score in one state.

    Attributes:
        mean_iou: Over the frames in the state; nan where there are none. No answer is an IoU of 0.
        num_frames: How many there are.
    """

    mean_iou: float
    num_frames: int


def score_states(
    answers_px: Float64[np.ndarray, "F 4"],
    truth_px: Float64[np.ndarray, "F 4"],
    states: Int64[np.ndarray, " F"],
    names: Mapping[int, str],
) -> dict[str, StateScore]:
    """Score boxes (top, left, bottom, right) of one thing per frame.

    Args:
        answers_px: What is answered; nan is no answer.
        truth_px: The whole thing, also where it is not seen.
        states: State of each frame.
        names: The states that count, and what they are called.
    """
    iou = frame_iou(answers_px, truth_px)
    scores = {}
    for state, name in names.items():
        here = states == state
        mean = float(iou[here].mean()) if here.any() else float("nan")
        scores[name] = StateScore(mean_iou=mean, num_frames=int(here.sum()))
    return scores


def frame_iou(
    answers_px: Float64[np.ndarray, "F 4"], truth_px: Float64[np.ndarray, "F 4"]
) -> Float64[np.ndarray, " F"]:
    """Return the IoU of each frame's two boxes; 0 where either is nan."""
    low = np.maximum(answers_px[:, :2], truth_px[:, :2])
    high = np.minimum(answers_px[:, 2:], truth_px[:, 2:])
    common = np.clip(high - low, 0.0, None).prod(1)
    areas = [np.clip(b[:, 2:] - b[:, :2], 0.0, None).prod(1) for b in (answers_px, truth_px)]
    union = areas[0] + areas[1] - common
    known = np.isfinite(union) & (union > 0)
    return np.where(known, common / np.where(known, union, 1.0), 0.0)


def scored_frames(visible: Bool[np.ndarray, "N T"]) -> Bool[np.ndarray, "N T"]:
    """Tell which frames of each video count: those after the thing was first seen."""
    return np.asarray(np.cumsum(visible, axis=1) > 0)
