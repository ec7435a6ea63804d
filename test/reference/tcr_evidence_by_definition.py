# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SPECS §0.4 item 5 and §0.5 as written: dense images and volumes, one pixel at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from unsup_track_ros.perception.motion_segmentation.projected_scan import FlowView
from unsup_track_ros.structures.voxels import VoxelGrid

FILL_M = 100.0


def voxel_of(grid: VoxelGrid, point: np.ndarray) -> tuple[int, int, int] | None:
    """Return z, y, x of the voxel of one point, None outside."""
    index = []
    for axis in range(3):
        size = (grid.maximum_m[axis] - grid.minimum_m[axis]) / grid.shape_zyx[2 - axis]
        raw = (float(point[axis]) - grid.minimum_m[axis] - size / 2) / size
        if not -0.5 < raw < grid.shape_zyx[2 - axis] - 0.5 or (axis == 2 and raw == 0.0):
            return None
        index.append(round(raw))
    x, y, z = index
    return None if (z, y, x) == (0, 0, 0) else (z, y, x)


def depth_image(
    points_velo: np.ndarray, cam_T_velo: np.ndarray, view: FlowView, last: bool
) -> np.ndarray:
    """Return one depth per pixel, `FILL_M` where there is none."""
    pinhole = view.scan1.camera
    image = np.full((pinhole.height_px, pinhole.width_px), FILL_M)
    for point in points_velo.astype(np.float64):
        x, y, z = cam_T_velo[:3, :3] @ point + cam_T_velo[:3, 3]
        if z <= view.min_depth_m:
            continue
        u, v = (pinhole.pix_T_cam @ [x / z, y / z, 1.0])[:2]
        if in_image(view, u, v):
            row, column = round(v), round(u)
            image[row, column] = z if last else min(image[row, column], z)
    return image


def bilinear(flow: np.ndarray, u: float, v: float) -> np.ndarray:
    """Sample a flow between pixels, its border continued."""
    _, rows, columns = flow.shape
    u, v = min(max(u, 0), columns - 1), min(max(v, 0), rows - 1)
    total = np.zeros(2)
    for row in {int(v), min(int(v) + 1, rows - 1)}:
        for column in {int(u), min(int(u) + 1, columns - 1)}:
            total += flow[:, row, column] * (1 - abs(u - column)) * (1 - abs(v - row))
    return total


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Thresholds and quirks; the defaults are those of the discovery step."""

    grid: VoxelGrid
    quirks: bool
    max_cosine: float = 0.8
    min_residual_px: float = 8.0
    explained_m: float = 0.25


def displaced_and_moving(
    rules: Rules, view: FlowView, points_velo: np.ndarray, cam_T_velo: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the volumes keepB and keepA * keepB without what ego motion explains."""
    keep_a, keep_b = kept_by_pixels(rules, view, points_velo, cam_T_velo)
    explained = explained_by_ego(rules, view, points_velo, cam_T_velo)
    displaced = keep_b & ~ndimage.binary_dilation(explained, np.ones((3, 3, 3), bool))
    return displaced, displaced & keep_a


def kept_by_pixels(
    rules: Rules, view: FlowView, points_velo: np.ndarray, cam_T_velo: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the volumes of the pixels of keepA and of keepB."""
    pinhole = view.scan1.camera
    inverse = np.linalg.inv(pinhole.pix_T_cam)
    depth1 = depth_image(points_velo, cam_T_velo, view, rules.quirks)
    keep_a, keep_b = np.zeros(rules.grid.shape_zyx, bool), np.zeros(rules.grid.shape_zyx, bool)
    for row, column in np.ndindex(depth1.shape):
        valid = depth1[row, column] < FILL_M
        point = inverse @ [column, row, 1.0] * depth1[row, column]
        ego = np.zeros(2)
        if valid:
            moved = view.cam0_T_cam1[:3, :3] @ point + view.cam0_T_cam1[:3, 3]
            ego = (pinhole.pix_T_cam @ (moved / moved[2]))[:2] - [column, row]
        flow = view.flow10_px[:, row, column].astype(np.float64)
        norms = np.maximum(np.linalg.norm([ego, flow], axis=1), 1e-8)
        residual = np.linalg.norm(ego - flow * valid) * view.reliable1[row, column] * valid
        voxel = voxel_of(rules.grid, point)
        if voxel is not None:
            keep_a[voxel] |= ego @ flow / norms.prod() < rules.max_cosine
            keep_b[voxel] |= residual > rules.min_residual_px
    return keep_a, keep_b


def explained_by_ego(
    rules: Rules, view: FlowView, points_velo: np.ndarray, cam_T_velo: np.ndarray
) -> np.ndarray:
    """Return the volume of the points whose flow correspondence is met by the rigid motion."""
    pinhole, past = view.scan1.camera, view.past.frame
    assert past.camera is not None
    inverse = np.linalg.inv(pinhole.pix_T_cam)
    depth0 = depth_image(past.cloud.points_velo, past.camera.cam_T_velo, view, rules.quirks)
    explained = np.zeros(rules.grid.shape_zyx, bool)
    points_cam = points_velo.astype(np.float64) @ cam_T_velo[:3, :3].T + cam_T_velo[:3, 3]
    for point in points_cam[points_cam[:, 2] > view.min_depth_m]:
        u, v = (pinhole.pix_T_cam @ (point / point[2]))[:2]
        if not in_image(view, u, v):
            continue
        column, row = (round(c) for c in (np.array([u, v]) + bilinear(view.flow10_px, u, v)))
        checked = (row, column) if rules.quirks else (round(v), round(u))
        if not in_image(view, column, row) or depth0[row, column] == FILL_M:
            continue
        met = inverse @ [column, row, 1.0] * depth0[row, column]
        moved = view.cam0_T_cam1[:3, :3] @ point + view.cam0_T_cam1[:3, 3]
        voxel = voxel_of(rules.grid, point)
        if voxel is not None and view.reliable1[checked]:
            explained[voxel] |= np.linalg.norm(moved - met) <= rules.explained_m
    return explained


def in_image(view: FlowView, u: float, v: float) -> bool:
    """Tell whether a place lies in the image."""
    pinhole = view.scan1.camera
    return -0.5 <= u < pinhole.width_px - 0.5 and -0.5 <= v < pinhole.height_px - 0.5
