# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A pair of Argoverse 2 LiDAR sweeps with true scene flow: a recording of two scans, for scoring.

A log folder holds `sensors/lidar/<stamp>.feather` (points in the ego frame, compensated for the
motion of the vehicle), `flow_labels.feather` (total flow of the first sweep, moving and ground
flags), `ego_motion.npz` (the motion that the flow was made with), `annotations.feather` (boxes),
`city_SE3_egovehicle.feather` (poses) and `calibration/egovehicle_SE3_sensor.feather`. Reading them
needs pyarrow, the extra `argoverse`.

Axes are ours already (x forward, y left, z up). The points are moved from the ego frame, on the
rear axle, to the place of the LiDAR, because free space is what lies between a sensor and a point.
The two LiDARs sit on top of each other and count as one, midway between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from unsup_track_ros.data.argoverse_log import ArgoverseLog, columns
from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.truth import truth_folder, write_frame_truth
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.box_contents import box_of_points
from unsup_track_ros.geometry.se3 import inverse, rigid, transform
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.frame import PointCloud
from unsup_track_ros.structures.truth import FrameTruth

POINTS_TOPIC: Final = "/lidar/points"
ODOM_FRAME, BASE_FRAME, VELO_FRAME = "odom", "base_link", "velo_link"
# Height of the rear axle, the origin of the ego frame, over the road (Argoverse 2 documentation).
_EGO_HEIGHT_M: Final = 0.33
# Length and width of a box grow by this much before points are counted as the object's, its height
# does not: so the flow labels come out (9397 points on objects, of which 2 differ).
_BOX_GROWTH_M: Final = np.array([0.0, 0.0, 0.0, 0.2, 0.2, 0.0, 0.0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweepPair:
    """Two sweeps and what is true of them.

    Attributes:
        clouds: Points of each sweep in velo of its stamp.
        truths: Truth of each sweep; only the first has flow and a ground flag.
        base_T_velo: (4, 4) mounting of the LiDAR; base lies on the road below the rear axle.
        velo1_T_velo0: (4, 4) true motion of the LiDAR.
        total_flow_velo: (P, 3) of each point of the first sweep: its place in the second velo minus
            its place in the first (m).
    """

    clouds: tuple[PointCloud, PointCloud]
    truths: tuple[FrameTruth, FrameTruth]
    base_T_velo: Float64[np.ndarray, "4 4"]
    velo1_T_velo0: Float64[np.ndarray, "4 4"]
    total_flow_velo: Float64[np.ndarray, "P 3"]


def read_sweep_pair(log_dir: Path) -> SweepPair:
    """Read the two sweeps of a log and their truth.

    Raises:
        DataError: pyarrow is not installed, a file is missing or damaged, or the log does not hold
            exactly two sweeps.
    """
    log = ArgoverseLog(Path(log_dir))
    ego_T_velo = rigid(np.eye(3), log.lidar_place_ego)
    velo_T_ego = inverse(ego_T_velo)
    ego1_T_ego0 = log.ego1_T_ego0
    velo1_T_velo0 = velo_T_ego @ ego1_T_ego0 @ ego_T_velo
    base_T_velo = rigid(np.eye(3), np.array([0.0, 0.0, _EGO_HEIGHT_M])) @ ego_T_velo
    odom_T_base = np.eye(4)
    odom_T_velo0 = odom_T_base @ base_T_velo
    odom_T_velo1 = odom_T_velo0 @ inverse(velo1_T_velo0)
    clouds = (_cloud(log, 0, velo_T_ego), _cloud(log, 1, velo_T_ego))
    # A difference of places is the same vector in velo as in ego: their axes are parallel.
    total_flow_velo = columns(log.flow, ("flow_tx_m", "flow_ty_m", "flow_tz_m"))
    first = _truth(log, 0, clouds[0], velo_T_ego, odom_T_velo0)
    return SweepPair(
        clouds=clouds,
        truths=(
            _with_flow(first, log, clouds[0], total_flow_velo, velo1_T_velo0),
            _truth(log, 1, clouds[1], velo_T_ego, odom_T_velo1),
        ),
        base_T_velo=base_T_velo,
        velo1_T_velo0=velo1_T_velo0,
        total_flow_velo=total_flow_velo,
    )


def write_sweep_pair(
    pair: SweepPair, path: Path, *, backward: bool = False, overwrite: bool = False
) -> None:
    """Write the pair as a recording of two scans with poses, and its truth beside it.

    Flow is true of the first sweep, but a causal answer is about the last scan. `backward` plays
    time in reverse: the second sweep comes first, everything moves the other way, and the last scan
    is the one with the flow.

    Args:
        pair: Result of `read_sweep_pair`.
        path: Recording, `OUT.mcap` or a folder; the truth lies in `truth_folder(path)`.
        backward: Whether time runs in reverse. The truth then has no flow, which would be that to a
            scan before.
        overwrite: Whether an existing recording is replaced.

    Raises:
        DataError: The recording exists or cannot be written.
    """
    stamps_ns = [truth.stamp_ns for truth in pair.truths]
    with BagWriter(path, overwrite=overwrite) as bag:
        bag.write_transform(BASE_FRAME, VELO_FRAME, stamps_ns[0], pair.base_T_velo, static=True)
        for stamp_ns, index in zip(stamps_ns, (1, 0) if backward else (0, 1), strict=True):
            truth = pair.truths[index]
            odom_T_velo = truth.odom_T_velo
            assert odom_T_velo is not None  # `read_sweep_pair` gives it
            velo_T_base = inverse(pair.base_T_velo)
            odom_T_base = odom_T_velo @ velo_T_base
            bag.write_transform(ODOM_FRAME, BASE_FRAME, stamp_ns, odom_T_base)
            bag.write_cloud(POINTS_TOPIC, VELO_FRAME, stamp_ns, pair.clouds[index])
            placed = _reversed(truth, stamp_ns) if backward else truth
            write_frame_truth(truth_folder(path), placed)


def _reversed(truth: FrameTruth, stamp_ns: int) -> FrameTruth:
    velocities = truth.velocities_velo
    return replace(
        truth,
        stamp_ns=stamp_ns,
        velocities_velo=None if velocities is None else -velocities,
        flow_points_velo=None,
    )


def _cloud(log: ArgoverseLog, index: int, velo_T_ego: Float64[np.ndarray, "4 4"]) -> PointCloud:
    sweep = log.sweep(index)
    points_ego = columns(sweep, ("x", "y", "z"))
    return PointCloud(
        points_velo=transform(velo_T_ego, points_ego).astype(np.float32),
        intensity=sweep["intensity"].astype(np.float32),
    )


def _truth(
    log: ArgoverseLog,
    index: int,
    cloud: PointCloud,
    velo_T_ego: Float64[np.ndarray, "4 4"],
    odom_T_velo: Float64[np.ndarray, "4 4"],
) -> FrameTruth:
    """Return boxes, and the points that lie in them."""
    boxes = log.boxes(index, velo_T_ego)
    point_objects = box_of_points(cloud.points_velo, boxes.boxes + _BOX_GROWTH_M)
    return FrameTruth(
        stamp_ns=log.stamps_ns[index],
        ids=boxes.ids,
        classes=boxes.classes,
        boxes_velo=boxes.boxes,
        moving=boxes.moving,
        velocities_velo=boxes.velocities,
        num_points=np.bincount(point_objects[point_objects >= 0], minlength=len(boxes.ids)),
        odom_T_velo=odom_T_velo,
        moving_points=np.append(boxes.moving, False)[point_objects],
        point_objects=point_objects,
    )


def _with_flow(
    truth: FrameTruth,
    log: ArgoverseLog,
    cloud: PointCloud,
    total_flow_velo: Float64[np.ndarray, "P 3"],
    velo1_T_velo0: Float64[np.ndarray, "4 4"],
) -> FrameTruth:
    """Add what is known of the first sweep only."""
    points_velo = np.asarray(cloud.points_velo, np.float64)
    if len(points_velo) != len(total_flow_velo):
        raise DataError(
            f"The flow of '{log.folder}' must have one row per point of the first sweep, expected "
            f"{len(points_velo)}, got {len(total_flow_velo)}. Take flow and sweeps of the same log."
        )
    velo0_T_velo1 = inverse(velo1_T_velo0)
    still_flow = transform(velo0_T_velo1, points_velo + total_flow_velo) - points_velo
    return replace(
        truth,
        moving_points=log.flow["dynamic"],
        ground_points=log.flow["is_ground_0"],
        flow_points_velo=still_flow.astype(np.float32),
    )
