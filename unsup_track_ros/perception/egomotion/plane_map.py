# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A map of small planes in voxels.

Each voxel keeps the sums that give mean and covariance of the points seen in it (normal
distributions transform, Biber and Strasser 2003). Only where the points form a plane do they count:
the rings that a LiDAR draws on the ground move with the sensor and would pull any point-to-point
registration towards standing still.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.compiled import compiled_for
from unsup_track_ros.config import Config, parameter
from unsup_track_ros.perception.egomotion.principal_axes import thinnest_axis
from unsup_track_ros.perception.egomotion.voxel_moments import VoxelMoments, coarsened
from unsup_track_ros.perception.egomotion.voxel_table import (
    EMPTY,
    empty_table,
    key_of,
    slot_of,
    unpacked,
)
from unsup_track_ros.shapes import Float64, Int32, Int64


class PlaneMapConfig(Config):
    """Voxel planes and the registration against them."""

    voxel_m: float = parameter(
        0.5, "Side of a voxel; a coarse level of twice the side is derived.", unit="m", gt=0
    )
    keep_ratio: float = parameter(
        0.8, "Weight that each older scan keeps when a new one is added.", gt=0, lt=1
    )
    min_points: float = parameter(8.0, "Weighted points that a plane needs.", ge=4)
    max_thickness_m: float = parameter(
        0.06, "Standard deviation along the normal up to which points form a plane.", unit="m", gt=0
    )
    min_width_ratio: float = parameter(
        0.12,
        "Least standard deviation across a plane, in voxel sides; less is a single scan ring.",
        gt=0,
    )
    coarse_scales_m: tuple[float, ...] = parameter(
        (0.4, 0.2, 0.1),
        "Residual scales of the robust weights, one per iteration on the coarse level.",
        unit="m",
    )
    fine_scale_m: float = parameter(
        0.1, "Residual scale of the robust weights on the fine level.", unit="m", gt=0
    )
    max_iterations: int = parameter(10, "Most iterations on the fine level.", ge=1)
    converged_m: float = parameter(
        0.001,
        "Change of the pose (at 10 m distance for its rotation) that ends the iterations.",
        unit="m",
        gt=0,
    )
    sensor_noise_m: float = parameter(
        0.02, "Standard deviation of a range measurement.", unit="m", gt=0
    )
    min_matches: int = parameter(200, "Points on planes that a registration needs.", ge=6)


