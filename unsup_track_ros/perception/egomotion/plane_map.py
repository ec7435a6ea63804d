# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A map of small planes in voxels, and the registration of a scan against it.

Each voxel keeps the sums that give mean and covariance of the points seen in it (normal
distributions transform, Biber and Strasser 2003); where the points form a plane, the distance to it
along its normal is what the registration minimises (Chen and Medioni 1991). Only planes count: the
rings that a LiDAR draws on the ground move with the sensor and would pull any point-to-point
registration towards standing still.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.principal_axes import thinnest_axes
from unsup_track_ros.geometry.se3 import transform
from unsup_track_ros.perception.egomotion.voxel_moments import (
    PAIRS,
    VoxelMoments,
    coarsened,
    find,
    unpack,
    voxel_keys,
)
from unsup_track_ros.shapes import Float64, Int64


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


# A rotation counts by what it moves at this distance when convergence is judged.
_LEVER_M = 10.0

# Planes steeper than 45 degrees are upright.
_UPRIGHT_NORMAL_Z = 0.7

# A plane is at least three times as wide as thick, in standard deviations.
_MIN_ASPECT_SQUARED = 9.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planes:
    """Voxels whose points form a plane, and their empty neighbours along the normal.

    Attributes:
        voxel_m: Side of a voxel.
        keys: (V,) packed voxel indices, sorted.
        centroids: (V, 3) a point on each plane.
        normals: (V, 3) unit normals.
        variances: (V,) variance of the points along the normal, square metres.
    """

    voxel_m: float
    keys: Int64[np.ndarray, " V"]
    centroids: Float64[np.ndarray, "V 3"]
    normals: Float64[np.ndarray, "V 3"]
    variances: Float64[np.ndarray, " V"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlaneLevels:
    """Planes of one map at two resolutions: the coarse one is met from farther away."""

    coarse: Planes
    fine: Planes


def planes_of(moments: VoxelMoments, voxel_m: float, config: PlaneMapConfig) -> Planes:
    """Find the voxels whose points form a plane."""
    dense = moments.sums[:, 0] >= config.min_points
    keys, sums = moments.keys[dense], np.compress(dense, moments.sums, axis=0)
    mean = sums[:, 1:4] / sums[:, :1]
    covariances = np.empty((len(PAIRS), len(keys)))
    for row, (i, j) in enumerate(PAIRS):
        covariances[row] = sums[:, 4 + row] / sums[:, 0] - mean[:, i] * mean[:, j]
    (thickness, width), normals = thinnest_axes(covariances)
    flat = (
        (thickness < config.max_thickness_m**2)
        & (width > _MIN_ASPECT_SQUARED * thickness)
        & (width > (config.min_width_ratio * voxel_m) ** 2)
    )
    centroids = mean[flat] + (unpack(keys[flat]) + 0.5) * voxel_m
    planes = Planes(
        voxel_m=voxel_m,
        keys=keys[flat],
        centroids=centroids,
        normals=np.compress(flat, normals, axis=0),
        variances=np.maximum(thickness[flat], 0.0),
    )
    return _widened(planes)


def plane_levels(moments: VoxelMoments, config: PlaneMapConfig) -> PlaneLevels:
    """Find the planes of a map with voxels of `config.voxel_m`, and of the one twice as coarse."""
    coarse_m = 2 * config.voxel_m
    return PlaneLevels(
        coarse=planes_of(coarsened(moments, config.voxel_m), coarse_m, config),
        fine=planes_of(moments, config.voxel_m, config),
    )


def register(
    odom_T_velo: Float64[np.ndarray, "4 4"],
    points_velo: Float64[np.ndarray, "P 3"],
    levels: PlaneLevels,
    config: PlaneMapConfig,
) -> Float64[np.ndarray, "4 4"] | None:
    """Refine the pose of a scan until its points lie on the planes of the map.

    Args:
        odom_T_velo: Pose to start from, good to about one voxel.
        points_velo: Scan, thinned evenly in space.
        levels: Planes in odom.
        config: Sizes and scales.

    Returns:
        The refined pose, or None where too few points meet a plane or the planes do not fix it.
    """
    passes = [(levels.coarse, scale_m) for scale_m in config.coarse_scales_m]
    passes += [(levels.fine, config.fine_scale_m)] * config.max_iterations
    for planes, scale_m in passes:
        step = _gauss_newton_step(odom_T_velo, points_velo, planes, scale_m, config)
        if step is None:
            return None
        odom_T_velo = _moved(odom_T_velo, step)
        change_m = np.linalg.norm(step[:3]) + _LEVER_M * np.linalg.norm(step[3:])
        if planes is levels.fine and change_m < config.converged_m:
            break
    return odom_T_velo


def support(
    odom_T_velo: Float64[np.ndarray, "4 4"],
    points_velo: Float64[np.ndarray, "P 3"],
    levels: PlaneLevels,
    config: PlaneMapConfig,
    *,
    upright_only: bool = False,
) -> float:
    """Count, softly and on both levels, the points that lie on planes of the map at this pose.

    Args:
        odom_T_velo: Pose to judge.
        points_velo: Scan, thinned evenly in space.
        levels: Planes in odom.
        config: Gives the scale of the votes.
        upright_only: Leave out level planes, for comparing poses that are only roughly right: the
            road fits anywhere along the road, and best where scan rings fall on those of the map.
    """
    points_odom = transform(odom_T_velo, points_velo)
    total = 0.0
    for planes in (levels.fine, levels.coarse):
        place, found = find(planes.keys, voxel_keys(points_odom, planes.voxel_m))
        place = place[found]
        normal = planes.normals.take(place, axis=0)
        offset = np.compress(found, points_odom, axis=0) - planes.centroids.take(place, axis=0)
        distance_m = np.einsum("pi,pi->p", offset, normal)
        vote = 1.0 / (1.0 + (distance_m / config.fine_scale_m) ** 2)
        total += float(
            vote[np.abs(normal[:, 2]) < _UPRIGHT_NORMAL_Z].sum() if upright_only else vote.sum()
        )
    return total


def _gauss_newton_step(
    odom_T_velo: np.ndarray,
    points_velo: np.ndarray,
    planes: Planes,
    scale_m: float,
    config: PlaneMapConfig,
) -> Float64[np.ndarray, " 6"] | None:
    """Return the translation and rotation vector (about the sensor, in axes of odom) to apply."""
    arm = points_velo @ odom_T_velo[:3, :3].T
    points_odom = arm + odom_T_velo[:3, 3]
    place, found = find(planes.keys, voxel_keys(points_odom, planes.voxel_m))
    if np.count_nonzero(found) < config.min_matches:
        return None
    place = place[found]
    normal = planes.normals.take(place, axis=0)
    offset = np.compress(found, points_odom, axis=0) - planes.centroids.take(place, axis=0)
    residual_m = np.einsum("pi,pi->p", offset, normal)
    # Geman-McClure: a point on something that moved loses its say with the 4th power of distance.
    weight = 1.0 / (1.0 + (residual_m / scale_m) ** 2) ** 2
    weight /= 1.0 + planes.variances[place] / config.sensor_noise_m**2
    jacobian = np.concatenate([normal, _cross(np.compress(found, arm, axis=0), normal)], axis=1)
    weighted = jacobian * weight[:, None]
    hessian = weighted.T @ jacobian
    try:
        return -np.linalg.solve(hessian, weighted.T @ residual_m)
    except np.linalg.LinAlgError:
        return None


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross products of (P, 3) rows; numpy's own takes three times as long."""
    (ax, ay, az), (bx, by, bz) = a.T, b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=1)


def _moved(odom_T_velo: np.ndarray, step: np.ndarray) -> Float64[np.ndarray, "4 4"]:
    moved = odom_T_velo.copy()
    moved[:3, :3] = Rotation.from_rotvec(step[3:]).as_matrix() @ odom_T_velo[:3, :3]
    moved[:3, 3] += step[:3]
    return moved


def _widened(planes: Planes) -> Planes:
    """Let each plane also claim the next voxel on either side, where no other plane is.

    A point that is displaced along the normal then still meets the plane it belongs to.
    """
    owner = np.arange(len(planes.keys))
    keys = [planes.keys]
    for side in (1.0, -1.0):
        beside = planes.centroids + side * planes.voxel_m * planes.normals
        keys.append(voxel_keys(beside, planes.voxel_m))
    unique, first = np.unique(np.concatenate(keys), return_index=True)
    owner = np.tile(owner, 3)[first]
    return Planes(
        voxel_m=planes.voxel_m,
        keys=unique,
        centroids=planes.centroids.take(owner, axis=0),
        normals=planes.normals.take(owner, axis=0),
        variances=planes.variances[owner],
    )
