# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""PointCloud2 of any layout to finite points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unsup_track_ros.data.message_types import RosMessage
from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float32, Shaped
from unsup_track_ros.structures.frame import PointCloud

# sensor_msgs/PointField.datatype -> numpy kind and size.
_DATATYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
_INTENSITY_NAMES = ("intensity", "intensities", "reflectivity", "reflectance", "i")
_RING_NAMES = ("ring", "channel", "line", "laser_id")
# Velodyne and Livox, Ouster, Hesai and RoboSense, ROS 1 bags of the Hilti and NCD sets.
_TIME_NAMES = ("time", "t", "timestamp", "time_stamp", "offset_time", "time_offset")
_NANOSECONDS = 1e9
# A time of day in seconds since 1970 is above 1e9, in nanoseconds above 1e18; a scan lasts seconds.
_ABSOLUTE_SECONDS = 1e8
_ABSOLUTE_NANOSECONDS = 1e16
_LONGEST_SCAN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedCloud:
    """A cloud and what is to be said about it.

    Attributes:
        cloud: Finite points; empty when there are none.
        frame_id: Frame of the points.
        stamp_ns: Header stamp.
        num_invalid: Points that were removed because they are no returns.
        reason: Why there are no points, or why the per-point time was not used; else empty.
    """

    cloud: PointCloud
    frame_id: str
    stamp_ns: int
    num_invalid: int
    reason: str = ""


def stamp_ns(message: RosMessage) -> int:
    """Return the header stamp of a message in nanoseconds."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def decode_cloud(message: RosMessage) -> DecodedCloud:
    """Decode a sensor_msgs/PointCloud2: any field order and type, padding, either byte order.

    Points with a NaN or infinite coordinate are no returns (REP 117), nor are points in the exact
    origin (so marked by Ouster and others); both are removed, whatever `is_dense` claims. The
    coordinates are a view of the message where its layout is exactly three float32, else one copy.

    Raises:
        DataError: There is no x, y or z, or the sizes contradict each other.
    """
    columns = _columns(message)
    _demand(columns, ("x", "y", "z"), message)
    stamp = stamp_ns(message)
    points = _coordinates(columns)
    time_offset_s, reason = _time_offset(columns, stamp)
    cloud = PointCloud(
        points_velo=points,
        intensity=_optional(columns, _INTENSITY_NAMES, np.float32),
        time_offset_s=time_offset_s,
        ring=_optional(columns, _RING_NAMES, np.int32),
    )
    cloud = drop_missing_returns(cloud)
    num_invalid = len(points) - len(cloud.points_velo)
    if len(points) == 0:
        reason = "the message carries no points"
    elif num_invalid == len(points):
        reason = f"all {num_invalid} points are NaN, infinite or zero"
    return DecodedCloud(
        cloud=cloud,
        frame_id=message.header.frame_id,
        stamp_ns=stamp,
        num_invalid=num_invalid,
        reason=reason,
    )


def decode_columns(
    message: RosMessage, names: tuple[str, ...]
) -> dict[str, Shaped[np.ndarray, " P"]]:
    """Return some columns of a PointCloud2 as they are, nothing removed.

    Raises:
        DataError: One of them is missing, or the sizes contradict each other.
    """
    columns = _columns(message)
    _demand(columns, names, message)
    return {name: columns[name] for name in names}


def _demand(
    columns: dict[str, Shaped[np.ndarray, " P"]], names: tuple[str, ...], message: RosMessage
) -> None:
    if not columns.keys() >= set(names):
        raise DataError(
            f"The point cloud of frame '{message.header.frame_id}' must have fields "
            f"{', '.join(names[:-1])} and {names[-1]}; got {', '.join(columns) or 'none'}."
        )


def drop_missing_returns(cloud: PointCloud) -> PointCloud:
    """Remove points that are NaN, infinite or exactly in the origin; without any, copy nothing."""
    extent = np.abs(cloud.points_velo) @ np.ones(3, np.float32)  # nan and inf spread to the sum
    keep = np.isfinite(extent) & (extent > 0)
    if keep.all():
        return cloud
    return PointCloud(
        points_velo=cloud.points_velo[keep],
        intensity=None if cloud.intensity is None else cloud.intensity[keep],
        time_offset_s=None if cloud.time_offset_s is None else cloud.time_offset_s[keep],
        ring=None if cloud.ring is None else cloud.ring[keep],
    )


def _columns(message: RosMessage) -> dict[str, Shaped[np.ndarray, " P"]]:
    """Return one strided view per field, in the message's byte order."""
    rows, columns = int(message.height), int(message.width)
    step = int(message.point_step)
    if rows * columns == 0:
        return {str(field.name): np.empty(0, np.float32) for field in message.fields}
    row_step = int(message.row_step) or step * columns
    data = np.frombuffer(message.data, np.uint8)
    needed = row_step * (rows - 1) + step * columns
    if step * columns > row_step or len(data) < needed:
        raise DataError(
            f"The point cloud of frame '{message.header.frame_id}' contradicts itself: {rows} x "
            f"{columns} points of {step} bytes in rows of {row_step} need {needed} bytes, "
            f"got {len(data)}."
        )
    order = ">" if message.is_bigendian else "<"
    views: dict[str, Shaped[np.ndarray, " P"]] = {}
    for field in message.fields:
        kind = _DATATYPES.get(int(field.datatype))
        if kind is None or int(field.offset) + np.dtype(kind).itemsize > step:
            raise DataError(
                f"Field '{field.name}' of the point cloud of frame '{message.header.frame_id}' has "
                f"datatype {field.datatype} at byte {field.offset} of {step}; it does not fit."
            )
        grid: Any = np.ndarray(
            (rows, columns), order + kind, data, int(field.offset), (row_step, step)
        )
        views[str(field.name)] = grid.reshape(-1)  # a copy only where rows are padded
    return views


