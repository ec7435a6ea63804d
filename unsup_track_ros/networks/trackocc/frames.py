# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames of several cameras as tensors, and their geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Bool, Float, Int64, UInt8
from unsup_track_ros.structures.voxel_scene import OccupancyFrame
from unsup_track_ros.structures.voxels import VoxelGrid

MIN_DEPTH_M = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraFrames:
    """B frames of V cameras each, on the device that computes.

    Attributes:
        images: RGB, 0 to 255.
        pix_T_cam: Intrinsics; pixel centres lie at integers.
        base_T_cam: Poses of the cameras in the vehicle at the stamp of the frame.
    """

    images: UInt8[Tensor, "B V 3 H W"]
    pix_T_cam: Float[Tensor, "B V 3 3"]
    base_T_cam: Float[Tensor, "B V 4 4"]

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of an image."""
        return self.images.shape[-2], self.images.shape[-1]


def camera_frames(frames: Sequence[OccupancyFrame], device: torch.device) -> CameraFrames:
    """Stack frames.

    Raises:
        DataError: They differ in the number or the size of their images.
    """
    shapes = {frame.images.shape for frame in frames}
    if len(shapes) != 1:
        raise DataError(
            f"The frames of a clip must have as many images of the same size, got {sorted(shapes)}."
        )
    images = np.stack([frame.images.transpose(0, 3, 1, 2) for frame in frames])
    intrinsics = np.stack([frame.pix_T_cam for frame in frames]).astype(np.float32)
    poses = np.stack([frame.base_T_cam for frame in frames]).astype(np.float32)
    return CameraFrames(
        images=torch.from_numpy(images).to(device),
        pix_T_cam=torch.from_numpy(intrinsics).to(device),
        base_T_cam=torch.from_numpy(poses).to(device),
    )


def base1_T_base0(frame0: OccupancyFrame, frame1: OccupancyFrame) -> np.ndarray:
    """Return the motion that brings points of the vehicle's earlier frame to its later one."""
    odom_T_base0, odom_T_base1 = frame0.odom_T_base, frame1.odom_T_base
    return np.asarray(se3.inverse(odom_T_base1) @ odom_T_base0)


def cell_rays_cam(
    pix_T_cam: Float[Tensor, "N 3 3"], cells: tuple[int, int], size_px: tuple[int, int]
) -> Float[Tensor, "N h w 3"]:
    """Return the rays through the middles of h x w cells that an image is cut into, at depth 1."""
    (rows, columns), (height, width) = cells, size_px
    device = pix_T_cam.device
    v = (torch.arange(rows, device=device) + 0.5) * (height / rows) - 0.5
    u = (torch.arange(columns, device=device) + 0.5) * (width / columns) - 0.5
    vv, uu = torch.meshgrid(v, u, indexing="ij")
    pixels = torch.stack([uu, vv, torch.ones_like(uu)], dim=-1)  # h w 3
    cam_T_pix = torch.linalg.inv(pix_T_cam)
    return torch.einsum("nij,hwj->nhwi", cam_T_pix, pixels)


def flat_voxels(grid: VoxelGrid, points_base: Float[Tensor, "*S 3"]) -> Int64[Tensor, "*S"]:
    """Return the row-major voxel of each point, -1 outside: `geometry.base_voxels` in torch."""
    low = points_base.new_tensor(grid.minimum_m)
    side = points_base.new_tensor(grid.voxel_m)
    num_z, num_y, num_x = grid.shape_zyx
    cell = torch.floor((points_base - low) / side)
    limit = points_base.new_tensor([num_x, num_y, num_z])
    inside = ((cell >= 0) & (cell < limit)).all(-1)
    x, y, z = torch.where(inside[..., None], cell, 0.0).to(torch.int64).unbind(-1)
    return torch.where(inside, (z * num_y + y) * num_x + x, -1)


def cell_centres_base(
    grid: VoxelGrid, shape_zyx: tuple[int, int, int], device: torch.device
) -> Float[Tensor, "Q 3"]:
    """Return the centres x, y, z of the cells that a volume is cut into, row-major in Z Y X."""
    axes = [
        low + (torch.arange(num, device=device) + 0.5) * ((high - low) / num)
        for low, high, num in zip(grid.minimum_m, grid.maximum_m, shape_zyx[::-1], strict=True)
    ]
    zz, yy, xx = torch.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    return torch.stack([xx, yy, zz], dim=-1).reshape(-1, 3)


def share_of_volume(grid: VoxelGrid, points_base: Float[Tensor, "*S 3"]) -> Float[Tensor, "*S 3"]:
    """Return where points lie in the volume: 0 at its lower faces, 1 at its upper ones."""
    low, high = (points_base.new_tensor(bound) for bound in (grid.minimum_m, grid.maximum_m))
    return (points_base - low) / (high - low)


def place_in_volume(grid: VoxelGrid, share: Float[Tensor, "*S 3"]) -> Float[Tensor, "*S 3"]:
    """Return the points of shares: the inverse of `share_of_volume`."""
    low, high = (share.new_tensor(bound) for bound in (grid.minimum_m, grid.maximum_m))
    return low + share * (high - low)


def seen_voxels(
    grid: VoxelGrid, depth_m: Float[Tensor, "B V h w"], frames: CameraFrames
) -> Bool[Tensor, "B Z Y X"]:
    """Return the voxels whose middle is in an image and at most a voxel behind its surfaces.

    Args:
        grid: The volume.
        depth_m: Depth of the surface in each cell that an image is cut into.
        frames: The cameras.
    """
    centres_base = cell_centres_base(grid, grid.shape_zyx, depth_m.device)
    share, inside = seen_in_images(centres_base, frames)  # B V Q 2, B V Q
    rows, columns = depth_m.shape[2:]
    size = share.new_tensor([columns, rows])
    column, row = (share.clamp(0, 1) * size).to(torch.int64).unbind(-1)
    cell = row.clamp(max=rows - 1) * columns + column.clamp(max=columns - 1)
    surface_m = depth_m.flatten(2).gather(2, cell)
    away = centres_base - frames.base_T_cam[..., None, :3, 3]  # B V Q 3
    at_m = torch.einsum("bvqi,bvi->bvq", away, frames.base_T_cam[..., :3, 2])
    seen = inside & (at_m <= surface_m + max(grid.voxel_m))
    return torch.unflatten(seen.any(1), 1, grid.shape_zyx)


def seen_in_images(
    points_base: Float[Tensor, "Q 3"], frames: CameraFrames
) -> tuple[Float[Tensor, "B V Q 2"], Bool[Tensor, "B V Q"]]:
    """Return where points are in each image (0 to 1 along x and y), and whether they are in it."""
    ego_R_cam, shift = frames.base_T_cam[..., :3, :3], frames.base_T_cam[..., None, :3, 3]
    points_cam = (points_base - shift) @ ego_R_cam  # the transpose of R, from the right
    rays = torch.einsum("bvij,bvqj->bvqi", frames.pix_T_cam, points_cam)
    depth_m = points_cam[..., 2]
    pixels = rays[..., :2] / rays[..., 2:].clamp_min(MIN_DEPTH_M)
    height, width = frames.size_px
    share = (pixels + 0.5) / pixels.new_tensor([width, height])
    inside = ((share >= 0) & (share < 1)).all(-1) & (depth_m > MIN_DEPTH_M)
    return share, inside
