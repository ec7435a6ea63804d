# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tracked objects of one frame, in odom."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Bool, Float64, Int64
from unsup_track_ros.structures.beliefs import Beliefs


class TrackState(enum.IntEnum):
    """Life of a track."""

    TENTATIVE = 0
    CONFIRMED = 1
    COASTING = 2  # confirmed, not matched in this frame
    OCCLUDED = 3  # the same, because something stands before it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tracks:
    """N live tracks in frame `odom` at one stamp.

    Attributes:
        stamp_ns: Stamp of the frame.
        ids: (N,) never reused within a tracker.
        boxes_odom: (N, 7) geometric centre, length, width, height (m), yaw (rad).
        velocities_odom: (N, 3) m/s.
        position_covariances_odom: (N, 3, 3) m^2.
        velocity_covariances_odom: (N, 3, 3) m^2/s^2.
        existence: (N,) probability in [0, 1] that the object is real.
        states: (N,) values of `TrackState`.
        heading_known: (N,) False where yaw is only known up to half a turn.
        ages_s: (N,) time since birth.
        detection_index: (N,) row of the frame's detections it was matched to, -1 for none.
        beliefs: Where the hidden ones of them may be, None where nobody has a belief.
    """

    stamp_ns: int
    ids: Int64[np.ndarray, " N"]
    boxes_odom: Float64[np.ndarray, "N 7"]
    velocities_odom: Float64[np.ndarray, "N 3"]
    position_covariances_odom: Float64[np.ndarray, "N 3 3"]
    velocity_covariances_odom: Float64[np.ndarray, "N 3 3"]
    existence: Float64[np.ndarray, " N"]
    states: Int64[np.ndarray, " N"]
    heading_known: Bool[np.ndarray, " N"]
    ages_s: Float64[np.ndarray, " N"]
    detection_index: Int64[np.ndarray, " N"]
    beliefs: Beliefs | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__[2:-1]:
            if len(getattr(self, name)) != len(self.ids):
                raise DataError(
                    f"{len(self.ids)} tracks need {len(self.ids)} {name}, "
                    f"got {len(getattr(self, name))}."
                )

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def none(cls, stamp_ns: int) -> Tracks:
        """Return the empty set of a frame."""
        return cls(
            stamp_ns=stamp_ns,
            ids=np.zeros(0, np.int64),
            boxes_odom=np.zeros((0, 7)),
            velocities_odom=np.zeros((0, 3)),
            position_covariances_odom=np.zeros((0, 3, 3)),
            velocity_covariances_odom=np.zeros((0, 3, 3)),
            existence=np.zeros(0),
            states=np.zeros(0, np.int64),
            heading_known=np.zeros(0, bool),
            ages_s=np.zeros(0),
            detection_index=np.zeros(0, np.int64),
        )
