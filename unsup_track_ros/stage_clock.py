# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long the stages of one step take; they overlap, and some end after it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class StageClock:
    """Wall time per stage, and of the step as a whole."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._seconds: dict[str, float] = {}
        self._step_s = math.nan

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time the block as a stage."""
        start = time.perf_counter()
        yield
        self._seconds[stage] = time.perf_counter() - start

    def timed(self, stage: str, work: Callable[P, R]) -> Callable[P, R]:
        """Return the work, timed as a stage wherever it runs."""

        def clocked(*args: P.args, **kwargs: P.kwargs) -> R:
            with self(stage):
                return work(*args, **kwargs)

        return clocked

    def stop(self) -> None:
        """End the step; a stage that is put off may still be timed."""
        self._step_s = time.perf_counter() - self._start

    @property
    def seconds(self) -> dict[str, float]:
        """The times of the stages that are over, and of the whole "step"."""
        return {**self._seconds, "step": self._step_s}
