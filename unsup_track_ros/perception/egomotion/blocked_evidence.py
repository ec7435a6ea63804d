# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Evidence summed up in blocks of time: a sliding memory, and an honest standard deviation.

Successive frames see the same things and err alike, so that their scatter says too little. Blocks
of time are nearly independent; leaving out one at a time (delete-a-group jackknife, Quenouille
1956, Tukey 1958) gives the deviation of any estimate that is made from the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.shapes import Float64, Shaped


class BlockConfig(Config):
    """How long evidence is kept and how it is divided."""

    block_s: float = parameter(1.0, "Time whose evidence is summed up as one.", unit="s", gt=0)
    num_blocks: int = parameter(20, "Blocks that are kept: the memory of the check.", ge=2)
    min_blocks: int = parameter(3, "Blocks with evidence that an estimate needs.", ge=2)


class BlockedEvidence:
    """Sums of equally shaped evidence over the last blocks of time."""

    def __init__(self, shape: tuple[int, ...], config: BlockConfig) -> None:
        self._config = config
        self._shape = shape
        self.reset()

    def reset(self) -> None:
        """Forget all."""
        self._block = np.full(self._config.num_blocks, -1, np.int64)
        self._count = np.zeros(self._config.num_blocks, np.int64)
        self._sum = np.zeros((self._config.num_blocks, *self._shape))

    def add(self, stamp_ns: int, evidence: Shaped[np.ndarray, "*shape"]) -> None:
        """Add the evidence of one frame; what is older than the memory is dropped."""
        block = stamp_ns // round(self._config.block_s * 1e9)
        self._drop(self._block <= block - self._config.num_blocks)
        slot = block % self._config.num_blocks
        self._block[slot] = block
        self._count[slot] += 1
        self._sum[slot] += evidence

    @property
    def num_frames(self) -> int:
        """Frames whose evidence is remembered."""
        return int(self._count.sum())

    @property
    def is_enough(self) -> bool:
        """Whether enough blocks have evidence for an estimate with a deviation."""
        return bool((self._count > 0).sum() >= self._config.min_blocks)

    @property
    def total(self) -> Float64[np.ndarray, "*shape"]:
        """All that is remembered, summed up."""
        total: Float64[np.ndarray, "*shape"] = self._sum.sum(0)
        return total

    def estimate(
        self, estimator: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[Float64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
        """Return what an estimator makes of the total, and the standard deviations of it."""
        total = self.total
        used = np.flatnonzero(self._count)
        without = np.stack([estimator(total - self._sum[slot]) for slot in used])
        spread = ((without - without.mean(0)) ** 2).sum(0)
        return estimator(total), np.sqrt(spread * (len(used) - 1) / len(used))

    def state(self) -> dict[str, np.ndarray]:
        """Return flat arrays from which `restore` goes on with the same bytes."""
        return {"block": self._block.copy(), "count": self._count.copy(), "sum": self._sum.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on exactly where `state` was taken."""
        self._block = state["block"].copy()
        self._count = state["count"].copy()
        self._sum = state["sum"].copy()

    def _drop(self, old: np.ndarray) -> None:
        self._block[old] = -1
        self._count[old] = 0
        self._sum[old] = 0.0
