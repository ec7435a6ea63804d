# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The multiplicative ensemble of Track, Check, Repeat, in voxels (SPECS 0.7).

A region is kept where independent motion, the image's segmentation, the scan's segmentation and
occupancy agree. Everything else is no label, which does not make it background.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import ndimage

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.geometry.box_iou import expand_ranges
from unsup_track_ros.geometry.components import connected_components, large_components
from unsup_track_ros.geometry.grouped_rows import renumbered
from unsup_track_ros.geometry.voxels import (
    OUTSIDE,
    TRAIN_GRID,
    chosen_regions,
    dense,
    flat_voxels,
    occupied_voxels,
    voxel_centres,
    voxel_index_zyx,
)
from unsup_track_ros.networks.bev_inference import BevPrediction, volume_index
from unsup_track_ros.networks.bev_input import bev_T_velo
from unsup_track_ros.shapes import Bool, Float, Float32, Float64, Int64
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.motion import MotionRegions, MotionSegmentation, MotionState
from unsup_track_ros.structures.voxels import VoxelGrid, VoxelRegions

# Returns are thickened away from the sensor: what is behind a surface is hidden, not free.
_THICKENING = (1.0, 1.01, 1.02)
_CUBE = np.ones((3, 3, 3), bool)
_RAY_BLOCK = 4096  # rays per block, to bound memory
_SECTORS = 720  # of the half circle ahead
_REACH_M = 1.0  # around a believed voxel, farther than the dilation reaches


class VoxelEnsembleConfig(Config):
    """Parameters of the multiplicative ensemble; the defaults are those of the released code."""

    min_product: float = parameter(
        0.9, "Least product of the two probabilities of a voxel.", gt=0, lt=1
    )
    min_voxels: int = parameter(128, "A component needs more (occupied) voxels.", ge=0)
    min_side_vox: int = parameter(2, "Its index extent along each axis exceeds this.", ge=0)
    min_pixels: int = parameter(4, "It covers more distinct pixels than this.", ge=0)
    max_regions: int = parameter(16, "Most regions of a frame; the largest stay.", ge=1)
    box_of: Literal["networks", "motion"] = parameter(
        "networks",
        "A box spans what the networks believe in, as released, or is motion's own, as in round 1.",
    )
    quirk_unit_scores: bool = parameter(
        False, "Every score is 1, as released; else the mean product of the component."
    )
    quirk_repeat: bool = parameter(
        False, "A component that two motions touch is given twice, as released."
    )


def voxel_ensemble(
    frame: SensorFrame,
    motion: MotionSegmentation,
    prediction: BevPrediction,
    probability: Float32[np.ndarray, "H W"],
    config: VoxelEnsembleConfig,
    group_motion: Callable[[], MotionRegions],
) -> MotionRegions:
    """Return the regions on which all four witnesses agree; their voxels are the networks'.

    Divergence, where `box_of` is `motion`: the regions are those of motion that share a voxel with
    what the networks believe in, just as motion grouped them, with the course that it measured.
    What networks of few steps believe in spreads beyond the object, its box teaches the next
    networks to believe in more, and from round to round labels grow to several times the object's
    size. Without a course, boxes of one visible side are often a quarter turn off.

    Args:
        frame: The frame; it has a camera.
        motion: Motion in voxels (mode `tcr` of motion segmentation, in the training volume), or
            in points (mode `improved`): then every voxel with a moving point has moved.
        prediction: What the bird's-eye-view network says of the scan.
        probability: What the segmentor says of the image.
        config: Parameters.
        group_motion: Groups what moves, as in round 1; asked where `box_of` is `motion`.
    """
    if frame.camera is None:
        return _nothing(frame)
    points_cam = se3.transform(frame.camera.cam_T_velo, frame.cloud.points_velo)
    found = motion.voxels or _moving_voxels(points_cam[motion.moving_points])
    if not len(found.voxel):
        return _nothing(frame)
    grid = found.grid
    product = _product(frame, prediction, probability, grid, config.min_product)
    believed = _agreed(product, points_cam, grid, config.min_product)
    labels, order = _components(believed, points_cam, grid, config)
    moving = np.zeros(int(np.prod(grid.shape_zyx)), np.int64)
    moving[found.voxel[found.moving]] = found.region[found.moving]
    voxel = np.flatnonzero(believed.reshape(-1))
    pairs = np.unique(np.stack([labels, moving[voxel]], axis=1)[moving[voxel] > 0], axis=0)
    times = np.bincount(pairs[:, 0], minlength=int(labels.max(initial=0)) + 1)
    if not config.quirk_repeat:
        times = np.minimum(times, 1)
    visible = [_num_pixels(frame, grid, voxel[labels == c]) > config.min_pixels for c in order]
    large = order[np.array(visible, bool)]
    chosen = np.repeat(large, times[large])[: config.max_regions]
    if config.box_of == "motion":
        components = (grid, voxel, labels)
        return _confirmed(group_motion(), components, chosen, (product, points_cam), config)
    return _regions((grid, voxel, labels), chosen, (product, moving, points_cam), config)


