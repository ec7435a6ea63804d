# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What one scan says by itself, whatever it will be compared with.

Everything is in the level frame `base` of the scan's own moment and needs no pose: it can be worked
out while optical flow and egomotion are still busy, and serves the scan twice, as the current one
and half a second later as the past one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.ground import LevelScan
from unsup_track_ros.geometry.ground_planes import height_above_planes
from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.perception.motion_segmentation.distance_field import DistanceField
from unsup_track_ros.shapes import Bool, Float, Float32, Float64, Int, UInt8
from unsup_track_ros.structures.frame import SensorFrame


class ScanFactsConfig(Config):
    """Parameters of what is read off a single scan."""

    ground: Literal["lowest", "patchworkpp"] = parameter(
        "lowest", "Ground from the lowest returns around, or from planes (package pypatchworkpp)."
    )
    range_m: float = parameter(52.0, "Ground range up to which is judged.", unit="m", gt=0)
    own_radius_m: float = parameter(
        2.0, "Points nearer than this are the vehicle itself.", unit="m", ge=0
    )
    ground_clearance_m: float = parameter(
        0.3, "Points lower than this over the local ground are ground.", unit="m", gt=0
    )
    max_height_m: float = parameter(
        2.6, "Points higher than this over the local ground do not join clusters.", unit="m", gt=0
    )
    cluster_cell_m: float = parameter(0.2, "Cell of the clustering grid.", unit="m", gt=0)
    bridge_from_m: tuple[float, ...] = parameter(
        (15.0, 25.0),
        "Ranges from which one, two, ... empty cells on each side do not part a cluster.",
        unit="m",
    )
    field_cell_m: float = parameter(0.15, "Cell of the distance field.", unit="m", gt=0)
    reach_m: float = parameter(
        15.0, "Longest translation between two scans that is searched for.", unit="m", gt=0
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """Connected points over the ground; label 0 is no cluster.

    Attributes:
        label: (P,) cluster of every point of the scan.
        sizes: (C + 1,) points per cluster.
        extents_m: (C + 1,) longest ground side.
    """

    label: Int[np.ndarray, " P"]
    sizes: Int[np.ndarray, " C1"]
    extents_m: Float[np.ndarray, " C1"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanFacts:
    """A scan in its own level frame, and what follows from it.

    Attributes:
        points_base: (P, 3) the points.
        height_m: (P,) their height over the local ground.
        velo_T_base: (4, 4) back to the sensor.
        ranges: What the sensor saw through.
        clusters: Connected points over the ground.
    """

    points_base: Float32[np.ndarray, "P 3"]
    height_m: Float32[np.ndarray, " P"]
    velo_T_base: Float64[np.ndarray, "4 4"]
    ranges: RangeImage
    clusters: Clusters

    def sees_through(
        self, places_base: Float[np.ndarray, "M 3"], margin_m: float
    ) -> Bool[np.ndarray, " M"]:
        """Tell which places the sensor proved to be free."""
        return self.ranges.sees_through(se3.transform(self.velo_T_base, places_base), margin_m)


def read_scan(config: ScanFactsConfig, frame: SensorFrame, level: LevelScan) -> ScanFacts:
    """Work out the facts of a frame's scan, which is given levelled too."""
    points_base, height_m = level.points_base, level.height_m
    if config.ground == "patchworkpp":
        height_m = height_above_planes(points_base, float(frame.base_T_velo[2, 3]))
    solid = height_m > config.ground_clearance_m
    return ScanFacts(
        points_base=points_base,
        height_m=height_m,
        velo_T_base=se3.inverse(frame.base_T_velo),
        ranges=RangeImage(frame.cloud.points_velo),
        clusters=_clusters(config, points_base, solid & (height_m < config.max_height_m)),
    )


def distance_field(config: ScanFactsConfig, scan: ScanFacts) -> DistanceField:
    """Return the distance to the nearest point over the ground: what later scans are laid on."""
    return DistanceField(
        scan.points_base,
        scan.height_m,
        clearance_m=config.ground_clearance_m,
        half_side_m=config.range_m,
        cell_m=config.field_cell_m,
    )


def _clusters(
    config: ScanFactsConfig,
    points_base: Float32[np.ndarray, "P 3"],
    candidate: Bool[np.ndarray, " P"],
) -> Clusters:
    """Connect points on a bird's-eye grid; far away empty cells are bridged."""
    row = np.flatnonzero(candidate)
    x, y = points_base[row, 0], points_base[row, 1]
    squared = x * x + y * y
    near = (squared > config.own_radius_m**2) & (squared < config.range_m**2)
    row, x, y = row[near], x[near], y[near]
    side = round(2 * config.range_m / config.cluster_cell_m)
    cell = ((y + config.range_m) / config.cluster_cell_m).astype(np.int32) * side
    cell += ((x + config.range_m) / config.cluster_cell_m).astype(np.int32)
    occupied = np.zeros((side, side), np.uint8)
    occupied.reshape(-1)[cell] = 1
    joined = occupied.copy()
    for empty_cells, from_m in enumerate(config.bridge_from_m, start=1):
        reach = np.ones((2 * empty_cells + 1,) * 2, np.uint8)
        bridged = cv2.dilate(occupied, reach) & _beyond(side, config.cluster_cell_m, from_m)
        joined |= bridged
    num, components, stats, _ = cv2.connectedComponentsWithStats(
        joined, connectivity=8, ltype=cv2.CV_32S
    )
    label = np.zeros(len(points_base), np.int64)
    label[row] = components.reshape(-1)[cell]
    cells = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    return Clusters(
        label=label,
        sizes=np.bincount(label, minlength=num),
        extents_m=cells * config.cluster_cell_m,
    )


@lru_cache(maxsize=8)
def _beyond(side: int, cell_m: float, from_m: float) -> UInt8[np.ndarray, "Y X"]:
    """Return the cells that are far enough for gaps between the returns of one object."""
    place = (np.arange(side) + 0.5 - side / 2) * cell_m
    return np.asarray(np.hypot(place[:, None], place) >= from_m, np.uint8)