# A plane is at least three times as wide as thick, in standard deviations.
_MIN_ASPECT_SQUARED = 9.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planes:
    """Voxels whose points form a plane, and their empty neighbours along the normal.

    Attributes:
        voxel_m: Side of a voxel.
        keys: (C,) packed indices of the voxels.
        owners: (C,) which plane each belongs to.
        table: (S,) where to find each key, see `voxel_table`.
        centroids: (V, 3) a point on each plane.
        normals: (V, 3) unit normals.
        variances: (V,) variance of the points along the normal, square metres.
    """

    voxel_m: float
    keys: Int64[np.ndarray, " C"]
    owners: Int32[np.ndarray, " C"]
    table: Int32[np.ndarray, " S"]
    centroids: Float64[np.ndarray, "V 3"]
    normals: Float64[np.ndarray, "V 3"]
    variances: Float64[np.ndarray, " V"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlaneLevels:
    """Planes of one map at two resolutions: the coarse one is met from farther away."""

    coarse: Planes
    fine: Planes


def planes_of(moments: VoxelMoments, voxel_m: float, config: PlaneMapConfig) -> Planes:
    """Find the voxels whose points form a plane.

    Each plane also claims the next voxel on either side, where no other plane is: a point that is
    displaced along the normal then still meets the plane it belongs to.
    """
    keys, centroids, normals, variances = _planes(
        moments.keys,
        moments.sums,
        voxel_m,
        config.min_points,
        config.max_thickness_m**2,
        (config.min_width_ratio * voxel_m) ** 2,
    )
    claimed, owners, table = _claims(keys, centroids, normals, voxel_m)
    return Planes(
        voxel_m=voxel_m,
        keys=claimed,
        owners=owners,
        table=table,
        centroids=centroids,
        normals=normals,
        variances=variances,
    )


def plane_levels(moments: VoxelMoments, config: PlaneMapConfig) -> PlaneLevels:
    """Find the planes of a map with voxels of `config.voxel_m`, and of the one twice as coarse."""
    coarse_m = 2 * config.voxel_m
    return PlaneLevels(
        coarse=planes_of(coarsened(moments, config.voxel_m), coarse_m, config),
        fine=planes_of(moments, config.voxel_m, config),
    )


@compiled_for(
    "Tuple((int64[::1], float64[:, ::1], float64[:, ::1], float64[::1]))"
    "(int64[::1], float64[:, ::1], float64, float64, float64, float64)"
)
def _planes(
    keys: np.ndarray,
    sums: np.ndarray,
    voxel_m: float,
    min_points: float,
    max_variance: float,
    min_width: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return keys, centroids, normals and variances of the voxels that are planes."""
    chosen = np.empty(len(keys), np.int64)
    centroids, normals = np.empty((len(keys), 3)), np.empty((len(keys), 3))
    variances = np.empty(len(keys))
    num = 0
    for row in range(len(keys)):
        count = sums[row, 0]
        if count < min_points:
            continue
        x, y, z = sums[row, 1] / count, sums[row, 2] / count, sums[row, 3] / count
        thickness, width, a, b, c = thinnest_axis(
            sums[row, 4] / count - x * x,
            sums[row, 5] / count - x * y,
            sums[row, 6] / count - x * z,
            sums[row, 7] / count - y * y,
            sums[row, 8] / count - y * z,
            sums[row, 9] / count - z * z,
        )
        if thickness < max_variance and width > max(_MIN_ASPECT_SQUARED * thickness, min_width):
            i, j, k = unpacked(keys[row])
            chosen[num] = keys[row]
            centroids[num, 0] = x + (i + 0.5) * voxel_m
            centroids[num, 1] = y + (j + 0.5) * voxel_m
            centroids[num, 2] = z + (k + 0.5) * voxel_m
            normals[num, 0], normals[num, 1], normals[num, 2] = a, b, c
            variances[num] = max(thickness, 0.0)
            num += 1
    return chosen[:num].copy(), centroids[:num].copy(), normals[:num].copy(), variances[:num].copy()


@compiled_for(
    "Tuple((int64[::1], int32[::1], int32[::1]))"
    "(int64[::1], float64[:, ::1], float64[:, ::1], float64)"
)
def _claims(
    planes: np.ndarray, centroids: np.ndarray, normals: np.ndarray, voxel_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the voxels that planes claim, whose each is, and a table of them.

    What a plane lies in is its own. Of several that claim a voxel beside them, those along their
    normal come before those against it, and of these the one of the smallest key.
    """
    most = 3 * len(planes)
    keys, owners, table = np.empty(most, np.int64), np.empty(most, np.int32), empty_table(most)
    num = 0
    for side in (0.0, 1.0, -1.0):
        firm = num
        for plane in range(len(planes)):
            key = planes[plane]
            if side != 0.0:
                x = centroids[plane, 0] + side * voxel_m * normals[plane, 0]
                y = centroids[plane, 1] + side * voxel_m * normals[plane, 1]
                z = centroids[plane, 2] + side * voxel_m * normals[plane, 2]
                key = key_of(x, y, z, voxel_m)
            slot = slot_of(key, keys, table)
            row = table[slot]
            if row == EMPTY:
                table[slot] = num
                keys[num] = key
                owners[num] = plane
                num += 1
            elif row >= firm and planes[plane] < planes[owners[row]]:
                owners[row] = plane
    return keys[:num].copy(), owners[:num].copy(), table
