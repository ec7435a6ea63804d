# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What shapes the network of the random walk along memory."""

from __future__ import annotations

from typing import Final, Literal

from unsup_track_ros.config import Config, parameter

STRIDE_PX: Final = 4  # of the memory and of the heads


class RandomWalkMemoryConfig(Config):
    """Structure of the network; a checkpoint fits only the structure that it was trained with."""

    num_classes: int = parameter(2, "Kinds of things that the heat map tells apart.", ge=1)
    width: int = parameter(64, "Channels of features and memory.", ge=4)
    memory_kernel: Literal[3, 5, 7] = parameter(7, "Side of the memory's kernels, in cells.")
    head_width: int = parameter(64, "Channels inside a head (paper: 256).", ge=4)
    node_pooling: Literal[1, 3] = parameter(
        1, "Side of the pooling in front of the walk's nodes: 3 halves their grid (paper: traffic)."
    )
    reach: float = parameter(
        0.15, "How far a walk goes in a frame, of the grid's height (paper: 0.1, traffic 0.2).",
        gt=0, le=4,
    )  # fmt: skip
    temperature: float = parameter(0.1, "Of the softmax over edges.", gt=0)

    @property
    def node_stride_px(self) -> int:
        """Distance of two nodes in the image."""
        return STRIDE_PX * (2 if self.node_pooling > 1 else 1)

    def reach_nodes(self, rows: int) -> int:
        """Return how many nodes a walk goes in a frame, for a grid of so many rows."""
        return max(int(self.reach * rows), 1)