def _moving_voxels(points_cam: Float[np.ndarray, "M 3"]) -> VoxelRegions:
    """Return the voxels of the training volume that hold moving points, by component."""
    voxel = occupied_voxels(TRAIN_GRID, points_cam)
    return VoxelRegions(
        grid=TRAIN_GRID,
        voxel=voxel,
        region=connected_components(TRAIN_GRID.shape_zyx, voxel),
        moving=np.ones(len(voxel), bool),
    )


def _product(
    frame: SensorFrame,
    prediction: BevPrediction,
    probability: Float32[np.ndarray, "H W"],
    grid: VoxelGrid,
    min_product: float,
) -> Float32[np.ndarray, "Z Y X"]:
    """Multiply both probabilities where the product may exceed a bound; 0 in other voxels."""
    assert frame.camera is not None
    bev_T_cam = bev_T_velo(frame.base_T_velo) @ se3.inverse(frame.camera.cam_T_velo)
    cell = _cell_of_voxels(grid, prediction.grid, bev_T_cam.tobytes())
    # The last entry answers for voxels that the network does not see. A product is at most as large
    # as either factor.
    probability3d = np.append(prediction.segmentation, np.float32(0))
    likely = np.flatnonzero((probability3d > min_product)[cell])
    height_px, width_px = probability.shape
    pinhole = frame.camera.camera.resized(width_px, height_px)
    place = camera.project(voxel_centres(grid, likely), pinhole.pix_T_cam)
    inside = camera.inside(place, width_px, height_px)
    seen2d = np.zeros(len(likely), np.float32)
    column, row = place[inside].T
    seen2d[inside] = ndimage.map_coordinates(probability, [row, column], order=1, mode="nearest")
    product = np.zeros(len(cell), np.float32)
    product[likely] = probability3d[cell[likely]] * seen2d
    return np.asarray(product.reshape(grid.shape_zyx))


@lru_cache(maxsize=2)
def _cell_of_voxels(
    grid: VoxelGrid, seen: VoxelGrid, bev_T_cam_bytes: bytes
) -> Int64[np.ndarray, " G"]:
    """Return the cell of the network's volume around each voxel's centre, -1 outside of it.

    It changes with the mounting of the sensors only, and costs more than all that is read by it.
    """
    bev_T_cam = np.frombuffer(bev_T_cam_bytes).reshape(4, 4)
    every = np.arange(int(np.prod(grid.shape_zyx)))
    index, inside = volume_index(seen, se3.transform(bev_T_cam, voxel_centres(grid, every)))
    cell = np.ravel_multi_index(tuple(index), seen.shape_zyx)
    return np.where(inside, cell, -1)


def _agreed(
    product: Float32[np.ndarray, "Z Y X"],
    points_cam: Float[np.ndarray, "P 3"],
    grid: VoxelGrid,
    min_product: float,
) -> Bool[np.ndarray, "Z Y X"]:
    """Return the voxels that both networks believe in, on or behind returns, not in free space."""
    believed = ndimage.binary_erosion(product > min_product, _CUBE)
    if not believed.any():
        return np.asarray(believed)
    occupied = dense(grid, occupied_voxels(grid, points_cam))
    wanted_cam = voxel_centres(grid, np.flatnonzero(believed.reshape(-1)))
    rays, depths_m = _towards(points_cam, wanted_cam)
    free = free_voxels(points_cam[rays], grid, depths_m) & ~occupied
    thick = np.concatenate([scale * points_cam for scale in _THICKENING])
    extended = dense(grid, occupied_voxels(grid, thick)) & ~free
    near = ndimage.binary_dilation(extended, _CUBE, iterations=3)
    near = ndimage.binary_erosion(near, _CUBE)
    return np.asarray(believed & near & ~free)


