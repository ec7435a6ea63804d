# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The live tracks of a tracker as one table of arrays: row i of every column is track i."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from unsup_track_ros.shapes import Bool, Float64, Int64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackTable:
    """N tracks in odom, in the order of their IDs.

    Attributes:
        ids: (N,) in ascending order.
        mean: (N, 6) position (m) and velocity (m/s).
        covariance: (N, 6, 6) of the same.
        size: (N, 3) length, width, height, m.
        yaw_rad: (N,) heading, or orientation up to half a turn.
        yaw_variance: (N,) rad^2.
        shape_weight: (N,) of the whole boxes that size and axis rest on (see `whole_shape`).
        heading_known: (N,) whether front and rear are told apart.
        log_odds: (N,) of the existence.
        confirmed: (N,) whether the track was ever confirmed.
        birth_ns: (N,) stamp of the first detection.
        seen_ns: (N,) stamp of the latest detection.
        hit_ns: (N, H) stamps of the latest H detections, oldest first.
        seen_mean: (N, 6) state at the latest detection.
        seen_covariance: (N, 6, 6) of the same.
    """

    ids: Int64[np.ndarray, " N"]
    mean: Float64[np.ndarray, "N 6"]
    covariance: Float64[np.ndarray, "N 6 6"]
    size: Float64[np.ndarray, "N 3"]
    yaw_rad: Float64[np.ndarray, " N"]
    yaw_variance: Float64[np.ndarray, " N"]
    shape_weight: Float64[np.ndarray, " N"]
    heading_known: Bool[np.ndarray, " N"]
    log_odds: Float64[np.ndarray, " N"]
    confirmed: Bool[np.ndarray, " N"]
    birth_ns: Int64[np.ndarray, " N"]
    seen_ns: Int64[np.ndarray, " N"]
    hit_ns: Int64[np.ndarray, "N H"]
    seen_mean: Float64[np.ndarray, "N 6"]
    seen_covariance: Float64[np.ndarray, "N 6 6"]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def boxes_odom(self) -> Float64[np.ndarray, "N 7"]:
        """Boxes (x, y, z, length, width, height, yaw)."""
        return np.concatenate([self.mean[:, :3], self.size, self.yaw_rad[:, None]], 1)

    @classmethod
    def empty(cls, num_hits: int) -> TrackTable:
        """Return a table without tracks that remembers `num_hits` detections of each."""
        return cls(
            ids=np.zeros(0, np.int64),
            mean=np.zeros((0, 6)),
            covariance=np.zeros((0, 6, 6)),
            size=np.zeros((0, 3)),
            yaw_rad=np.zeros(0),
            yaw_variance=np.zeros(0),
            shape_weight=np.zeros(0),
            heading_known=np.zeros(0, bool),
            log_odds=np.zeros(0),
            confirmed=np.zeros(0, bool),
            birth_ns=np.zeros(0, np.int64),
            seen_ns=np.zeros(0, np.int64),
            hit_ns=np.zeros((0, num_hits), np.int64),
            seen_mean=np.zeros((0, 6)),
            seen_covariance=np.zeros((0, 6, 6)),
        )

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_columns(cls, columns: Mapping[str, np.ndarray]) -> TrackTable:
        """Return the table of copies of these columns; others are ignored."""
        return cls(**{field.name: columns[field.name].copy() for field in fields(cls)})

    def rows(self, chosen: Bool[np.ndarray, " N"]) -> TrackTable:
        """Return the table of the chosen rows."""
        return TrackTable(**{name: column[chosen] for name, column in self.columns().items()})

    def with_rows(self, chosen: Bool[np.ndarray, " N"], changed: TrackTable) -> TrackTable:
        """Return the table with the chosen rows replaced by those of another one."""
        columns = {name: column.copy() for name, column in self.columns().items()}
        for name, column in changed.columns().items():
            columns[name][chosen] = column
        return TrackTable(**columns)

    def followed_by(self, other: TrackTable) -> TrackTable:
        """Return the table with the rows of another one behind the own."""
        behind = other.columns()
        return TrackTable(
            **{
                name: np.concatenate([column, behind[name]])
                for name, column in self.columns().items()
            }
        )
