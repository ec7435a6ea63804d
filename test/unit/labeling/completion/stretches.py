# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stretches of recording as detections: things at known places that move, stand or hide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.structures.cues import ObjectCues
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState

FRAME_NS = 100_000_000
CAR = (4.5, 1.8, 1.5)
MOVING, STANDING, UNSURE = MotionState.MOVING, MotionState.STANDING, MotionState.UNSURE


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What one frame shows of one thing."""

    x: float
    y: float
    motion: MotionState = MOVING
    size: tuple[float, float, float] = CAR
    yaw: float = 0.0
    num_points: int = 50


def detections_of(index: int, seen: Sequence[Sighting]) -> Detections:
    num = len(seen)
    return Detections(
        stamp_ns=index * FRAME_NS,
        boxes_velo=np.array([(s.x, s.y, 0.0, *s.size, s.yaw) for s in seen]).reshape(-1, 7),
        scores=np.full(num, 0.8),
        velocities_velo=np.full((num, 3), np.nan),
        heading_known=np.zeros(num, bool),
        motion=np.array([int(s.motion) for s in seen], np.int64),
        num_points=np.array([s.num_points for s in seen], np.int64),
        boxes_pix=np.full((num, 4), np.nan),
    )


def cues_of(motion: np.ndarray) -> ObjectCues:
    """Return cues of which only LiDAR's word on motion was asked for."""
    unknown = np.full(len(motion), np.nan)
    return ObjectCues(motion=motion, free_space=unknown, flow=unknown, appearance=unknown)


def egomotion_of(
    index: int,
    odom_T_velo: np.ndarray | None = None,
    status: EgomotionStatus = EgomotionStatus.OK,
) -> Egomotion:
    lost = status not in (EgomotionStatus.OK, EgomotionStatus.INITIAL)
    pose = np.eye(4) if odom_T_velo is None else odom_T_velo
    return Egomotion(
        status=status,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=index * FRAME_NS,
        odom_T_velo1=None if lost else pose,
    )


def passing_car(index: int, y: float = 6.0, start: int = 0) -> Sighting:
    """A car that passes beside the sensor at 10 m/s, so that all its sides are seen."""
    return Sighting(x=-14.0 + (index - start), y=y)


def parked(x: float, y: float, size: tuple[float, float, float] = CAR) -> Sighting:
    return Sighting(x=x, y=y, motion=STANDING, size=size)