def _towards(
    points_cam: Float[np.ndarray, "P 3"], wanted_cam: Float64[np.ndarray, "V 3"]
) -> tuple[Int64[np.ndarray, " R"], Float64[np.ndarray, "R 2"]]:
    """Return the rays that pass the wanted voxels, as seen from above, and between which depths.

    Elsewhere the rays need no following.
    """
    depth_m = wanted_cam[:, 2]
    slope = wanted_cam[:, 0] / np.maximum(depth_m, _REACH_M)
    reach = _REACH_M / np.maximum(depth_m, _REACH_M)
    low, high = (_sector(slope + side * reach) for side in (-1, 1))
    row, sector = expand_ranges(low, high - low + 1)
    near_m, far_m = np.full(_SECTORS, np.inf), np.full(_SECTORS, -np.inf)
    np.minimum.at(near_m, sector, depth_m[row] - _REACH_M)
    np.maximum.at(far_m, sector, depth_m[row] + _REACH_M)
    ahead = np.flatnonzero(points_cam[:, 2] > 0)
    ray = _sector(points_cam[ahead, 0] / points_cam[ahead, 2])
    passes = points_cam[ahead, 2] > near_m[ray]
    return ahead[passes], np.stack([near_m[ray], far_m[ray]], axis=1)[passes]


def _sector(slope: Float[np.ndarray, " V"]) -> Int64[np.ndarray, " V"]:
    turn = np.arctan(slope) / np.pi + 0.5
    return np.asarray(np.clip((turn * _SECTORS).astype(np.int64), 0, _SECTORS - 1))


def free_voxels(
    points_cam: Float[np.ndarray, "P 3"],
    grid: VoxelGrid,
    depths_m: Float64[np.ndarray, "P 2"] | None = None,
) -> Bool[np.ndarray, "Z Y X"]:
    """Return the voxels that rays pass: uniform samples from the sensor to every return.

    2 floor(hypot(Y, Z)) samples a ray, as released. Only rays to returns in front of the camera
    are followed, one per voxel of the volume that they end in or one per return beyond it.

    Args:
        points_cam: The returns.
        grid: The volume.
        depths_m: Between which depths each ray is followed; None for all of it.
    """
    num_z, num_y, _ = grid.shape_zyx
    num_samples = 2 * int(np.hypot(num_y, num_z))
    ahead = np.flatnonzero(points_cam[:, 2] > 0)
    flat = flat_voxels(grid, points_cam[ahead])
    _, first = np.unique(np.where(flat == OUTSIDE, -1 - np.arange(len(flat)), flat), True)
    rows = ahead[first]
    rays = points_cam[rows].astype(np.float32)
    begin, end = np.zeros(len(rays), np.int64), np.full(len(rays), num_samples)
    if depths_m is not None:
        steps = depths_m[rows] * num_samples / rays[:, 2:]
        begin, end = np.clip(np.ceil(steps), 0, num_samples).astype(np.int64).T
    share = np.arange(num_samples, dtype=np.float32) / num_samples
    free = np.zeros(int(np.prod(grid.shape_zyx)), bool)
    for start in range(0, len(rays), _RAY_BLOCK):
        block = slice(start, start + _RAY_BLOCK)
        ray, step = expand_ranges(begin[block], np.maximum(end - begin, 0)[block])
        passed = flat_voxels(grid, share[step, None] * rays[block][ray])
        free[passed[passed != OUTSIDE]] = True
    return np.asarray(free.reshape(grid.shape_zyx))


def _components(
    believed: Bool[np.ndarray, "Z Y X"],
    points_cam: Float[np.ndarray, "P 3"],
    grid: VoxelGrid,
    config: VoxelEnsembleConfig,
) -> tuple[Int64[np.ndarray, " V"], Int64[np.ndarray, " K"]]:
    """Return the component of each believed voxel, and the large ones, largest first."""
    voxel = np.flatnonzero(believed.reshape(-1))
    labels = connected_components(grid.shape_zyx, voxel)
    counted = np.isin(voxel, occupied_voxels(grid, points_cam), assume_unique=True)
    large = large_components(
        voxel_index_zyx(grid, voxel),
        labels,
        counted,
        min_side=config.min_side_vox,
        min_voxels=config.min_voxels,
    )
    return labels, large


