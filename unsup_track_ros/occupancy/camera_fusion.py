# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The LiDAR's occupancy grid with what cameras say of the cells that it does not know.

Log-odds add up, those of the cameras weighted by what the LiDAR left open (decision 0018):

    l = l_lidar + max(0, 1 - |l_lidar| / l_trusted) l_camera

A network errs over whole regions and again in the next frame, so its answers are no independent
measurements: one of them counts, the newest, and the LiDAR's first evidence silences it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry.se3 import inverse, transform
from unsup_track_ros.shapes import Bool, Float64
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.voxel_scene import CameraScene, PanopticPrediction

_PERCENT = 100
_UNKNOWN = -1


class CameraFusionConfig(Config):
    """How far cameras are believed."""

    hit_probability: float = parameter(
        0.75, "Occupancy of a column that cameras call occupied.", gt=0.5, lt=1
    )
    free_probability: float = parameter(
        0.3, "Occupancy of a column that cameras call free.", gt=0, lt=0.5
    )
    trusted_probability: float = parameter(
        0.505,
        "Occupancy, and 1 minus it from below, from which on the LiDAR alone decides; 0.6 is one "
        "pass of a ray. Even weak evidence of the LiDAR is right more often than cameras.",
        gt=0.5,
        lt=1,
    )
    low_m: float = parameter(0.3, "Height from which things are in the way.", unit="m")
    high_m: float = parameter(2.5, "Height up to which they are.", unit="m")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Columns:
    """What an answer says of every column of voxels."""

    standing: Bool[np.ndarray, "Y X"]
    moving: Bool[np.ndarray, "Y X"]
    free: Bool[np.ndarray, "Y X"]


def fused_grids(
    lidar: OccupancyGrids, scene: CameraScene, config: CameraFusionConfig
) -> OccupancyGrids:
    """Add what cameras say to the grid of the same stamp.

    Args:
        lidar: With or without log-odds; cells without evidence are -1.
        scene: On a grid in base; only what a camera sees counts.
        config: How far it is believed.

    Returns:
        The same cells; `dynamic` gains things where the LiDAR saw nothing at all.
    """
    columns = _columns(scene, config)
    standing, moving, free = _at_cells(lidar, scene.prediction, columns)
    evidence = _log_odds(config.hit_probability) * standing
    evidence = evidence + _log_odds(config.free_probability) * (free & ~standing)
    base = _lidar_log_odds(lidar)
    left_open = np.maximum(1.0 - np.abs(base) / _log_odds(config.trusted_probability), 0.0)
    total = base + left_open * evidence
    percent = np.rint(_PERCENT / (1.0 + np.exp(-total))).astype(np.int8)
    told = (lidar.static != _UNKNOWN) & (left_open * evidence == 0.0)
    static = np.where(total == 0.0, np.int8(_UNKNOWN), percent)
    static = np.where(told, lidar.static, static).astype(np.int8)
    unseen = (lidar.dynamic == _UNKNOWN) & (lidar.static == _UNKNOWN)
    dynamic = np.where(unseen & moving, _PERCENT, lidar.dynamic)
    dynamic = np.where(unseen & free & ~moving, 0, dynamic).astype(np.int8)
    return replace(
        lidar,
        static=static,
        dynamic=dynamic,
        combined=np.maximum(static, dynamic),
        log_odds=total.astype(np.float32),
    )


def _columns(scene: CameraScene, config: CameraFusionConfig) -> _Columns:
    """Read columns: in the way is what fills a voxel whose middle lies in the band."""
    answer, seen, classes = scene.prediction, scene.seen, scene.classes
    grid = answer.grid
    height_m = grid.minimum_m[2] + (np.arange(grid.shape_zyx[0]) + 0.5) * grid.voxel_m[2]
    band = ((height_m > config.low_m) & (height_m < config.high_m))[:, None, None] & seen
    is_ground = np.isin(answer.semantics, classes.ground)
    solid = ~is_ground & (answer.semantics != classes.free)
    is_thing = np.isin(answer.semantics, classes.things)
    standing = (band & solid & ~is_thing).any(0)
    moving = (band & is_thing).any(0)
    free = ((is_ground & seen).any(0) | band.any(0)) & ~standing & ~moving
    return _Columns(standing=standing, moving=moving, free=free)


def _at_cells(
    lidar: OccupancyGrids, answer: PanopticPrediction, columns: _Columns
) -> tuple[Bool[np.ndarray, "R C"], Bool[np.ndarray, "R C"], Bool[np.ndarray, "R C"]]:
    """Look the middles of cells, at the vehicle's height, up in the columns."""
    shape, grid = lidar.static.shape, answer.grid
    row, column = np.indices(shape)
    x, y = (
        lidar.origin_odom[axis] + (index.ravel() + 0.5) * lidar.resolution_m
        for axis, index in ((0, column), (1, row))
    )
    places_odom = np.stack([x, y, np.full(len(x), answer.odom_T_base[2, 3])], 1)
    places_base: Float64[np.ndarray, "N 3"] = transform(inverse(answer.odom_T_base), places_odom)
    i, j = (
        np.floor((places_base[:, axis] - grid.minimum_m[axis]) / grid.voxel_m[axis]).astype(int)
        for axis in (0, 1)
    )
    inside = (i >= 0) & (i < grid.shape_zyx[2]) & (j >= 0) & (j < grid.shape_zyx[1])
    i, j = np.where(inside, i, 0), np.where(inside, j, 0)
    standing, moving, free = (
        (inside & told[j, i]).reshape(shape)
        for told in (columns.standing, columns.moving, columns.free)
    )
    return standing, moving, free


def _lidar_log_odds(lidar: OccupancyGrids) -> Float64[np.ndarray, "Y X"]:
    """Return the LiDAR's evidence, that of stored labels from their percentages."""
    if lidar.log_odds is not None:
        return lidar.log_odds.astype(np.float64)
    share = np.clip(lidar.static / _PERCENT, 0.01, 0.99)
    return np.where(lidar.static == _UNKNOWN, 0.0, np.log(share / (1.0 - share)))


def _log_odds(probability: float) -> float:
    return math.log(probability / (1.0 - probability))
