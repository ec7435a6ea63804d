# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small labels and truths for the evaluation tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.motion import MotionSegmentation, MotionState, MotionStatus
from unsup_track_ros.structures.tracks import Tracks, TrackState
from unsup_track_ros.structures.truth import FrameTruth

# Looks along velo's x axis from the LiDAR's place.
CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
CAMERA = PinholeCamera(
    width_px=100,
    height_px=50,
    pix_T_cam=np.array([[50.0, 0, 49.5], [0, 50.0, 24.5], [0, 0, 1]]),
)
FRAME_NS = 100_000_000


def car(x: float, y: float = 0.0, yaw_rad: float = 0.0) -> list[float]:
    """A 4 x 2 x 1.5 m box whose centre is 1 m below the sensor."""
    return [x, y, -1.0, 4.0, 2.0, 1.5, yaw_rad]


def boxes(rows: Sequence[Sequence[float]]) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, 7)


def detections(
    index: int, rows: Sequence[Sequence[float]], scores: Sequence[float] | None = None
) -> Detections:
    number = len(rows)
    return Detections(
        stamp_ns=index * FRAME_NS,
        boxes_velo=boxes(rows),
        scores=np.ones(number) if scores is None else np.array(scores, np.float64),
        velocities_velo=np.full((number, 3), np.nan),
        heading_known=np.zeros(number, bool),
        motion=np.full(number, int(MotionState.MOVING)),
        num_points=np.zeros(number, np.int64),
        boxes_pix=np.full((number, 4), np.nan),
    )


def tracks(
    index: int,
    rows: Sequence[Sequence[float]],
    ids: Sequence[int],
    states: Sequence[TrackState] | None = None,
) -> Tracks:
    number = len(rows)
    return Tracks(
        stamp_ns=index * FRAME_NS,
        ids=np.array(ids, np.int64).reshape(number),
        boxes_odom=boxes(rows),
        velocities_odom=np.zeros((number, 3)),
        position_covariances_odom=np.zeros((number, 3, 3)),
        velocity_covariances_odom=np.zeros((number, 3, 3)),
        existence=np.ones(number),
        states=np.array([TrackState.CONFIRMED] * number if states is None else states, np.int64),
        heading_known=np.zeros(number, bool),
        ages_s=np.zeros(number),
        detection_index=np.full(number, -1),
    )


def egomotion(index: int, **changes: object) -> Egomotion:
    members: dict[str, Any] = {
        "status": EgomotionStatus.OK if index else EgomotionStatus.INITIAL,
        "source": EgomotionSource.LIDAR,
        "stamp0_ns": max(index - 1, 0) * FRAME_NS,
        "stamp1_ns": index * FRAME_NS,
        "velo1_T_velo0": np.eye(4) if index else None,
        "odom_T_velo1": np.eye(4),
    }
    members.update(changes)
    return Egomotion(**members)


def label(index: int = 0, **changes: object) -> FrameLabel:
    """A label with a camera, a standing sensor and nothing found."""
    nothing = np.zeros(0, bool)
    members: dict[str, Any] = {
        "stamp_ns": index * FRAME_NS,
        "index": index,
        "base_T_velo": np.eye(4),
        "camera": CAMERA,
        "cam_T_velo": CAM_T_VELO,
        "egomotion": egomotion(index),
        "motion": MotionSegmentation(
            status=MotionStatus.NO_PAST_FRAME, moving_points=nothing, judged_points=nothing
        ),
        "detections": Detections.none(index * FRAME_NS),
        "tracks": Tracks.none(index * FRAME_NS),
        "grids": None,
    }
    members.update(changes)
    return FrameLabel(**members)


def truth(index: int = 0, rows: Sequence[Sequence[float]] = (), **changes: object) -> FrameTruth:
    """A truth of cars that says nothing but where they are and who they are."""
    members: dict[str, Any] = {
        "stamp_ns": index * FRAME_NS,
        "ids": np.arange(len(rows)),
        "classes": ("Car",) * len(rows),
        "boxes_velo": boxes(rows),
    }
    members.update(changes)
    return FrameTruth(**members)
