# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Convolutions over the volume: down to the compact volume, and up again to every voxel.

Two forms of both. `3d` is the paper's: a 3-D residual network. `bev` keeps the layers of the volume
as channels of 2-D convolutions and makes layers of channels again at the end (Yu et al., FlashOcc,
2023): cheaper by far, and made of nothing that an inference engine lacks.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.networks.image_backbone import ResidualBlock, group_norm
from unsup_track_ros.networks.trackocc.config import TrackOccConfig
from unsup_track_ros.shapes import Float

_STRIDES = (1, 2, 2)  # of the three stages


def _stages(config: TrackOccConfig, num_in: int) -> nn.ModuleList:
    """Return the stages; the first strides as far as its number says."""
    convolution = nn.Conv3d if config.volume == "3d" else nn.Conv2d
    block = partial(ResidualBlock, norm=group_norm, convolution=convolution)
    sizes = (num_in, *config.stage_channels)
    stages = []
    for (before, after), stride, num in zip(
        itertools.pairwise(sizes), _STRIDES, config.stage_blocks, strict=True
    ):
        rest = [block(after, after, 1) for _ in range(num - 1)]
        stages.append(nn.Sequential(block(before, after, stride), *rest))
    return nn.ModuleList(stages)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenVolumes:
    """What the images of B frames say of the space around the vehicle.

    Attributes:
        compact: Volume that queries look into.
        mask_features: Of every voxel; masks are products with them.
        semantic_logits: Of every class in every voxel.
        depth_logits: Of every depth bin in every cell of every image.
    """

    compact: Float[Tensor, "B c z y x"]
    mask_features: Float[Tensor, "B C Z Y X"]
    semantic_logits: Float[Tensor, "B K Z Y X"]
    depth_logits: Float[Tensor, "B V D h w"]

    def part(self, first: int, num: int = 1) -> SeenVolumes:
        """Return so many of the frames, from one on."""
        chosen = slice(first, first + num)
        return SeenVolumes(**{name: getattr(self, name)[chosen] for name in self.__slots__})


class VolumeEncoder(nn.Module):
    """Stages over the volume, brought to one size and mixed: the compact volume."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        self._shape = config.compact_shape_zyx
        self._is_flat = config.volume == "bev"
        layers = self._shape[0] if self._is_flat else 1
        self.stages = _stages(config, config.lift_channels * layers)
        mixed, num_out = sum(config.stage_channels), config.compact_channels * layers
        convolution = nn.Conv2d if self._is_flat else nn.Conv3d
        self.mix = nn.Sequential(
            convolution(mixed, num_out, 1, bias=False), group_norm(num_out), nn.ReLU()
        )

    def forward(
        self, volume: Float[Tensor, "B c Z Y X"]
    ) -> tuple[Float[Tensor, "B C z y x"], list[Tensor]]:
        """Return the compact volume, all layers high, and the output of every stage."""
        value = volume.flatten(1, 2) if self._is_flat else volume
        found = []
        for stage in self.stages:
            value = stage(value)
            found.append(value)
        size = self._shape[1:] if self._is_flat else self._shape
        mixed: Tensor = self.mix(torch.cat([resized(stage, size) for stage in found], dim=1))
        return (torch.unflatten(mixed, 1, (-1, self._shape[0])) if self._is_flat else mixed), found


class UpPath(nn.Module):
    """From the compact volume to features of every voxel, the stages' finer outputs beside it."""

    def __init__(self, config: TrackOccConfig) -> None:
        super().__init__()
        self._layers = config.compact_shape_zyx[0]
        self._is_flat = config.volume == "bev"
        layers = self._layers if self._is_flat else 1
        width = config.up_channels * (2 if self._is_flat else 1)
        # The stage of stride 2 (4) stands at index 1 (2): the way up meets them in falling order.
        strides = [stride for stride in (4, 2, 1) if stride <= config.compact_stride]
        self._met = [stride // 2 for stride in strides]
        num_in = [config.compact_channels * layers] + [width] * (len(strides) - 1)
        self.merges = nn.ModuleList(
            self._merge(before + config.stage_channels[index], width)
            for before, index in zip(num_in, self._met, strict=True)
        )
        self.ups = nn.ModuleList(self._up(width) for _ in strides[1:])
        convolution = nn.Conv2d if self._is_flat else nn.Conv3d
        self.last = convolution(width, config.channels * layers, 1)

    def _merge(self, num_in: int, num_out: int) -> nn.Sequential:
        if self._is_flat:
            return nn.Sequential(
                nn.Conv2d(num_in, num_out, 3, padding=1, bias=False), group_norm(num_out), nn.ReLU()
            )
        # Paper: 3 x 3 cells of one layer; layers were mixed below.
        return nn.Sequential(
            nn.Conv3d(num_in, num_out, (1, 3, 3), padding=(0, 1, 1), bias=False),
            group_norm(num_out),
            nn.ReLU(),
        )

    def _up(self, width: int) -> nn.Sequential:
        if self._is_flat:
            return nn.Sequential(
                nn.ConvTranspose2d(width, width, 2, 2, bias=False), group_norm(width), nn.ReLU()
            )
        return nn.Sequential(
            nn.ConvTranspose3d(width, width, (1, 2, 2), (1, 2, 2), bias=False),
            group_norm(width),
            nn.ReLU(),
        )

    def forward(
        self, compact: Float[Tensor, "B c z y x"], stages: Sequence[Tensor]
    ) -> Float[Tensor, "B C Z Y X"]:
        """Return the features of every voxel."""
        value = compact.flatten(1, 2) if self._is_flat else compact
        for step, (merge, index) in enumerate(zip(self.merges, self._met, strict=True)):
            if step:
                value = self.ups[step - 1](value)
            beside = resized(stages[index], value.shape[2:])
            value = merge(torch.cat([value, beside], dim=1))
        out: Tensor = functional.relu(self.last(value))
        return torch.unflatten(out, 1, (-1, self._layers)) if self._is_flat else out


def resized(value: Tensor, size: Sequence[int]) -> Tensor:
    """Return maps or volumes at another size, (tri)linear."""
    if tuple(value.shape[2:]) == tuple(size):
        return value
    mode = "trilinear" if value.dim() == 5 else "bilinear"
    return functional.interpolate(value, size=tuple(size), mode=mode, align_corners=False)
