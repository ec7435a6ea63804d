# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Residual networks and the feature pyramid over them (He et al. 2016; Lin et al., FPN, 2017)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.networks.torchvision_import import torchvision_module
from unsup_track_ros.shapes import Float, Shaped

BackboneName = Literal["small", "resnet18", "resnet50"]
Norm = Callable[[int], nn.Module]  # a normalisation of so many channels

_CHANNELS_PER_GROUP: Final = 8
_SMALL_STEM = 32
_SMALL_STAGES = (48, 64, 96, 128)  # channels at strides 4, 8, 16, 32


def group_norm(channels: int) -> nn.GroupNorm:
    """Return a normalisation that knows no batch: a frame is seen alike alone and among others."""
    groups = channels // _CHANNELS_PER_GROUP if channels % _CHANNELS_PER_GROUP == 0 else 1
    return nn.GroupNorm(groups, channels)


class ResidualBlock(nn.Module):
    """Two convolutions of side 3, over images or volumes, beside the identity."""

    def __init__(
        self,
        num_in: int,
        num_out: int,
        stride: int,
        norm: Norm = nn.BatchNorm2d,
        convolution: type[nn.Conv2d | nn.Conv3d] = nn.Conv2d,
    ) -> None:
        super().__init__()
        self.first = convolution(num_in, num_out, 3, stride, 1, bias=False)
        self.first_norm = norm(num_out)
        self.second = convolution(num_out, num_out, 3, 1, 1, bias=False)
        self.second_norm = norm(num_out)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or num_in != num_out:
            self.skip = nn.Sequential(
                convolution(num_in, num_out, 1, stride, bias=False), norm(num_out)
            )

    def forward(self, value: Tensor) -> Tensor:
        """Return the block's output."""
        hidden = functional.relu(self.first_norm(self.first(value)))
        out: Tensor = functional.relu(self.second_norm(self.second(hidden)) + self.skip(value))
        return out


class SmallBackbone(nn.Module):
    """A residual network of four stages, one block each: enough for small images."""

    channels = _SMALL_STAGES[1:]

    def __init__(self, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, _SMALL_STEM, 5, 2, 2, bias=False),
            norm(_SMALL_STEM),
            nn.ReLU(),
        )
        sizes = (_SMALL_STEM, *_SMALL_STAGES)
        self.stages = nn.ModuleList(
            ResidualBlock(num_in, num_out, 2, norm) for num_in, num_out in itertools.pairwise(sizes)
        )

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """Return features at strides 8, 16 and 32."""
        value = self.stem(image)
        found = []
        for stage in self.stages:
            value = stage(value)
            found.append(value)
        return found[1:]


class TorchvisionBackbone(nn.Module):
    """A ResNet of torchvision, without its classifier."""

    def __init__(self, name: str, norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        models = torchvision_module(
            "models",
            f"The backbone '{name}'",
            "Run `pip install unsup_track_ros[raft]`, or use the backbone 'small'.",
        )
        # Random weights: what was learned from labelled images would be labels by the back door.
        net = models.get_model(name, weights=None, norm_layer=norm)
        self.stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
        self.stages = nn.ModuleList([net.layer2, net.layer3, net.layer4])
        self.channels = (128, 256, 512) if name == "resnet18" else (512, 1024, 2048)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """Return features at strides 8, 16 and 32."""
        value = self.stem(image)
        found = []
        for stage in self.stages:
            value = stage(value)
            found.append(value)
        return found


class FeaturePyramid(nn.Module):
    """Top-down pyramid from stride 8 on; levels beyond stride 32 are strided convolutions."""

    def __init__(self, channels_in: Sequence[int], channels: int, num_levels: int) -> None:
        super().__init__()
        used = channels_in[:num_levels]
        self.lateral = nn.ModuleList(nn.Conv2d(num, channels, 1) for num in used)
        self.smooth = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in used)
        more = num_levels - len(used)
        self.coarser = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, 2, padding=1) for _ in range(more)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return one map per level."""
        value: Tensor | None = None
        levels: list[Tensor] = []
        used = list(features[: len(self.lateral)])
        for lateral, smooth, feature in zip(
            reversed(self.lateral), reversed(self.smooth), reversed(used), strict=True
        ):
            here = lateral(feature)
            if value is not None:
                here = here + functional.interpolate(value, size=here.shape[-2:], mode="nearest")
            value = here
            levels.insert(0, smooth(here))
        for coarser in self.coarser:
            levels.append(coarser(functional.relu(levels[-1])))
        return levels


def build_backbone(
    name: BackboneName, norm: Norm = nn.BatchNorm2d
) -> SmallBackbone | TorchvisionBackbone:
    """Return the backbone of a name.

    Raises:
        ConfigError: It is one of torchvision's, which is not installed.
    """
    return SmallBackbone(norm) if name == "small" else TorchvisionBackbone(name, norm)


def normalized(images: Shaped[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """Bring pixels from 0..255 to about unit variance, on the way from uint8 too."""
    return (images.to(torch.float32) - 114.0) / 58.0
