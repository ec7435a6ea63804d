# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tracker may be told about objects that were not detected: where, and whether at all.

Once a step the tracker asks twice. Before the association: how well would a detection be one of the
objects that are hidden? After it: where are the tracks without a detection? Whoever answers may
know what hides what (free space along the rays of the scan) or where hidden things tend to go (a
walk along a memory of the scene). It does not decide: evidence of absence only changes how fast a
track is given up.
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
        state_covariances_odom: (N, 6, 6) of position (m) and velocity (m/s).
        born_ns: (N,) stamp of the first detection of each.
        seen_ns: (N,) stamp of the latest.
        confirmed: (N,) whether the track was ever confirmed.
        odom_T_velo: (4, 4) pose of the LiDAR now.
    """

    stamp_ns: int
    ids: Int64[np.ndarray, " N"]
    boxes_odom: Float64[np.ndarray, "N 7"]
    velocities_odom: Float64[np.ndarray, "N 3"]
    state_covariances_odom: Float64[np.ndarray, "N 6 6"]
    born_ns: Int64[np.ndarray, " N"]
    seen_ns: Int64[np.ndarray, " N"]
    confirmed: Bool[np.ndarray, " N"]
    odom_T_velo: Float64[np.ndarray, "4 4"]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whereabouts:
    """What is known about N unseen tracks, in their order.

    Attributes:
        states_odom: (N, 6) position (m) and velocity (m/s) that take the place of the predicted
            ones; nan where the prediction stands.
        covariances_odom: (N, 6, 6) of these states; ignored where they are nan.
        exposure: (N,) how much it means that a track was not detected: 0 if nothing could have been
            seen of it where it is expected, 1 as without knowledge, more if its place was seen
            empty. The loss of existence log-odds is multiplied by it.
        is_hidden: (N,) whether something stands before it.
    """

    states_odom: Float64[np.ndarray, "N 6"]
    covariances_odom: Float64[np.ndarray, "N 6 6"]
    exposure: Float64[np.ndarray, " N"]
    is_hidden: Bool[np.ndarray, " N"]

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
            states_odom=np.full((num, 6), np.nan),
            covariances_odom=np.zeros((num, 6, 6)),
            exposure=np.ones(num),
            is_hidden=np.zeros(num, bool),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sightings:
    """D detections that may be hidden objects which come out, in odom.

    Attributes:
        stamp_ns: Stamp of the frame.
        boxes_odom: (D, 7).
        velocities_odom: (D, 3) m/s, nan where unknown.
    """

    stamp_ns: int
    boxes_odom: Float64[np.ndarray, "D 7"]
    velocities_odom: Float64[np.ndarray, "D 3"]

    def __len__(self) -> int:
        return len(self.boxes_odom)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recognition:
    """How well D detections fit what is believed of H hidden tracks.

    Attributes:
        ids: (H,) the tracks, in ascending order.
        log_densities: (H, D) logarithm of the density (1/m^2) at which each would be found there.
        states_odom: (H, D, 4) x, y (m) and their velocities (m/s) of a track that is found there.
        covariances_odom: (H, D, 4, 4) of these states.
    """

    ids: Int64[np.ndarray, " H"]
    log_densities: Float64[np.ndarray, "H D"]
    states_odom: Float64[np.ndarray, "H D 4"]
    covariances_odom: Float64[np.ndarray, "H D 4 4"]

    @classmethod
    def none(cls, num_sightings: int) -> Recognition:
        """Return the answer of who believes nothing."""
        return cls(
            ids=np.zeros(0, np.int64),
            log_densities=np.zeros((0, num_sightings)),
            states_odom=np.zeros((0, num_sightings, 4)),
            covariances_odom=np.zeros((0, num_sightings, 4, 4)),
        )


@runtime_checkable
class Permanence(Protocol):
    """Says where unseen objects are.

    What it remembers is its own: it is told nothing when a track dies, and forgets whom it is not
    asked about.
    """

    def recognise(self, ids: Int64[np.ndarray, " N"], sightings: Sightings) -> Recognition:
        """Return how well detections fit those of the unseen tracks `ids` that are hidden."""
        ...

    def whereabouts(self, tracks: UnseenTracks) -> Whereabouts:
        """Return what is known about tracks without a detection in this frame."""
        ...
