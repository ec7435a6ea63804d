# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The network: image encoder, memory, heads of what is seen, nodes of the walk (SPECS 3.1).

Divergence: the paper's encoder is DLA-34 with deformable convolutions, pre-trained on ImageNet,
which is neither small nor free of foreign weights. A short residual encoder of the same stride
takes its place; `width` scales it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsup_track_ros.networks.random_walk_memory.config import RandomWalkMemoryConfig
from unsup_track_ros.networks.random_walk_memory.walk import local_edges
from unsup_track_ros.shapes import Float

# A centre is rare: the heat map starts at 1 %.
_FIRST_HEAT_LOGIT: Final = -4.6
_GROUPS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What the network reads from its memory, per cell of stride 4.

    Attributes:
        heat_logits: Of the centres of each class.
        offset: Of the centre from the cell's upper left corner, y and x in cells.
        size: Height and width in cells.
        displacement: Centre in the last frame minus centre now, y and x in cells.
        nodes: Embeddings that the walk goes along, of length one.
    """

    heat_logits: Float[Tensor, "B C H W"]
    offset: Float[Tensor, "B 2 H W"]
    size: Float[Tensor, "B 2 H W"]
    displacement: Float[Tensor, "B 2 H W"]
    nodes: Float[Tensor, "B D R S"]


class RandomWalkMemory(nn.Module):
    """Sees frame by frame and remembers."""

    def __init__(self, config: RandomWalkMemoryConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width // 2, 5, stride=2, padding=2), _norm(width // 2),
            nn.ReLU(inplace=True), _Residual(width // 2),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1), _norm(width),
            nn.ReLU(inplace=True), _Residual(width), _Residual(width),
        )  # fmt: skip
        self.memory = ConvGru(width, config.memory_kernel)
        self.heat_head = _head(width, config.head_width, config.num_classes)
        self.offset_head = _head(width, config.head_width, 2)
        self.size_head = _head(width, config.head_width, 2)
        self.displacement_head = _head(width, config.head_width, 2)
        self.node_head = nn.Sequential(
            nn.Conv2d(width, width, 1), nn.ReLU(inplace=True), nn.Conv2d(width, width, 1)
        )
        nn.init.constant_(self.heat_head[-1].bias, _FIRST_HEAT_LOGIT)  # type: ignore[arg-type]

    def forward(
        self, video: Float[Tensor, "B T 3 H W"]
    ) -> tuple[Reading, Float[Tensor, "B T D R S"]]:
        """Return what is read in all frames, those of a video in a row (B*T), and the nodes."""
        num, length = video.shape[:2]
        features = self.encoder(video.flatten(0, 1) - 0.5)
        memory = self.memory(features.reshape(num, length, *features.shape[1:]), None)
        reading = self.read(memory.flatten(0, 1))
        return reading, reading.nodes.reshape(num, length, *reading.nodes.shape[1:])

    def step(
        self, image: Float[Tensor, "B 3 H W"], memory: Float[Tensor, "B D Y X"] | None
    ) -> tuple[Reading, Float[Tensor, "B D Y X"]]:
        """Process one frame; return what is read and the memory for the next."""
        features = self.encoder(image - 0.5)
        now = self.memory(features[:, None], memory)[:, -1]
        return self.read(now), now

    def read(self, memory: Float[Tensor, "B D H W"]) -> Reading:
        """Read a memory."""
        pooled = memory
        if self.config.node_pooling > 1:
            pooled = functional.avg_pool2d(
                memory, self.config.node_pooling, stride=2, padding=1, count_include_pad=False
            )
        nodes = functional.normalize(self.node_head(pooled).float(), dim=1)
        return Reading(
            heat_logits=self.heat_head(memory).float(),
            offset=self.offset_head(memory).float(),
            size=self.size_head(memory).float(),
            displacement=self.displacement_head(memory).float(),
            nodes=nodes,
        )

    def edges(
        self, nodes0: Float[Tensor, "B D R S"], nodes1: Float[Tensor, "B D R S"]
    ) -> Float[Tensor, "B O R S"]:
        """Return the walk's edges from a frame to the next."""
        reach = self.config.reach_nodes(nodes0.shape[2])
        return local_edges(nodes0, nodes1, reach, self.config.temperature)


class ConvGru(nn.Module):
    """Convolutional gated recurrent unit: h' = (1 - u) h + u tanh(W [x, r h]), from h = 0."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        pad = kernel // 2
        # W [x, h] is W x + W h: what comes from the images is computed for all frames at once.
        self.from_input = nn.Conv2d(width, 3 * width, kernel, padding=pad)
        self.gates = nn.Conv2d(width, 2 * width, kernel, padding=pad, bias=False)
        self.candidate = nn.Conv2d(width, width, kernel, padding=pad, bias=False)

    def forward(
        self, features: Float[Tensor, "B T D H W"], memory: Float[Tensor, "B D H W"] | None
    ) -> Float[Tensor, "B T D H W"]:
        """Return the memory after each frame."""
        num, length, width = features.shape[:3]
        told = self.from_input(features.flatten(0, 1))
        told = told.reshape(num, length, *told.shape[1:])
        hidden = torch.zeros_like(told[:, 0, :width]) if memory is None else memory
        after = []
        for index in range(length):
            told_gates, told_candidate = told[:, index].split([2 * width, width], dim=1)
            reset, update = torch.sigmoid(told_gates + self.gates(hidden)).chunk(2, dim=1)
            candidate = torch.tanh(told_candidate + self.candidate(reset * hidden))
            hidden = hidden + update * (candidate - hidden)
            after.append(hidden)
        return torch.stack(after, dim=1)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), _norm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1), _norm(width),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(features + self.inner(features))


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(_GROUPS if width % _GROUPS == 0 else 1, width)


def _head(width: int, inner: int, answers: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, inner, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(inner, answers, 1)
    )
