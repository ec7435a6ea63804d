# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long the stages of one step take; they overlap."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class StageClock:
    """Wall time per stage, and of the step as a whole: stages overlap."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._seconds: dict[str, float] = {}

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

    def stop(self) -> dict[str, float]:
        """Return the times, in the order of the stages; "step" is the whole."""
        return {**self._seconds, "step": time.perf_counter() - self._start}
