# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bird's-eye-view CenterNet: one LiDAR scan in, boxes and a coarse segmentation out.

Mode `tcr` has the heads of Track, Check, Repeat as released (SPECS 0.9: 28 channels with 16 height
slices). Mode `improved` adds what its error budget asks for: columns of height, density and
intensity at the input; a residual within the yaw bin; the heading; the overlap that a box will have
(for its score); the velocity. Both train without labels, on boxes of moving objects.

Shapes: B samples, C input channels, [Y, X] cells of the input grid, [y, x] cells of the output,
which are `stride` times as long; K yaw bins; S output slices of height.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.networks.bev_input import NUM_FEATURES, BevGridConfig
from unsup_track_ros.shapes import Float

HEIGHT_STRIDE = 4  # height slices of the input per slice of the segmentation
_MIN_SIZE_M = 0.01
_CENTRE_BIAS = -2.19  # a first probability of 0.1 (focal loss, Lin et al. 2017)


class BevCenternetConfig(Config):
    """The network."""

    mode: Literal["tcr", "improved"] = parameter(
        "improved", "Heads of Track, Check, Repeat, or ours."
    )
    grid: BevGridConfig = BevGridConfig()
    first_stride: int = parameter(2, "Stride of the first convolution.", ge=1, le=2)
    stem_channels: int = parameter(64, "Channels of the first convolution and layer 1.", ge=4)
    layer2_channels: int = parameter(96, "Channels of layer 2.", ge=4)
    layer3_channels: int = parameter(128, "Channels of layer 3.", ge=4)
    layer4_channels: int = parameter(128, "Channels of layer 4.", ge=4)
    num_yaw_bins: int = parameter(16, "Directions of half a turn.", ge=2)

    @property
    def stride(self) -> int:
        """Cells of the input per cell of the output."""
        return 2 * self.first_stride

    @property
    def num_inputs(self) -> int:
        """Channels of the input."""
        return self.grid.num_z + (NUM_FEATURES if self.mode == "improved" else 0)

    @property
    def num_segments(self) -> int:
        """Height slices of the segmentation."""
        return self.grid.num_z // HEIGHT_STRIDE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BevOutput:
    """What the network says per output cell.

    Attributes:
        centre: (B, y, x) logit of a box centre.
        size: (B, 3, y, x) length, width, height, m.
        offset: (B, 3, y, x) from the cell's centre to the box centre, in output cells along x, y
            and in output slices along z (trained; mode `tcr` does not use it, as released).
        height: (B, y, x) z of the box centre, m, frame bev.
        yaw_bins: (B, K, y, x) logits of yaw modulo half a turn, bin k at k pi / K.
        segmentation: (B, S, y, x) logit of a voxel on an object.
        yaw_residual: (B, K, y, x) yaw minus that of the bin, in bins; None in mode `tcr`.
        heading: (B, 2, y, x) cosine and sine of the yaw as far as it is known; None as above.
        overlap: (B, y, x) logit of the IoU that the box will have; None as above.
        velocity: (B, 2, y, x) over ground, m/s, axes of bev; None as above.
    """

    centre: Float[Tensor, "B y x"]
    size: Float[Tensor, "B 3 y x"]
    offset: Float[Tensor, "B 3 y x"]
    height: Float[Tensor, "B y x"]
    yaw_bins: Float[Tensor, "B K y x"]
    segmentation: Float[Tensor, "B S y x"]
    yaw_residual: Float[Tensor, "B K y x"] | None = None
    heading: Float[Tensor, "B 2 y x"] | None = None
    overlap: Float[Tensor, "B y x"] | None = None
    velocity: Float[Tensor, "B 2 y x"] | None = None


