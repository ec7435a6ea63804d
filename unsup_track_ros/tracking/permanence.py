# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tracker may be told about objects that were not detected: where, and whether at all.

The tracker asks once a step, after the association, about every track without a detection. Whoever
answers may know what hides what (free space along the rays of the scan) or where hidden things tend
to go (a walk along a memory of the scene). It does not decide: a place is one more measurement, and
evidence of absence only changes how fast a track is given up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Bool, Float64, Int64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnseenTracks:
    """N tracks that have no detection in this frame, in odom.

    Attributes:
        stamp_ns: Stamp of the frame.
        ids: (N,) in ascending order.
        boxes_odom: (N, 7) where the motion model expects them now.
        velocities_odom: (N, 3) m/s.
        position_covariances_odom: (N, 3, 3) m^2.
        seen_ns: (N,) stamp of the latest detection of each.
        confirmed: (N,) whether the track was ever confirmed.
        odom_T_velo: (4, 4) pose of the LiDAR now.
    """

    stamp_ns: int
    ids: Int64[np.ndarray, " N"]
    boxes_odom: Float64[np.ndarray, "N 7"]
    velocities_odom: Float64[np.ndarray, "N 3"]
    position_covariances_odom: Float64[np.ndarray, "N 3 3"]
    seen_ns: Int64[np.ndarray, " N"]
    confirmed: Bool[np.ndarray, " N"]
    odom_T_velo: Float64[np.ndarray, "4 4"]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whereabouts:
    """What is known about N unseen tracks, in their order.

    Attributes:
        positions_odom: (N, 3) centre of each, nan where nothing is known of it.
        covariances_odom: (N, 3, 3) of the positions, m^2; ignored where they are nan.
        exposure: (N,) how much it means that a track was not detected: 0 if nothing could have been
            seen of it where it is expected, 1 as without knowledge, more if its place was seen
            empty. The loss of existence log-odds is multiplied by it.
    """

    positions_odom: Float64[np.ndarray, "N 3"]
    covariances_odom: Float64[np.ndarray, "N 3 3"]
    exposure: Float64[np.ndarray, " N"]

    def __post_init__(self) -> None:
        if not (np.isfinite(self.exposure).all() and (self.exposure >= 0).all()):
            raise DataError(
                f"An exposure must be finite and not negative, got {self.exposure.tolist()}."
            )

    def __len__(self) -> int:
        return len(self.exposure)

    @classmethod
    def unknown(cls, num: int) -> Whereabouts:
        """Return what is known where nothing is: the tracks coast and fade."""
        return cls(
            positions_odom=np.full((num, 3), np.nan),
            covariances_odom=np.zeros((num, 3, 3)),
            exposure=np.ones(num),
        )


@runtime_checkable
class Permanence(Protocol):
    """Says where unseen objects are.

    What it remembers is its own: it is told nothing when a track dies, and forgets by the stamps.
    """

    def whereabouts(self, tracks: UnseenTracks) -> Whereabouts:
        """Return what is known about tracks without a detection in this frame."""
        ...
