# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Detected objects of one frame, in the LiDAR frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.motion import MotionState


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detections:
    """N detected objects in frame `velo` of their stamp.

    Attributes:
        stamp_ns: Stamp of the frame.
        boxes_velo: (N, 7) geometric centre x, y, z, length, width, height (m), yaw about +z (rad).
        scores: (N,) in [0, 1].
        velocities_velo: (N, 3) over ground in axes of velo, m/s; nan where not observed.
        heading_known: (N,) False where yaw is only known up to half a turn.
        motion: (N,) values of `MotionState`; what does not move is there because a track said to
            look there.
        num_points: (N,) LiDAR points on the object.
        boxes_pix: (N, 4) left, top, right, bottom in the first camera at its native size; nan where
            it is not seen or there is no camera.
    """

    stamp_ns: int
    boxes_velo: Float64[np.ndarray, "N 7"]
    scores: Float64[np.ndarray, " N"]
    velocities_velo: Float64[np.ndarray, "N 3"]
    heading_known: Bool[np.ndarray, " N"]
    motion: Int64[np.ndarray, " N"]
    num_points: Int64[np.ndarray, " N"]
    boxes_pix: Float64[np.ndarray, "N 4"]

    def __post_init__(self) -> None:
        num = len(self.boxes_velo)
        for name in self.__slots__[2:]:
            if len(getattr(self, name)) != num:
                raise DataError(f"{num} boxes need {num} {name}, got {len(getattr(self, name))}.")

    def __len__(self) -> int:
        return len(self.boxes_velo)

    @property
    def moving(self) -> Bool[np.ndarray, " N"]:
        """Which were seen moving in this frame."""
        return np.asarray(self.motion == MotionState.MOVING)

    @classmethod
    def none(cls, stamp_ns: int) -> Detections:
        """Return the empty set of a frame."""
        return cls(
            stamp_ns=stamp_ns,
            boxes_velo=np.zeros((0, 7)),
            scores=np.zeros(0),
            velocities_velo=np.zeros((0, 3)),
            heading_known=np.zeros(0, bool),
            motion=np.zeros(0, np.int64),
            num_points=np.zeros(0, np.int64),
            boxes_pix=np.zeros((0, 4)),
        )
