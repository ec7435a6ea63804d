# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A plain 3-D tracker, to compare with: Kalman filter, overlap, Hungarian, counters.

After Weng et al. ("3D Multi-Object Tracking: A Baseline and New Evaluation Metrics", IROS 2020),
with the values of the paper: IoU in space of at least 0.01, reported from the third hit on, dead
after two frames without one. It tracks in odom, so that it knows the ego motion too. Nothing else
is shared with the tracker of the package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from unsup_track_ros.geometry.box_iou import iou_3d
from unsup_track_ros.geometry.se3 import transform_boxes, wrap_angle_rad
from unsup_track_ros.shapes import Float64, Int64
from unsup_track_ros.tracking.sequence_tracking import Frames, SequenceTracks

MIN_IOU: Final = 0.01
MIN_HITS: Final = 3
MAX_AGE_FRAMES: Final = 2
_BOX: Final = 7  # of a state: the box, then a velocity per frame
_MOVE: Final = np.eye(10) + np.eye(10, k=_BOX)
_DRIFT: Final = np.diag([1.0] * _BOX + [0.01] * 3)
_START: Final = np.diag([10.0] * _BOX + [10_000.0] * 3)


@dataclass(eq=False)
class _State:
    """Live tracks, a row each."""

    mean: Float64[np.ndarray, "T 10"] = field(default_factory=lambda: np.zeros((0, 10)))
    covariance: Float64[np.ndarray, "T 10 10"] = field(
        default_factory=lambda: np.zeros((0, 10, 10))
    )
    ids: Int64[np.ndarray, " T"] = field(default_factory=lambda: np.zeros(0, np.int64))
    hits: Int64[np.ndarray, " T"] = field(default_factory=lambda: np.zeros(0, np.int64))
    age: Int64[np.ndarray, " T"] = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: Float64[np.ndarray, " T"] = field(default_factory=lambda: np.zeros(0))


def track_plainly(frames: Frames, max_age_frames: int = MAX_AGE_FRAMES) -> SequenceTracks:
    """Track a sequence; the confidence of a box is the score of its latest detection.

    Args:
        frames: Detections and poses.
        max_age_frames: A track without a hit in so many frames is dead.
    """
    state, next_id = _State(), 1
    parts: list[tuple[np.ndarray, ...]] = []
    for number, (detections, egomotion) in enumerate(frames):
        odom_T_velo = egomotion.odom_T_velo1
        if odom_T_velo is None:
            continue
        boxes = transform_boxes(odom_T_velo, detections.boxes_velo)
        state.mean = state.mean @ _MOVE.T
        state.covariance = _MOVE @ state.covariance @ _MOVE.T + _DRIFT
        iou = iou_3d(state.mean[:, :_BOX], boxes)
        rows, columns = linear_sum_assignment(iou, maximize=True)
        good = iou[rows, columns] >= MIN_IOU
        rows, columns = rows[good], columns[good]
        state.age += 1
        _correct(state, rows, boxes[columns])
        state.scores[rows] = detections.scores[columns]
        born = np.setdiff1d(np.arange(len(boxes)), columns)
        _begin(state, boxes[born], detections.scores[born], next_id)
        next_id += len(born)
        detected = np.full(len(state.ids), -1, np.int64)
        detected[rows] = columns
        detected[len(detected) - len(born) :] = born
        alive = state.age < max_age_frames
        detected = detected[alive]
        _keep(state, alive)
        which = np.flatnonzero((state.hits >= MIN_HITS) | (number < MIN_HITS))
        parts.append(
            (
                np.full(len(which), number),
                state.ids[which],
                state.mean[which, :_BOX],
                state.scores[which],
                detected[which],
            )
        )
    frame, ids, boxes_odom, scores, detected = map(np.concatenate, zip(*parts, strict=True))
    return SequenceTracks(
        frames=frame, ids=ids, boxes_odom=boxes_odom, confidences=scores, detected=detected
    )


def _correct(
    state: _State, rows: Int64[np.ndarray, " K"], boxes: Float64[np.ndarray, "K 7"]
) -> None:
    """Correct tracks by their detections; a heading that is off by half a turn is turned."""
    mean, covariance = state.mean[rows], state.covariance[rows]
    innovation = boxes - mean[:, :_BOX]
    turn = wrap_angle_rad(innovation[:, 6])
    innovation[:, 6] = np.where(np.abs(turn) > np.pi / 2, wrap_angle_rad(turn + np.pi), turn)
    gain = covariance[:, :, :_BOX] @ np.linalg.inv(covariance[:, :_BOX, :_BOX] + np.eye(_BOX))
    state.mean[rows] = mean + np.einsum("kij,kj->ki", gain, innovation)
    state.covariance[rows] = covariance - gain @ covariance[:, :_BOX]
    state.age[rows] = 0
    state.hits[rows] += 1


def _begin(
    state: _State,
    boxes: Float64[np.ndarray, "B 7"],
    scores: Float64[np.ndarray, " B"],
    next_id: int,
) -> None:
    """Begin a track with each."""
    num = len(boxes)
    state.mean = np.concatenate([state.mean, np.hstack([boxes, np.zeros((num, 3))])])
    state.covariance = np.concatenate([state.covariance, np.tile(_START, (num, 1, 1))])
    state.ids = np.concatenate([state.ids, next_id + np.arange(num)])
    state.hits = np.concatenate([state.hits, np.ones(num, np.int64)])
    state.age = np.concatenate([state.age, np.zeros(num, np.int64)])
    state.scores = np.concatenate([state.scores, scores])


def _keep(state: _State, kept: np.ndarray) -> None:
    """Forget the others."""
    for name, column in vars(state).items():
        setattr(state, name, column[kept])
