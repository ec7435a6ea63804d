# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tiny clips: coloured blocks that move over a plane, seen by cameras that see nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.base_voxels import EgoGridConfig, base_voxel_centres, base_voxel_of
from unsup_track_ros.networks.trackocc import TrackOccConfig
from unsup_track_ros.networks.trackocc.config import DepthBinsConfig
from unsup_track_ros.structures.voxel_scene import OccupancyFrame, VoxelLabels

TINY_GRID = EgoGridConfig(half_size_m=8.0, bottom_m=-1.0, layers=4, voxel_m=1.0)
TINY_NETWORK = TrackOccConfig(
    grid=TINY_GRID,
    image_width_px=64,
    image_height_px=32,
    pyramid_channels=32,
    pyramid_levels=3,
    depth=DepthBinsConfig(nearest_m=0.5, farthest_m=12.5, step_m=1.0),
    lift_channels=8,
    stage_channels=(8, 16, 16),
    compact_channels=16,
    channels=32,
    num_heads=2,
    ffn_channels=32,
    encoder_points=2,
    camera_points=2,
    up_channels=16,
    thing_queries=6,
    stuff_queries=3,
)
SIZE_PX = (32, 64)
_STEP_NS = 500_000_000
_COLOURS = np.array([[90, 90, 90], [230, 40, 40], [40, 60, 230]], np.uint8)
_GROUND, _MOVABLE = 1, 3


def camera_rig(num_cameras: int) -> tuple[np.ndarray, np.ndarray]:
    """Return intrinsics and poses of cameras that look all around."""
    width = SIZE_PX[1]
    pix_T_cam = np.array([[width / 3, 0, (width - 1) / 2], [0, width / 3, 10.0], [0, 0, 1.0]])
    base_R_cam = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    poses = []
    for i in range(num_cameras):
        turn = se3.rotation_about_z(2 * np.pi * i / num_cameras)
        poses.append(se3.rigid(turn @ base_R_cam, np.array([0.0, 0.0, 1.5])))
    return np.tile(pix_T_cam, (num_cameras, 1, 1)), np.stack(poses)


def moving_blocks(num_frames: int, num_cameras: int = 2) -> list[OccupancyFrame]:
    """Return a clip: the vehicle drives ahead, one block ahead of it faster, one comes closer."""
    return [_frame(i, num_cameras) for i in range(num_frames)]


def _frame(index: int, num_cameras: int) -> OccupancyFrame:
    grid = TINY_GRID.grid
    odom_T_base = se3.rigid(np.eye(3), np.array([1.0 * index, 0.0, 0.0]))
    centres_odom = np.array([[3.5 + 2.0 * index, 2.0, 0.5], [6.5, -2.5 + 0.0 * index, 0.5]])
    boxes_base = centres_odom - odom_T_base[:3, 3]
    places = base_voxel_centres(grid)
    semantics = np.where(places[..., 2] < 0, _GROUND, 0).astype(np.uint8)
    instances = np.zeros(semantics.shape, np.int32)
    for number, centre in enumerate(boxes_base):
        inside = (np.abs(places - centre) <= [1.1, 1.1, 1.1]).all(-1) & (places[..., 2] > 0)
        semantics[inside], instances[inside] = _MOVABLE, 7 + number
    visible = np.zeros(semantics.shape, bool)
    visible[:, :, 8:] = True
    pix_T_cam, base_T_cam = camera_rig(num_cameras)
    images, depth_m = _rendered((pix_T_cam, base_T_cam), semantics, instances)
    return OccupancyFrame(
        stamp_ns=(index + 1) * _STEP_NS,
        images=images,
        pix_T_cam=pix_T_cam,
        base_T_cam=base_T_cam,
        depth_m=depth_m,
        odom_T_base=odom_T_base,
        labels=VoxelLabels(
            stamp_ns=(index + 1) * _STEP_NS,
            grid=grid,
            semantics=semantics,
            instances=instances,
            visible=visible,
            odom_T_base=odom_T_base,
        ),
    )


def _rendered(
    cameras: tuple[np.ndarray, np.ndarray], semantics: np.ndarray, instances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """March along every ray to the first filled voxel; sky is bright."""
    grid, (height, width) = TINY_GRID.grid, SIZE_PX
    v, u = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    images, depths = [], []
    for pix_T_cam, base_T_cam in zip(*cameras, strict=True):
        rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(pix_T_cam).T
        image = np.full((height, width, 3), 200, np.uint8)
        depth = np.zeros((height, width), np.float32)
        for far_m in np.arange(14.0, 0.4, -0.2):  # far to near: the nearest is painted last
            points = rays.reshape(-1, 3) * far_m @ base_T_cam[:3, :3].T + base_T_cam[:3, 3]
            voxel = base_voxel_of(grid, points)
            filled = (semantics.ravel()[voxel] > 0) & (voxel >= 0)
            kind = np.maximum(instances.ravel()[voxel] - 6, 0)
            hit = filled.reshape(height, width)
            image[hit] = _COLOURS[kind].reshape(height, width, 3)[hit]
            depth[hit] = far_m
        images.append(image)
        depths.append(depth)
    return np.stack(images), np.stack(depths)


class Clips:
    """Clips that lie in memory."""

    def __init__(self, clips: Sequence[Sequence[OccupancyFrame]]) -> None:
        self._clips = clips

    def __len__(self) -> int:
        return len(self._clips)

    def read(self, index: int) -> Sequence[OccupancyFrame]:
        return self._clips[index]
