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
from unsup_track_ros.shapes import Float, Float64, Int64

# Voxel indices are packed into 3 x 21 bits, shifted so that negative ones sort before positive ones.
_BITS = 21
_SHIFT = 1 << (_BITS - 1)
_MASK = (1 << _BITS) - 1

# Products behind the six different entries of a symmetric 3 x 3 matrix.
_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


class PlaneMapConfig(Config):
    """Voxel planes and the registration against them."""

    voxel_m: float = parameter(0.5, "Side of a voxel; a coarse level of twice the side is derived.", unit="m", gt=0)
    keep_ratio: float = parameter(0.8, "Weight that each older scan keeps when a new one is added.", gt=0, lt=1)
    min_points: float = parameter(8.0, "Weighted points that a plane needs.", ge=4)
    max_thickness_m: float = parameter(0.06, "Standard deviation along the normal up to which points form a plane.", unit="m", gt=0)
    min_width_ratio: float = parameter(
        0.12, "Least standard deviation across a plane, in voxel sides; less is a single scan ring.", gt=0
    )
    coarse_scales_m: tuple[float, ...] = parameter(
        (0.4, 0.2, 0.1), "Residual scales of the robust weights, one per iteration on the coarse level.", unit="m"
    )
    fine_scale_m: float = parameter(0.1, "Residual scale of the robust weights on the fine level.", unit="m", gt=0)
    max_iterations: int = parameter(10, "Most iterations on the fine level.", ge=1)
    converged_m: float = parameter(
        0.001, "Change of the pose (at 10 m distance for its rotation) that ends the iterations.", unit="m", gt=0
    )
    sensor_noise_m: float = parameter(0.02, "Standard deviation of a range measurement.", unit="m", gt=0)
    min_matches: int = parameter(200, "Points on planes that a registration needs.", ge=6)


# A rotation counts by what it moves at this distance when convergence is judged.
_LEVER_M = 10.0

# Weighted points below which a voxel is forgotten: half of one fresh point.
_FORGOTTEN_POINTS = 0.5

# A plane is at least three times as wide as thick, in standard deviations.
_MIN_ASPECT_SQUARED = 9.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoxelMoments:
    """Sums over the points of each occupied voxel, sorted by key.

    Attributes:
        keys: (V,) packed voxel indices.
        sums: (V, 10) count, then the coordinates relative to the voxel centre, then their products.
    """

    keys: Int64[np.ndarray, " V"]
    sums: Float64[np.ndarray, "V 10"]


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


def empty_moments() -> VoxelMoments:
    """Return a map of nothing."""
    return VoxelMoments(keys=np.zeros(0, np.int64), sums=np.zeros((0, 10)))


def moments_of(points: Float[np.ndarray, "P 3"], voxel_m: float) -> VoxelMoments:
    """Sum up points voxel by voxel."""
    index = np.floor(points / voxel_m).astype(np.int64)
    local = points - (index + 0.5) * voxel_m
    sums = np.ones((len(points), 10))
    sums[:, 1:4] = local
    for column, (i, j) in enumerate(_PAIRS, start=4):
        sums[:, column] = local[:, i] * local[:, j]
    return _summed(_pack(index), sums)


def updated(moments: VoxelMoments, new: VoxelMoments, keep_ratio: float) -> VoxelMoments:
    """Fade a map and add a new scan to it; voxels that faded away are dropped."""
    merged = _summed(
        np.concatenate([moments.keys, new.keys]),
        np.concatenate([moments.sums * keep_ratio, new.sums]),
    )
    remembered = merged.sums[:, 0] > _FORGOTTEN_POINTS
    return VoxelMoments(keys=merged.keys[remembered], sums=merged.sums[remembered])


def coarsened(moments: VoxelMoments, voxel_m: float) -> VoxelMoments:
    """Merge 2 x 2 x 2 voxels of side `voxel_m` each."""
    index = _unpack(moments.keys)
    parent = index >> 1
    offset = (index - 2 * parent - 0.5) * voxel_m
    count, first = moments.sums[:, :1], moments.sums[:, 1:4]
    sums = np.concatenate([count, first + count * offset, moments.sums[:, 4:]], axis=1)
    for column, (i, j) in enumerate(_PAIRS, start=4):
        crossed = first[:, i] * offset[:, j] + first[:, j] * offset[:, i]
        sums[:, column] += crossed + count[:, 0] * offset[:, i] * offset[:, j]
    return _summed(_pack(parent), sums)


def planes_of(moments: VoxelMoments, voxel_m: float, config: PlaneMapConfig) -> Planes:
    """Find the voxels whose points form a plane."""
    dense = moments.sums[:, 0] >= config.min_points
    keys, sums = moments.keys[dense], moments.sums[dense]
    mean = sums[:, 1:4] / sums[:, :1]
    covariance = np.empty((len(keys), 3, 3))
    for column, (i, j) in enumerate(_PAIRS, start=4):
        entry = sums[:, column] / sums[:, 0] - mean[:, i] * mean[:, j]
        covariance[:, i, j] = covariance[:, j, i] = entry
    variance, axes = np.linalg.eigh(covariance)
    flat = (
        (variance[:, 0] < config.max_thickness_m**2)
        & (variance[:, 1] > _MIN_ASPECT_SQUARED * variance[:, 0])
        & (variance[:, 1] > (config.min_width_ratio * voxel_m) ** 2)
    )
    centroids = mean[flat] + (_unpack(keys[flat]) + 0.5) * voxel_m
    planes = Planes(
        voxel_m=voxel_m,
        keys=keys[flat],
        centroids=centroids,
        normals=np.ascontiguousarray(axes[flat][:, :, 0]),
        variances=np.maximum(variance[flat, 0], 0.0),
    )
    return _widened(planes)


