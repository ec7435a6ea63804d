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
        width, levels = config.channels, config.num_levels
        self.forks = nn.ModuleList(
            _Layers(width, width, 3, config.shared_layers, levels) for _ in range(num_forks)
        )
        copies = levels * num_forks
        self.class_layers = _Layers(width, width, 3, config.task_layers, copies)
        self.box_layers = _Layers(width, width, 3, config.task_layers, copies)
        self.class_last = nn.Conv2d(width, num_last * config.num_classes, 3, padding=1)
        self.box_last = nn.Conv2d(width, num_last * 4, 3, padding=1)
        hidden = max(config.embedding_layers - 1, 0)
        size = config.embedding_size
        self.embedding_layers = _Layers(width, size, 1, hidden, copies)
        self.embedding_last: nn.Module = nn.Identity()
        if config.embedding_layers:
            self.embedding_last = nn.Conv2d(size if hidden else width, size, 1)
        self._initialize()

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
        outputs = [
            self._of_feature(fork(feature, level), level * self.num_forks + k)
            for level, feature in enumerate(levels)
            for k, fork in enumerate(self.forks)
        ]
        logits, offsets, embeddings = (
            torch.cat([output[part] for output in outputs], dim=1) for part in range(3)
        )
        return RetinaTrackOutput(class_logits=logits, offsets=offsets, embeddings=embeddings)

    def _of_feature(self, feature: Tensor, copy: int) -> tuple[Tensor, Tensor, Tensor]:
        """Apply the heads to the features of a level and a fork."""
        config = self.config
        logits = self.class_last(self.class_layers(feature, copy))
        offsets = self.box_last(self.box_layers(feature, copy))
        embedding = self.embedding_last(self.embedding_layers(feature, copy))
        flat = _by_anchor(embedding, embedding.shape[1])
        repeats = config.num_anchors // self.num_forks  # colliding anchors share one
        return (
            _by_anchor(logits, config.num_classes),
            _by_anchor(offsets, 4),
            flat.repeat(1, repeats, 1) if repeats > 1 else flat,
        )


class _Layers(nn.Module):
    """Convolutions with batch norm and ReLU after each; each of the copies has its own norms."""

    def __init__(self, num_in: int, num_out: int, side: int, num_layers: int, copies: int) -> None:
        super().__init__()
        sizes = [num_in] + [num_out] * num_layers
        self.convolutions = nn.ModuleList(
            nn.Conv2d(sizes[i], sizes[i + 1], side, padding=side // 2, bias=False)
            for i in range(num_layers)
        )
        self.norms = nn.ModuleList(
            nn.ModuleList(nn.BatchNorm2d(num_out) for _ in range(num_layers)) for _ in range(copies)
        )

    def forward(self, value: Tensor, copy: int) -> Tensor:
        """Apply them with the norms of one copy."""
        norms = self.norms[copy]
        assert isinstance(norms, nn.ModuleList)
        for convolution, norm in zip(self.convolutions, norms, strict=True):
            value = functional.relu(norm(convolution(value)))
        return value


def _by_anchor(value: Float[Tensor, "B C Y X"], size: int) -> Float[Tensor, "B A S"]:
    """Turn a map of (anchor, size) channels into a row per anchor: by anchor, row, column."""
    num_batch = len(value)
    rows = value.reshape(num_batch, -1, size, *value.shape[2:])
    return rows.permute(0, 1, 3, 4, 2).reshape(num_batch, -1, size).float()
