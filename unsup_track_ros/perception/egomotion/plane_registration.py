# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Registration of a scan on the planes of a map.

The distance of the points to the planes along their normals is what it minimises (Chen and Medioni
1991), robustly and from coarse to fine.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from unsup_track_ros.compiled import compiled_for, compiled_inner
from unsup_track_ros.perception.egomotion.plane_map import PlaneLevels, PlaneMapConfig, Planes
from unsup_track_ros.perception.egomotion.voxel_table import EMPTY, key_of, moved, slot_of
from unsup_track_ros.shapes import Float64

# A rotation counts by what it moves at this distance when convergence is judged.
_LEVER_M = 10.0

# Planes steeper than 45 degrees are upright.
_UPRIGHT_NORMAL_Z = 0.7
_ANY_NORMAL_Z = 2.0


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
    below_z = _UPRIGHT_NORMAL_Z if upright_only else _ANY_NORMAL_Z
    pose, points = np.ascontiguousarray(odom_T_velo), np.ascontiguousarray(points_velo)
    fine, coarse = (
        _votes(pose, points, _arrays(planes), planes.voxel_m, config.fine_scale_m, below_z)
        for planes in (levels.fine, levels.coarse)
    )
    return fine + coarse


def _gauss_newton_step(
    odom_T_velo: np.ndarray,
    points_velo: np.ndarray,
    planes: Planes,
    scale_m: float,
    config: PlaneMapConfig,
) -> Float64[np.ndarray, " 6"] | None:
    """Return the translation and rotation vector (about the sensor, in axes of odom) to apply."""
    matches, hessian, gradient = _normal_equations(
        np.ascontiguousarray(odom_T_velo),
        np.ascontiguousarray(points_velo),
        _arrays(planes),
        planes.voxel_m,
        scale_m,
        config.sensor_noise_m,
    )
    if matches < config.min_matches:
        return None
    try:
        return -np.linalg.solve(hessian, gradient)
    except np.linalg.LinAlgError:
        return None


def _moved(odom_T_velo: np.ndarray, step: np.ndarray) -> Float64[np.ndarray, "4 4"]:
    moved = odom_T_velo.copy()
    moved[:3, :3] = Rotation.from_rotvec(step[3:]).as_matrix() @ odom_T_velo[:3, :3]
    moved[:3, 3] += step[:3]
    return moved


# Keys, owners, table, centroids, normals and variances of `Planes`.
_Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
_ARRAYS = (
    "Tuple((int64[::1], int32[::1], int32[::1], float64[:, ::1], float64[:, ::1], float64[::1]))"
)
_Point = tuple[float, float, float]


def _arrays(planes: Planes) -> _Arrays:
    lookup = planes.keys, planes.owners, planes.table
    return *lookup, planes.centroids, planes.normals, planes.variances


@compiled_inner
def _plane_at(point: _Point, planes: _Arrays, voxel_m: float) -> int:
    """Return the plane that the voxel of a point belongs to, or EMPTY."""
    keys, owners, table = planes[:3]
    x, y, z = point
    row = table[slot_of(key_of(x, y, z, voxel_m), keys, table)]
    return owners[row] if row != EMPTY else EMPTY


@compiled_inner
def _above_m(point: _Point, planes: _Arrays, plane: int) -> float:
    """Return how far a point lies from a plane, along the normal."""
    centroids, normals = planes[3], planes[4]
    above_m = 0.0
    for axis in range(3):
        above_m += (point[axis] - centroids[plane, axis]) * normals[plane, axis]
    return above_m


@compiled_for(
    "Tuple((int64, float64[:, ::1], float64[::1]))"
    f"(float64[:, ::1], float64[:, ::1], {_ARRAYS}, float64, float64, float64)"
)
def _normal_equations(
    odom_T_velo: np.ndarray,
    points_velo: np.ndarray,
    planes: _Arrays,
    voxel_m: float,
    scale_m: float,
    noise_m: float,
) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the number of points on planes, and the (6, 6) and (6,) sums over them."""
    normals, variances = planes[4], planes[5]
    matches = 0
    hessian, gradient, jacobian = np.zeros((6, 6)), np.zeros(6), np.empty(6)
    for p in range(len(points_velo)):
        point = moved(odom_T_velo, points_velo, p)
        plane = _plane_at(point, planes, voxel_m)
        if plane == EMPTY:
            continue
        matches += 1
        residual_m = _above_m(point, planes, plane)
        # Geman-McClure: what moved loses its say with the 4th power of its distance.
        weight = 1.0 / (1.0 + (residual_m / scale_m) ** 2) ** 2
        weight /= 1.0 + variances[plane] / noise_m**2
        a, b, c = normals[plane, 0], normals[plane, 1], normals[plane, 2]
        x = point[0] - odom_T_velo[0, 3]  # the arm from the sensor
        y = point[1] - odom_T_velo[1, 3]
        z = point[2] - odom_T_velo[2, 3]
        jacobian[0], jacobian[1], jacobian[2] = a, b, c
        jacobian[3], jacobian[4], jacobian[5] = y * c - z * b, z * a - x * c, x * b - y * a
        for i in range(6):
            weighted = weight * jacobian[i]
            gradient[i] += weighted * residual_m
            for j in range(6):
                hessian[i, j] += weighted * jacobian[j]
    return matches, hessian, gradient


@compiled_for(f"float64(float64[:, ::1], float64[:, ::1], {_ARRAYS}, float64, float64, float64)")
def _votes(
    odom_T_velo: np.ndarray,
    points_velo: np.ndarray,
    planes: _Arrays,
    voxel_m: float,
    scale_m: float,
    below_z: float,
) -> float:
    """Count softly the points on planes whose normal rises less than `below_z`."""
    normals = planes[4]
    votes = 0.0
    for p in range(len(points_velo)):
        point = moved(odom_T_velo, points_velo, p)
        plane = _plane_at(point, planes, voxel_m)
        if plane != EMPTY and abs(normals[plane, 2]) < below_z:
            votes += 1.0 / (1.0 + (_above_m(point, planes, plane) / scale_m) ** 2)
    return votes