def _coordinates(
    columns: dict[str, Shaped[np.ndarray, " P"]],
) -> Float32[np.ndarray, "P 3"]:
    x, y, z = (columns[axis] for axis in "xyz")
    native = np.dtype(np.float32)
    if x.dtype == y.dtype == z.dtype == native and x.strides == y.strides == z.strides and len(x):
        addresses = [column.__array_interface__["data"][0] for column in (x, y, z)]
        if addresses[1] - addresses[0] == addresses[2] - addresses[1] == native.itemsize:
            side_by_side = np.lib.stride_tricks.as_strided(
                x, (len(x), 3), (x.strides[0], native.itemsize), writeable=False
            )
            return np.ascontiguousarray(side_by_side)
    points = np.empty((len(x), 3), np.float32)
    for axis, column in enumerate((x, y, z)):
        points[:, axis] = column
    return points


def _find(
    columns: dict[str, Shaped[np.ndarray, " P"]], names: tuple[str, ...]
) -> Shaped[np.ndarray, " P"] | None:
    return next((columns[name] for name in names if name in columns), None)


def _optional(
    columns: dict[str, Shaped[np.ndarray, " P"]], names: tuple[str, ...], dtype: type[np.generic]
) -> Shaped[np.ndarray, " P"] | None:
    column = _find(columns, names)
    return None if column is None else column.astype(dtype)


def _time_offset(
    columns: dict[str, Shaped[np.ndarray, " P"]], stamp: int
) -> tuple[Float32[np.ndarray, " P"] | None, str]:
    """Return capture times relative to the stamp, or why the column cannot be used.

    Drivers differ: integers are nanoseconds and floats seconds, each either since the stamp or
    since 1970 (Livox writes the latter as float64 nanoseconds). The magnitude tells which.
    """
    column = _find(columns, _TIME_NAMES)
    if column is None or len(column) == 0:
        return None, ""
    largest = float(np.nanmax(np.abs(column.astype(np.float64))))
    if column.dtype.kind in "iu" or largest > _ABSOLUTE_NANOSECONDS:
        start_ns = stamp if largest > _ABSOLUTE_NANOSECONDS else 0
        offset_s = (np.nan_to_num(column).astype(np.int64) - start_ns) / _NANOSECONDS
    else:
        start_s = stamp / _NANOSECONDS if largest > _ABSOLUTE_SECONDS else 0.0
        offset_s = column.astype(np.float64) - start_s
    longest = float(np.nanmax(np.abs(offset_s)))
    if not longest <= _LONGEST_SCAN_S:
        return None, (
            f"the per-point times reach {longest:.3g} s from the stamp, longer than any scan, "
            "so they are ignored"
        )
    return np.nan_to_num(offset_s).astype(np.float32), ""
