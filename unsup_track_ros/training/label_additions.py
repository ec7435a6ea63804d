# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Standing objects added to the detections and tracks of a label."""

from __future__ import annotations

import numpy as np

from unsup_track_ros.geometry.box_projection import boxes_in_image
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.structures.tracks import Tracks, TrackState

_POSITION_VARIANCE_M2 = 0.04  # of a place that several frames agree on
_SPEED_VARIANCE_M2PS2 = 0.01


def joined_detections(
    label: FrameLabel,
    boxes_velo: Float64[np.ndarray, "K 7"],
    scores: Float64[np.ndarray, " K"],
    heading_known: Bool[np.ndarray, " K"],
    num_points: Int64[np.ndarray, " K"],
) -> Detections:
    """Return a label's detections and behind them K standing ones."""
    there, num = label.detections, len(boxes_velo)
    boxes_pix = np.full((num, 4), np.nan)
    if label.camera is not None and label.cam_T_velo is not None:
        boxes_pix = boxes_in_image(boxes_velo, label.cam_T_velo, label.camera)
    return Detections(
        stamp_ns=there.stamp_ns,
        boxes_velo=np.concatenate([there.boxes_velo, boxes_velo]),
        scores=np.concatenate([there.scores, scores]),
        velocities_velo=np.concatenate([there.velocities_velo, np.zeros((num, 3))]),
        heading_known=np.concatenate([there.heading_known, heading_known]),
        motion=np.concatenate([there.motion, np.full(num, MotionState.STANDING, np.int64)]),
        num_points=np.concatenate([there.num_points, num_points]),
        boxes_pix=np.concatenate([there.boxes_pix, boxes_pix]),
    )


def joined_tracks(
    label: FrameLabel,
    ids: Int64[np.ndarray, " K"],
    boxes_odom: Float64[np.ndarray, "K 7"],
    existence: Float64[np.ndarray, " K"],
    heading_known: Bool[np.ndarray, " K"],
) -> Tracks:
    """Return a label's tracks and behind them K standing ones, seen in the last K detections."""
    there, num = label.tracks, len(ids)
    place = np.tile(_POSITION_VARIANCE_M2 * np.eye(3), (num, 1, 1))
    speed = np.tile(_SPEED_VARIANCE_M2PS2 * np.eye(3), (num, 1, 1))
    return Tracks(
        stamp_ns=there.stamp_ns,
        ids=np.concatenate([there.ids, ids]),
        boxes_odom=np.concatenate([there.boxes_odom, boxes_odom]),
        velocities_odom=np.concatenate([there.velocities_odom, np.zeros((num, 3))]),
        position_covariances_odom=np.concatenate([there.position_covariances_odom, place]),
        velocity_covariances_odom=np.concatenate([there.velocity_covariances_odom, speed]),
        existence=np.concatenate([there.existence, existence]),
        states=np.concatenate([there.states, np.full(num, TrackState.CONFIRMED, np.int64)]),
        heading_known=np.concatenate([there.heading_known, heading_known]),
        ages_s=np.concatenate([there.ages_s, np.zeros(num)]),
        detection_index=np.concatenate(
            [there.detection_index, len(label.detections) + np.arange(num)]
        ),
    )