def register(
    odom_T_velo: Float64[np.ndarray, "4 4"],
    points_velo: Float64[np.ndarray, "P 3"],
    moments: VoxelMoments,
    config: PlaneMapConfig,
) -> Float64[np.ndarray, "4 4"] | None:
    """Refine the pose of a scan until its points lie on the planes of the map.

    Args:
        odom_T_velo: Pose to start from, good to about one voxel.
        points_velo: Scan, thinned evenly in space.
        moments: Map in odom with voxels of `config.voxel_m`.
        config: Sizes and scales.

    Returns:
        The refined pose, or None where too few points meet a plane or the planes do not fix it.
    """
    fine = planes_of(moments, config.voxel_m, config)
    coarse = planes_of(coarsened(moments, config.voxel_m), 2 * config.voxel_m, config)
    levels = [(coarse, scale_m) for scale_m in config.coarse_scales_m]
    levels += [(fine, config.fine_scale_m)] * config.max_iterations
    for planes, scale_m in levels:
        step = _gauss_newton_step(odom_T_velo, points_velo, planes, scale_m, config)
        if step is None:
            return None
        odom_T_velo = _moved(odom_T_velo, step)
        change_m = np.linalg.norm(step[:3]) + _LEVER_M * np.linalg.norm(step[3:])
        if planes is fine and change_m < config.converged_m:
            break
    return odom_T_velo


def overlap_ratio(
    points_odom: Float64[np.ndarray, "P 3"], moments: VoxelMoments, voxel_m: float
) -> float:
    """Return the share of the points in voxels that the map has seen."""
    keys = _pack(np.floor(points_odom / voxel_m).astype(np.int64))
    return float(_found(moments.keys, keys)[1].mean()) if len(keys) and len(moments.keys) else 0.0


def _gauss_newton_step(
    odom_T_velo: np.ndarray, points_velo: np.ndarray, planes: Planes, scale_m: float, config: PlaneMapConfig
) -> Float64[np.ndarray, " 6"] | None:
    """Return the translation and rotation vector (about the sensor, in axes of odom) to apply."""
    arm = points_velo @ odom_T_velo[:3, :3].T
    points_odom = arm + odom_T_velo[:3, 3]
    place, found = _found(planes.keys, _pack(np.floor(points_odom / planes.voxel_m).astype(np.int64)))
    if np.count_nonzero(found) < config.min_matches:
        return None
    place = place[found]
    normal = planes.normals[place]
    residual_m = np.einsum("pi,pi->p", points_odom[found] - planes.centroids[place], normal)
    # Geman-McClure: a point on something that moved loses its say with the fourth power of its distance.
    weight = 1.0 / (1.0 + (residual_m / scale_m) ** 2) ** 2
    weight /= 1.0 + planes.variances[place] / config.sensor_noise_m**2
    jacobian = np.concatenate([normal, np.cross(arm[found], normal)], axis=1)
    weighted = jacobian * weight[:, None]
    hessian = weighted.T @ jacobian
    try:
        return -np.linalg.solve(hessian, weighted.T @ residual_m)
    except np.linalg.LinAlgError:
        return None


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
        keys.append(_pack(np.floor(beside / planes.voxel_m).astype(np.int64)))
    unique, first = np.unique(np.concatenate(keys), return_index=True)
    owner = np.tile(owner, 3)[first]
    return Planes(
        voxel_m=planes.voxel_m,
        keys=unique,
        centroids=planes.centroids[owner],
        normals=planes.normals[owner],
        variances=planes.variances[owner],
    )


def _summed(keys: np.ndarray, sums: np.ndarray) -> VoxelMoments:
    """Add up the rows of equal key."""
    if len(keys) == 0:
        return empty_moments()
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    start = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return VoxelMoments(keys=keys[start], sums=np.add.reduceat(sums[order], start, axis=0))


def _found(sorted_keys: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Look keys up: their places, and whether they are there."""
    if len(sorted_keys) == 0:
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
    place = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return place, sorted_keys[place] == keys


def _pack(index: Int64[np.ndarray, "P 3"]) -> Int64[np.ndarray, " P"]:
    shifted = index + _SHIFT
    return (shifted[:, 0] << 2 * _BITS) | (shifted[:, 1] << _BITS) | shifted[:, 2]


def _unpack(keys: Int64[np.ndarray, " V"]) -> Int64[np.ndarray, "V 3"]:
    return np.stack([keys >> 2 * _BITS, (keys >> _BITS) & _MASK, keys & _MASK], axis=1) - _SHIFT
