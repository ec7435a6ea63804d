# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The files of an Argoverse 2 log folder: sweeps, flow, boxes, poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import from_quaternion, inverse, transform_boxes, yaw_rad
from unsup_track_ros.shapes import Bool, Float64, Int64

_NUM_SWEEPS: Final = 2
_LIDARS: Final = ("up_lidar", "down_lidar")
_TRANSLATION: Final = ("tx_m", "ty_m", "tz_m")
_SIZE: Final = ("length_m", "width_m", "height_m")
_QUATERNION: Final = ("qx", "qy", "qz", "qw")
# From here on an object moves, as in `FrameTruth`.
_MIN_MOVING_MPS: Final = 0.5
Table = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogBoxes:
    """Boxes of one sweep.

    Attributes:
        ids: (N,) rank of the track's name among all names of the log.
        classes: (N) category in lower case.
        boxes: (N, 7) geometric centre, length, width, height, yaw in the frame asked for.
        velocities: (N, 3) over ground in its axes, from the places in the sweeps before and after
            (m/s); 0 for a box that has neither.
        moving: (N,) faster than 0.5 m/s.
    """

    ids: Int64[np.ndarray, " N"]
    classes: tuple[str, ...]
    boxes: Float64[np.ndarray, "N 7"]
    velocities: Float64[np.ndarray, "N 3"]
    moving: Bool[np.ndarray, " N"]


