# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Motion mask to Image; a scan with its motion to PointCloud2 and back."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from sensor_msgs.msg import Image, PointCloud2, PointField

from unsup_track_ros.data.point_cloud_decoding import decode_columns
from unsup_track_ros.ros.convert.basics import to_array, to_header
from unsup_track_ros.shapes import Int64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.frame import PointCloud
from unsup_track_ros.structures.motion import MotionRegions, MotionSegmentation, MotionState
from unsup_track_ros.structures.tracks import Tracks, TrackState

# Grey values of the mask.
NOT_JUDGED, STANDING, MOVING = 0, 128, 255
# Values of the cloud's columns `region` and `track` for points that belong to nothing.
NO_REGION, NO_TRACK = 0, -1
_KINDS: Final = {
    "f4": PointField.FLOAT32,
    "u4": PointField.UINT32,
    "i4": PointField.INT32,
    "u1": PointField.UINT8,
}


def to_motion_mask(motion: MotionSegmentation, at_ns: int, camera: str) -> Image | None:
    """Build the mask at the working resolution; None without a camera."""
    if motion.moving_pixels is None or motion.judged_pixels is None:
        return None
    mask = np.where(motion.judged_pixels, STANDING, NOT_JUDGED).astype(np.uint8)
    mask[motion.moving_pixels] = MOVING
    height, width = mask.shape
    return Image(
        header=to_header(at_ns, camera),
        height=height,
        width=width,
        encoding="mono8",
        is_bigendian=0,
        step=width,
        data=to_array("B", mask),
    )


def track_of_points(
    regions: MotionRegions, detections: Detections, tracks: Tracks
) -> Int64[np.ndarray, " P"]:
    """Return the id of the confirmed track that each point was seen on, -1 for none."""
    track_of_region = np.full(len(detections) + 1, NO_TRACK, np.int64)
    matched = (tracks.detection_index >= 0) & (tracks.states != TrackState.TENTATIVE)
    track_of_region[tracks.detection_index[matched] + 1] = tracks.ids[matched]
    return np.asarray(track_of_region[regions.point_region])


def to_segmented_cloud(
    cloud: PointCloud,
    motion: MotionSegmentation,
    regions: MotionRegions,
    tracks: Int64[np.ndarray, " P"],
    header: tuple[int, str],
) -> PointCloud2:
    """Build the scan with columns moving, judged, region (of this scan) and track.

    Args:
        cloud: The scan.
        motion: What moves.
        regions: Connected moving regions; column `region` numbers them from 1.
        tracks: Id per point, -1 for none.
        header: Stamp in nanoseconds and frame.
    """
    columns = _coordinates(cloud)
    columns["region"] = ("u4", regions.point_region)
    columns["track"] = ("i4", tracks)
    columns["moving"] = ("u1", motion.moving_points)
    columns["judged"] = ("u1", motion.judged_points)
    return to_cloud(columns, header)


def to_dynamic_cloud(
    cloud: PointCloud, motion: MotionSegmentation, header: tuple[int, str]
) -> PointCloud2:
    """Build the moving part of the scan."""
    columns = _coordinates(cloud)
    moving = motion.moving_points
    return to_cloud({n: (k, values[moving]) for n, (k, values) in columns.items()}, header)


def from_segmented_cloud(message: PointCloud2) -> tuple[PointCloud, MotionRegions]:
    """Return the points of a segmented cloud and the regions they belong to.

    Scores, motion and flow of the regions are not in the message: they are 0, unsure and nan.

    Raises:
        DataError: A column is missing, or the message contradicts itself.
    """
    columns = decode_columns(message, ("x", "y", "z", "region"))
    points = np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float32)
    region = columns["region"].astype(np.int32)
    num = int(region.max(initial=NO_REGION))
    regions = MotionRegions(
        point_region=region,
        scores=np.zeros(num, np.float32),
        motion=np.full(num, MotionState.UNSURE, np.int64),
        flow_velo=np.full((num, 3), np.nan, np.float32),
    )
    return PointCloud(points_velo=points), regions


def _coordinates(cloud: PointCloud) -> dict[str, tuple[str, Any]]:
    columns: dict[str, tuple[str, Any]] = {
        name: ("f4", cloud.points_velo[:, axis]) for axis, name in enumerate("xyz")
    }
    if cloud.intensity is not None:
        columns["intensity"] = ("f4", cloud.intensity)
    return columns


def to_cloud(columns: dict[str, tuple[str, Any]], header: tuple[int, str]) -> PointCloud2:
    """Build a cloud of columns, x, y and z among them.

    Args:
        columns: Kind (`f4`, `u4`, `i4` or `u1`) and values by name.
        header: Stamp in nanoseconds and frame.
    """
    # Aligned to four bytes, as C++ readers map a structure onto the points.
    dtype = np.dtype([(name, kind) for name, (kind, _) in columns.items()], align=True)
    packed = np.zeros(len(columns["x"][1]), dtype)
    for name, (_, values) in columns.items():
        packed[name] = values
    members: Any = dtype.fields
    return PointCloud2(
        header=to_header(*header),
        height=1,
        width=len(packed),
        fields=[
            PointField(name=name, offset=members[name][1], datatype=_KINDS[kind], count=1)
            for name, (kind, _) in columns.items()
        ],
        is_bigendian=False,
        point_step=dtype.itemsize,
        row_step=dtype.itemsize * len(packed),
        data=to_array("B", packed),
        is_dense=True,
    )
