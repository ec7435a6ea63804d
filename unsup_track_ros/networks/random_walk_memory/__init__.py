# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Random walk along memory (RAM): where is a thing while nobody sees it."""

from unsup_track_ros.networks.random_walk_memory.config import STRIDE_PX, RandomWalkMemoryConfig
from unsup_track_ros.networks.random_walk_memory.model import RandomWalkMemory, Reading
from unsup_track_ros.networks.random_walk_memory.walk import local_edges, one_hot, walk

__all__ = [
    "STRIDE_PX", "RandomWalkMemory", "RandomWalkMemoryConfig", "Reading", "local_edges",
    "one_hot", "walk",
]  # fmt: skip