class ArgoverseLog:
    """One log with two sweeps.

    Attributes:
        folder: The log.
        stamps_ns: Stamps of the two sweeps.
    """

    def __init__(self, folder: Path) -> None:
        """Find the sweeps.

        Raises:
            DataError: There are not exactly two.
        """
        self.folder = folder
        self._sweeps = sorted((folder / "sensors" / "lidar").glob("*.feather"))
        if len(self._sweeps) != _NUM_SWEEPS:
            raise DataError(
                f"'{folder}' must hold two sweeps in sensors/lidar, got {len(self._sweeps)}. Keep "
                "the sweep that the flow labels belong to and the one after it."
            )
        self.stamps_ns = tuple(int(file.stem) for file in self._sweeps)

    def sweep(self, index: int) -> Table:
        """Read the points of a sweep."""
        return self._table(self._sweeps[index])

    @cached_property
    def flow(self) -> Table:
        """Flow, moving and ground flags of the first sweep."""
        return self._table(self.folder / "flow_labels.feather")

    @cached_property
    def ego1_T_ego0(self) -> Float64[np.ndarray, "4 4"]:
        """Motion of the vehicle that the flow was made with."""
        path = self.folder / "ego_motion.npz"
        try:
            with np.load(path) as archive:
                return np.asarray(archive["ego_motion"], np.float64).reshape(4, 4)
        except (OSError, KeyError, ValueError) as error:
            raise DataError(
                f"The motion of the vehicle '{path}' cannot be read: {error}"
            ) from error

    @property
    def lidar_place_ego(self) -> Float64[np.ndarray, " 3"]:
        """Place midway between the LiDARs, in the ego frame."""
        sensors = self._table(self.folder / "calibration" / "egovehicle_SE3_sensor.feather")
        rows = np.isin(sensors["sensor_name"].astype(str), _LIDARS)
        if not rows.any():
            raise DataError(f"The calibration of '{self.folder}' names no LiDAR.")
        return np.asarray(columns(sensors, _TRANSLATION)[rows].mean(axis=0))

    def boxes(self, index: int, velo_T_ego: Float64[np.ndarray, "4 4"]) -> LogBoxes:
        """Read the boxes of a sweep in frame velo, with the velocities of their tracks."""
        stamp_ns = self.stamps_ns[index]
        annotated_ns = np.unique(self._annotations["timestamp_ns"])
        position = int(np.searchsorted(annotated_ns, stamp_ns))
        if position == len(annotated_ns) or annotated_ns[position] != stamp_ns:
            raise DataError(f"'{self.folder}' has no boxes of the sweep at {stamp_ns} ns.")
        rows = self._annotations["timestamp_ns"] == stamp_ns
        names = self._annotations["track_uuid"].astype(str)
        _, ids = np.unique(names, return_inverse=True)
        boxes_ego = self._boxes_ego(rows)
        neighbours = annotated_ns[max(position - 1, 0) : position + 2]
        velocities_city = self._velocities_city(ids, ids[rows], neighbours)
        city_T_ego = self._city_T_ego(stamp_ns)
        ego_T_city = inverse(city_T_ego)
        velo_T_city = velo_T_ego @ ego_T_city
        velocities_velo = velocities_city @ velo_T_city[:3, :3].T
        return LogBoxes(
            ids=ids[rows],
            classes=tuple(
                str(name).lower() for name in self._annotations["category"][rows].astype(str)
            ),
            boxes=transform_boxes(velo_T_ego, boxes_ego),
            velocities=velocities_velo,
            moving=np.asarray(np.linalg.norm(velocities_velo, axis=1) > _MIN_MOVING_MPS),
        )

    @cached_property
    def _annotations(self) -> Table:
        return self._table(self.folder / "annotations.feather")

    @cached_property
    def _poses(self) -> Table:
        return self._table(self.folder / "city_SE3_egovehicle.feather")

    def _boxes_ego(self, rows: Bool[np.ndarray, " K"]) -> Float64[np.ndarray, "N 7"]:
        yaws = [
            yaw_rad(from_quaternion(quaternion, np.zeros(3)))
            for quaternion in columns(self._annotations, _QUATERNION)[rows]
        ]
        return np.column_stack(
            [
                columns(self._annotations, _TRANSLATION)[rows],
                columns(self._annotations, _SIZE)[rows],
                np.array(yaws).reshape(-1),
            ]
        )

    def _velocities_city(
        self,
        all_ids: Int64[np.ndarray, " K"],
        ids: Int64[np.ndarray, " N"],
        stamps_ns: Int64[np.ndarray, " S"],
    ) -> Float64[np.ndarray, "N 3"]:
        """Return the mean velocity of tracks over some sweeps, from the first to the last place."""
        places: dict[int, list[tuple[int, np.ndarray]]] = {int(identity): [] for identity in ids}
        for stamp_ns in stamps_ns.tolist():
            rows = self._annotations["timestamp_ns"] == stamp_ns
            city_T_ego = self._city_T_ego(stamp_ns)
            centres_ego = columns(self._annotations, _TRANSLATION)[rows]
            centres_city = centres_ego @ city_T_ego[:3, :3].T + city_T_ego[:3, 3]
            for identity, centre in zip(all_ids[rows].tolist(), centres_city, strict=True):
                if identity in places:
                    places[identity].append((stamp_ns, centre))
        velocities = np.zeros((len(ids), 3))
        for row, identity in enumerate(ids.tolist()):
            (first_ns, first), (last_ns, last) = places[identity][0], places[identity][-1]
            if last_ns > first_ns:
                velocities[row] = (last - first) / ((last_ns - first_ns) / 1e9)
        return velocities

    def _city_T_ego(self, stamp_ns: int) -> Float64[np.ndarray, "4 4"]:
        rows = np.flatnonzero(self._poses["timestamp_ns"] == stamp_ns)
        if not len(rows):
            raise DataError(f"'{self.folder}' has no pose at {stamp_ns} ns.")
        return from_quaternion(
            columns(self._poses, _QUATERNION)[rows[0]], columns(self._poses, _TRANSLATION)[rows[0]]
        )

    def _table(self, path: Path) -> Table:
        try:
            from pyarrow import feather
        except ImportError as error:
            raise DataError(
                "Argoverse 2 logs need pyarrow, which is not installed. Install it with "
                "pip install 'unsup_track_ros[argoverse]'."
            ) from error
        try:
            table = feather.read_table(path)
        except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
            raise DataError(
                f"The Argoverse 2 file '{path}' cannot be read ({error}). Fetch the log again."
            ) from error
        return {name: np.array(table[name]) for name in table.column_names}


def columns(table: Table, names: Sequence[str]) -> Float64[np.ndarray, "P _"]:
    """Return some columns side by side.

    Raises:
        DataError: The table has no such column.
    """
    missing = [name for name in names if name not in table]
    if missing:
        raise DataError(f"An Argoverse 2 table must have the columns {missing}, got {[*table]}.")
    return np.column_stack([table[name].astype(np.float64) for name in names])