class BevCenternet(nn.Module):
    """Four residual layers over the bird's-eye view, three of them joined, one 1x1 head."""

    def __init__(self, config: BevCenternetConfig) -> None:
        super().__init__()
        _check(config)
        self.config = config
        widths = (
            config.stem_channels, config.layer2_channels,
            config.layer3_channels, config.layer4_channels,
        )  # fmt: skip
        self.stem = nn.Sequential(
            nn.Conv2d(config.num_inputs, widths[0], 7, config.first_stride, 3, bias=False),
            nn.InstanceNorm2d(widths[0]),
            nn.ReLU(),
        )
        self.layer1 = _layer(widths[0], widths[0], 1)
        self.layer2 = _layer(widths[0], widths[1], 2)
        self.layer3 = _layer(widths[1], widths[2], 2)
        self.layer4 = _layer(widths[2], widths[3], 2)
        self.head = nn.Conv2d(sum(widths[1:]), sum(self._head_channels().values()), 1)
        self.apply(_initialise)
        if config.mode == "improved":
            with torch.no_grad():
                assert self.head.bias is not None
                self.head.bias[0] = _CENTRE_BIAS

    def _head_channels(self) -> dict[str, int]:
        config = self.config
        shared = {
            "centre": 1,
            "size": 3,
            "offset": 3,
            "height": 1,
            "yaw_bins": config.num_yaw_bins,
            "segmentation": config.num_segments,
        }
        if config.mode == "tcr":
            return shared
        return shared | {
            "yaw_residual": config.num_yaw_bins, "heading": 2, "overlap": 1, "velocity": 2,
        }  # fmt: skip

    def features(self, image: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B F y x"]:
        """Return the joined features of the three last layers at the output's resolution."""
        layer1 = self.layer1(self.stem(image))  # (B, 64, Y/2, X/2) with first_stride 2
        layer2 = self.layer2(layer1)  # (B, 96, y, x)
        layer3 = self.layer3(layer2)  # (B, 128, y/2, x/2)
        layer4 = self.layer4(layer3)  # (B, 128, y/4, x/4)
        side = layer2.shape[-2:]
        resized = [
            functional.interpolate(layer, side, mode="bilinear", align_corners=True)
            for layer in (layer3, layer4)
        ]
        return torch.cat([layer2, *resized], dim=1)

    def forward(self, image: Float[Tensor, "B C Y X"]) -> BevOutput:
        """Answer for a batch of bird's-eye views (`bev_input.bev_image`)."""
        values = self.head(self.features(image))  # (B, 28, y, x) in mode tcr
        channels = self._head_channels()
        parts = dict(zip(channels, torch.split(values, list(channels.values()), 1), strict=True))
        for name in ("centre", "height", "overlap"):
            if name in parts:
                parts[name] = parts[name][:, 0]
        parts["size"] = functional.softplus(parts["size"]) + _MIN_SIZE_M
        return BevOutput(**parts)


class _Block(nn.Module):
    """A residual block: two 3x3 convolutions, a 1x1 on the shortcut where the size changes."""

    def __init__(self, num_in: int, num_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_in, num_out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(num_out, num_out, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.InstanceNorm2d(num_out), nn.InstanceNorm2d(num_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or num_in != num_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(num_in, num_out, 1, stride, bias=False), nn.InstanceNorm2d(num_out)
            )

    def forward(self, x: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B D y x"]:
        y = functional.relu(self.norm1(self.conv1(x)))
        y = functional.relu(self.norm2(self.conv2(y)))
        return functional.relu(self.shortcut(x) + y)


def _layer(num_in: int, num_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(_Block(num_in, num_out, stride), _Block(num_out, num_out, 1))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _check(config: BevCenternetConfig) -> None:
    side = 8 * config.first_stride
    grid = config.grid
    if grid.num_x % side or grid.num_y % side or grid.num_z % HEIGHT_STRIDE:
        raise ConfigError(
            f"The bird's-eye view has {grid.num_z} x {grid.num_y} x {grid.num_x} voxels, but the "
            f"network needs multiples of {HEIGHT_STRIDE}, {side} and {side}. Change grid.num_*."
        )
