# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From images to the volume: lift by a distribution over depth, splat into voxels.

(Philion and Fidler, Lift Splat Shoot, 2020; depth that knows its camera and is taught by the LiDAR:
Li et al., BEVDepth, 2023.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.networks.image_backbone import ResidualBlock, group_norm
from unsup_track_ros.networks.trackocc.config import TrackOccConfig
from unsup_track_ros.networks.trackocc.frames import CameraFrames, cell_rays_cam, flat_voxels
from unsup_track_ros.shapes import Float, Int64
from unsup_track_ros.structures.voxels import VoxelGrid

_CAMERA_NUMBERS = 6 + 12  # what a camera is: 2 x 3 intrinsics, 3 x 4 pose
_NUM_DEPTH_BLOCKS = 3
# BEVDepth reaches up to 18 cells; a map of a few dozen cells has nothing there.
_DILATIONS = (1, 2, 4)


class DepthNet(nn.Module):
    """Says how far what each cell shows may be, and what it is.

    The same pixel means another depth through another lens: what a camera is gates the channels
    (squeeze and excitation).
    """

    def __init__(self, channels: int, num_bins: int, num_context: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), group_norm(channels), nn.ReLU()
        )
        self.camera = nn.Sequential(
            nn.Linear(_CAMERA_NUMBERS, channels),
            nn.ReLU(),
            nn.Linear(channels, channels),
            nn.ReLU(),
        )
        self.gates = nn.Linear(channels, 2 * channels)
        self.context = nn.Conv2d(channels, num_context, 1)
        self.blocks = nn.Sequential(
            *(ResidualBlock(channels, channels, 1, group_norm) for _ in range(_NUM_DEPTH_BLOCKS))
        )
        self.dilated = nn.ModuleList(
            nn.Conv2d(channels, channels // 2, 3, padding=far, dilation=far) for far in _DILATIONS
        )
        self.overall = nn.Conv2d(channels, channels // 2, 1)
        self.depth = nn.Conv2d((len(_DILATIONS) + 1) * (channels // 2), num_bins, 1)

    def forward(
        self, features: Float[Tensor, "N C h w"], cameras: Float[Tensor, "N k"]
    ) -> tuple[Float[Tensor, "N D h w"], Float[Tensor, "N c h w"]]:
        """Return the logits of depth and the context of each cell."""
        value = self.reduce(features)
        gates = torch.sigmoid(self.gates(self.camera(cameras)))[..., None, None]
        for_depth, for_context = gates.chunk(2, dim=1)
        context = self.context(value * for_context)
        near = self.blocks(value * for_depth)
        overall = self.overall(near.mean((2, 3), keepdim=True)).expand(-1, -1, *near.shape[2:])
        wide = [dilated(near) for dilated in self.dilated]
        logits = self.depth(functional.relu(torch.cat([*wide, overall], dim=1)))
        return logits, context


class LiftSplat(nn.Module):
    """Cells of images become features of voxels."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        self._bins = config.depth
        self._grid = config.grid.grid
        self.depth_net = DepthNet(config.pyramid_channels, config.depth.num, config.lift_channels)

    def forward(
        self, features: Float[Tensor, "N C h w"], frames: CameraFrames
    ) -> tuple[Float[Tensor, "B c Z Y X"], Float[Tensor, "N D h w"]]:
        """Return the volume of each frame and the logits of depth of each image; N is B V."""
        logits, context = self.depth_net(features, camera_numbers(frames))
        probability = logits.float().softmax(1)
        cells = features.shape[-2], features.shape[-1]
        voxel = self._voxels(frames, cells)  # B V D h w
        batch = len(frames.images)
        lifted = probability[:, :, None] * context.float()[:, None]  # N D c h w
        lifted = lifted.permute(0, 1, 3, 4, 2).reshape(batch, -1, context.shape[1])
        volume = splat(lifted, voxel.reshape(batch, -1), self._grid)
        return volume, logits

    def _voxels(self, frames: CameraFrames, cells: tuple[int, int]) -> Int64[Tensor, "B V D h w"]:
        """Return the voxel that each cell of each image reaches at each depth, -1 for none."""
        rays = cell_rays_cam(frames.pix_T_cam.flatten(0, 1), cells, frames.size_px)
        bins = self._bins
        depth_m = bins.middle_m(torch.arange(bins.num, device=rays.device))
        points_cam = rays[:, None] * depth_m[:, None, None, None]  # N D h w 3
        base_T_cam = frames.base_T_cam.flatten(0, 1)
        points_base = torch.einsum("nij,ndhwj->ndhwi", base_T_cam[:, :3, :3], points_cam)
        points_base = points_base + base_T_cam[:, None, None, None, :3, 3]
        voxel = flat_voxels(self._grid, points_base)
        return voxel.reshape(*frames.images.shape[:2], *voxel.shape[1:])


def splat(
    features: Float[Tensor, "B P c"], voxel: Int64[Tensor, "B P"], grid: VoxelGrid
) -> Float[Tensor, "B c Z Y X"]:
    """Sum features over voxels; those of voxel -1 are dropped.

    On a GPU the order of the sum, and so its last digit, is not fixed.
    """
    batch, num_voxels = len(features), 1
    for side in grid.shape_zyx:
        num_voxels *= side
    first = torch.arange(batch, device=voxel.device)[:, None] * num_voxels
    inside = voxel >= 0
    # One voxel more than there are takes what is dropped: no size depends on the data, which a GPU
    # would have to be asked for.
    target = torch.where(inside, voxel + first, batch * num_voxels).flatten()
    total = features.new_zeros(batch * num_voxels + 1, features.shape[-1])
    total = total.index_add(0, target, features.flatten(0, 1))[:-1]
    return total.reshape(batch, *grid.shape_zyx, -1).permute(0, 4, 1, 2, 3).contiguous()


def camera_numbers(frames: CameraFrames) -> Float[Tensor, "N k"]:
    """Return what each camera is, in numbers of about unit size.

    BEVDepth's vector has 27: it lists the augmentation of image and volume besides. Here the
    augmentation of an image is part of its intrinsics, and the volume is not augmented.
    """
    height, width = frames.size_px
    pix_T_cam = frames.pix_T_cam.flatten(0, 1)[:, :2]
    scale = pix_T_cam.new_tensor([[width], [height]])
    pose = frames.base_T_cam.flatten(0, 1)[:, :3]
    return torch.cat([(pix_T_cam / scale).flatten(1), pose.flatten(1)], dim=1)
