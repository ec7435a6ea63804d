# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RetinaTrack: a detector whose every box has an embedding of its own (Lu et al., CVPR 2020).

RetinaNet shares all features of a place between its K anchors until the last convolution, so two
objects that meet at one place cannot be told apart by them. RetinaTrack forks before:

    F_ik = Conv^(m1)(F_i; theta_k)      instance features of level i and anchor k   (eq. 3)
    class, box = heads of m2 + 1 convolutions over F_ik, shared by all i and k      (eq. 4, 5)
    embedding = m3 1x1 convolutions over F_ik, shared likewise                      (eq. 6)

Batch norm is shared by nobody: each convolution has one per level and anchor (paper, 3.4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.networks.image_backbone import (
    FeaturePyramid,
    build_backbone,
    normalized,
)
from unsup_track_ros.networks.retinatrack.config import RetinaTrackConfig
from unsup_track_ros.shapes import Float, Shaped

_LAST_STD = 0.01  # of the last convolutions' weights, as in RetinaNet
_FOREGROUND_PRIOR = 0.01  # RetinaNet, section 4.1: what every anchor says at first


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RetinaTrackOutput:
    """What the network says of each of A anchors, in the order of `anchor_boxes`.

    Attributes:
        class_logits: Of each class, against background.
        offsets: Box, as `encode_boxes` has it.
        embeddings: Appearance.
    """

    class_logits: Float[Tensor, "B A N"]
    offsets: Float[Tensor, "B A 4"]
    embeddings: Float[Tensor, "B A E"]


class RetinaTrack(nn.Module):
    """Backbone, pyramid, K forks and three heads."""

    def __init__(self, config: RetinaTrackConfig) -> None:
        """Build it with random weights.

        Raises:
            ConfigError: The backbone needs torchvision, which is not installed.
        """
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone)
        self.pyramid = FeaturePyramid(self.backbone.channels, config.channels, config.num_levels)
        separate = config.anchor_features == "separate"
        num_forks = config.num_anchors if separate else 1
        # With shared features the K anchors differ in the last convolution alone, as in RetinaNet.
        num_last = 1 if separate else config.num_anchors
        self.num_forks = num_forks
        width, size = config.channels, config.embedding_size
        first = nn.Conv2d(width, num_forks * width, 3, padding=1, bias=False)
        others = [
            nn.Conv2d(num_forks * width, num_forks * width, 3, padding=1, bias=False,
                      groups=num_forks)
            for _ in range(config.shared_layers - 1)
        ]  # fmt: skip
        self.forks = _Layers([first, *others], 1, config.num_levels)
        self.class_layers = self._head(width, 3, config.task_layers)
        self.box_layers = self._head(width, 3, config.task_layers)
        self.class_last = _SharedConvolution(width, num_last * config.num_classes, 3, padding=1)
        self.box_last = _SharedConvolution(width, num_last * 4, 3, padding=1)
        hidden = max(config.embedding_layers - 1, 0)
        self.embedding_layers = self._head(size, 1, hidden)
        self.embedding_last: nn.Module = nn.Identity()
        if config.embedding_layers:
            self.embedding_last = _SharedConvolution(size if hidden else width, size, 1)
        self._initialize()

    def _head(self, size: int, side: int, num_layers: int) -> _Layers:
        """Return layers that the anchors share, from the features of the forks on."""
        sizes = [self.config.channels] + [size] * num_layers
        convolutions = [
            _SharedConvolution(sizes[i], sizes[i + 1], side, padding=side // 2, bias=False)
            for i in range(num_layers)
        ]
        return _Layers(convolutions, self.num_forks, self.config.num_levels)

    def _initialize(self) -> None:
        # RetinaNet, 4.1. For the embedding it matters as much: triplets of large random embeddings
        # pull at the shared layers many times harder than the boxes do (docs/decisions/0014).
        for module in (self.class_last, self.box_last, self.embedding_last):
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=_LAST_STD)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        assert self.class_last.bias is not None
        odds = (1.0 - _FOREGROUND_PRIOR) / _FOREGROUND_PRIOR
        nn.init.constant_(self.class_last.bias, -math.log(odds))

    def forward(self, images: Shaped[Tensor, "B 3 H W"]) -> RetinaTrackOutput:
        """Look at images, 0 to 255, whose sides need not be multiples of a stride."""
        levels = self.pyramid(self.backbone(normalized(images)))
        outputs = [self._of_level(feature, level) for level, feature in enumerate(levels)]
        logits, offsets, embeddings = (
            torch.cat([output[part] for output in outputs], dim=1) for part in range(3)
        )
        return RetinaTrackOutput(class_logits=logits, offsets=offsets, embeddings=embeddings)

    def _of_level(self, feature: Tensor, level: int) -> tuple[Tensor, Tensor, Tensor]:
        """Apply forks and heads to the features of a level."""
        config = self.config
        instances = self.forks(feature, level)
        logits = self.class_last(self.class_layers(instances, level))
        offsets = self.box_last(self.box_layers(instances, level))
        embedding = self.embedding_last(self.embedding_layers(instances, level))
        flat = _by_anchor(embedding, config.effective_embedding_size)
        repeats = config.num_anchors // self.num_forks  # colliding anchors share one
        return (
            _by_anchor(logits, config.num_classes),
            _by_anchor(offsets, 4),
            flat.repeat(1, repeats, 1) if repeats > 1 else flat,
        )


class _SharedConvolution(nn.Conv2d):
    """One convolution for each of the blocks of channels that the forks make: one call for all."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve every block with the same weights."""
        num = input.shape[1] // self.in_channels
        bias = None if self.bias is None else self.bias.repeat(num)
        weight = self.weight.repeat(num, 1, 1, 1)
        return functional.conv2d(input, weight, bias, padding=self.padding, groups=num)


class _Layers(nn.Module):
    """Convolutions with batch norm and ReLU after each; every level and fork has its own norms.

    The features of the forks are blocks of channels, so the norms of a level are one norm.
    """

    def __init__(self, convolutions: Sequence[nn.Conv2d], num_blocks: int, num_levels: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(
            nn.ModuleList(nn.BatchNorm2d(num_blocks * layer.out_channels) for layer in convolutions)
            for _ in range(num_levels)
        )

    def forward(self, value: Tensor, level: int) -> Tensor:
        """Apply them with the norms of one level."""
        norms = self.norms[level]
        assert isinstance(norms, nn.ModuleList)
        for convolution, norm in zip(self.convolutions, norms, strict=True):
            value = functional.relu(norm(convolution(value)))
        return value


def _by_anchor(value: Float[Tensor, "B C Y X"], size: int) -> Float[Tensor, "B A S"]:
    """Turn a map of (anchor, size) channels into a row per anchor: by anchor, row, column."""
    num_batch = len(value)
    rows = value.reshape(num_batch, -1, size, *value.shape[2:])
    return rows.permute(0, 1, 3, 4, 2).reshape(num_batch, -1, size).float()