def _num_pixels(frame: SensorFrame, grid: VoxelGrid, voxel: Int64[np.ndarray, " V"]) -> int:
    assert frame.camera is not None
    pinhole = frame.camera.camera
    place = camera.project(voxel_centres(grid, voxel), pinhole.pix_T_cam)
    inside = camera.inside(place, pinhole.width_px, pinhole.height_px)
    return len(np.unique(np.rint(place[inside]), axis=0))


def _regions(
    components: tuple[VoxelGrid, Int64[np.ndarray, " V"], Int64[np.ndarray, " V"]],
    chosen: Int64[np.ndarray, " R"],
    witnesses: tuple[
        Float32[np.ndarray, "Z Y X"], Int64[np.ndarray, " G"], Float[np.ndarray, "P 3"]
    ],
    config: VoxelEnsembleConfig,
) -> MotionRegions:
    grid, voxel, labels = components
    product, moving, points_cam = witnesses
    rows = [np.flatnonzero(labels == component) for component in chosen]
    member = np.concatenate([np.zeros(0, np.int64), *rows])
    region = np.repeat(np.arange(1, len(chosen) + 1), [len(row) for row in rows])
    flat = voxel[member]
    scores = _scores((voxel, labels), chosen, product, config)
    owner = np.zeros(int(moving.max(initial=0)) + 1, np.int64)
    touched = moving[flat] > 0
    owner[moving[flat[touched]]] = region[touched]
    volume = owner[moving]
    place = flat_voxels(grid, points_cam)
    # The points are those of both components, the box is that of the networks' alone.
    volume[flat] = region
    return MotionRegions(
        point_region=np.where(place == OUTSIDE, 0, volume[place]),
        scores=scores.astype(np.float32),
        motion=np.full(len(chosen), MotionState.MOVING, np.int64),
        flow_velo=np.full((len(chosen), 3), np.nan, np.float32),
        voxels=VoxelRegions(grid=grid, voxel=flat, region=region, moving=moving[flat] > 0),
    )


def _scores(
    components: tuple[Int64[np.ndarray, " V"], Int64[np.ndarray, " V"]],
    chosen: Int64[np.ndarray, " R"],
    product: Float32[np.ndarray, "Z Y X"],
    config: VoxelEnsembleConfig,
) -> Float64[np.ndarray, " R"]:
    """Return the mean product of each chosen component, or 1 as released."""
    if config.quirk_unit_scores:
        return np.ones(len(chosen))
    voxel, labels = components
    size = np.bincount(labels)
    total = np.bincount(labels, weights=product.reshape(-1)[voxel])
    return np.asarray(total[chosen] / size[chosen])


def _confirmed(
    grouped: MotionRegions,
    components: tuple[VoxelGrid, Int64[np.ndarray, " V"], Int64[np.ndarray, " V"]],
    chosen: Int64[np.ndarray, " R"],
    witnesses: tuple[Float32[np.ndarray, "Z Y X"], Float[np.ndarray, "P 3"]],
    config: VoxelEnsembleConfig,
) -> MotionRegions:
    """Return the regions of motion that share a voxel with a chosen component, else unchanged."""
    grid, voxel, labels = components
    product, points_cam = witnesses
    best = np.zeros(int(np.prod(grid.shape_zyx)))
    score = np.zeros(int(labels.max(initial=0)) + 1)
    score[chosen] = _scores((voxel, labels), chosen, product, config)
    best[voxel] = score[labels]
    place = flat_voxels(grid, points_cam)
    shared = np.flatnonzero((grouped.point_region > 0) & (place != OUTSIDE))
    region_score = np.zeros(len(grouped.scores) + 1)
    np.maximum.at(region_score, grouped.point_region[shared], best[place[shared]])
    kept = np.flatnonzero(region_score[1:] > 0)
    voxels = grouped.voxels
    return MotionRegions(
        point_region=renumbered(grouped.point_region, kept + 1),
        scores=region_score[kept + 1].astype(np.float32),
        motion=grouped.motion[kept],
        flow_velo=grouped.flow_velo[kept],
        voxels=None if voxels is None else chosen_regions(voxels, kept + 1),
    )


def _nothing(frame: SensorFrame) -> MotionRegions:
    return MotionRegions(
        point_region=np.zeros(len(frame.cloud.points_velo), np.int64),
        scores=np.zeros(0, np.float32),
        motion=np.zeros(0, np.int64),
        flow_velo=np.zeros((0, 3), np.float32),
    )
