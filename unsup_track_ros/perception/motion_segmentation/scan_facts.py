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

from unsup_track_ros.compiled import compiled_for, read_only
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
    return ScanFacts(
        points_base=points_base,
        height_m=height_m,
        velo_T_base=se3.inverse(frame.base_T_velo),
        ranges=RangeImage(frame.cloud.points_velo),
        clusters=_clusters(config, points_base, height_m),
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
    height_m: Float32[np.ndarray, " P"],
) -> Clusters:
    """Connect points on a bird's-eye grid; far away empty cells are bridged."""
    cell_m = config.cluster_cell_m
    bounds = (config.ground_clearance_m, config.max_height_m, config.own_radius_m, config.range_m)
    side = round(2 * config.range_m / cell_m)
    occupied = np.zeros((side, side), np.uint8)
    cell = np.empty(len(points_base), np.int32)
    _occupy(points_base, height_m, np.array([*bounds, cell_m], np.float32), cell, occupied)
    joined = occupied.copy()
    for empty_cells, from_m in enumerate(config.bridge_from_m, start=1):
        reach = np.ones((2 * empty_cells + 1,) * 2, np.uint8)
        bridged = cv2.dilate(occupied, reach) & _beyond(side, cell_m, from_m)
        joined |= bridged
    num, components = cv2.connectedComponents(joined, connectivity=8, ltype=cv2.CV_32S)
    label, sizes = np.empty(len(cell), np.int64), np.zeros(num, np.int64)
    longest_cells = np.empty(num, np.int64)
    _measure(cell, components, label, sizes, longest_cells)
    return Clusters(label=label, sizes=sizes, extents_m=longest_cells * cell_m)


@compiled_for(
    f"void({read_only('float32', 2)}, {read_only('float32')}, float32[::1], int32[::1],"
    " uint8[:, ::1])"
)
def _occupy(
    points: np.ndarray,
    heights_m: np.ndarray,
    bounds_m: np.ndarray,
    cell: np.ndarray,
    occupied: np.ndarray,
) -> None:
    """Mark the cells of what is neither ground nor too high, too near or too far.

    Each such point gets its flat cell, the others -1.

    Args:
        points: (P, 3) the scan.
        heights_m: (P,) over the ground.
        bounds_m: Least and largest height, least and largest range, side of a cell.
        cell: (P,) is written.
        occupied: (Y, X) is written.
    """
    lowest_m, highest_m, nearest_m, farthest_m, cell_m = bounds_m
    for k in range(len(points)):
        cell[k] = -1
        if not lowest_m < heights_m[k] < highest_m:
            continue
        x, y = points[k, 0], points[k, 1]
        if nearest_m * nearest_m < x * x + y * y < farthest_m * farthest_m:
            row, column = int((y + farthest_m) / cell_m), int((x + farthest_m) / cell_m)
            cell[k] = row * occupied.shape[1] + column
            occupied[row, column] = 1


@compiled_for(f"void(int32[::1], {read_only('int32', 2)}, int64[::1], int64[::1], int64[::1])")
def _measure(
    cell: np.ndarray,
    components: np.ndarray,
    label: np.ndarray,
    sizes: np.ndarray,
    longest: np.ndarray,
) -> None:
    """Write the component of each point, the points of each, and its longest side in cells.

    Args:
        cell: (P,) flat cell of each point, or -1.
        components: (Y, X) component of each cell, 0 for none.
        label: (P,) is written.
        sizes: (C + 1,) zeros, is written.
        longest: (C + 1,) is written; that of no component is the grid's.
    """
    num_rows, num_columns = components.shape
    flat = components.reshape(-1)
    for k in range(len(cell)):
        label[k] = flat[cell[k]] if cell[k] >= 0 else 0
        sizes[label[k]] += 1
    left, right = np.full(len(sizes), num_columns), np.full(len(sizes), -1)
    top, bottom = np.full(len(sizes), num_rows), np.full(len(sizes), -1)
    for y in range(num_rows):
        for x in range(num_columns):
            c = components[y, x]
            if c > 0:
                left[c], right[c] = min(left[c], x), max(right[c], x)
                top[c], bottom[c] = min(top[c], y), max(bottom[c], y)
    longest[0] = max(num_rows, num_columns)
    for c in range(1, len(sizes)):
        longest[c] = max(right[c] - left[c], bottom[c] - top[c]) + 1


@lru_cache(maxsize=8)
def _beyond(side: int, cell_m: float, from_m: float) -> UInt8[np.ndarray, "Y X"]:
    """Return the cells that are far enough for gaps between the returns of one object."""
    place = (np.arange(side) + 0.5 - side / 2) * cell_m
    return np.asarray(np.hypot(place[:, None], place) >= from_m, np.uint8)
