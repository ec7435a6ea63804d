# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Samples of a training, drawn beside it: reading and varying a scan costs more than a GPU's step.

What a step learns from follows from its number alone, so it makes no difference who draws it, or
how many processes do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

import cv2
from torch.utils.data import DataLoader, Dataset

_AHEAD = 3  # steps that each process may be ahead
_ROWS_KEPT = 500  # of a scan of 64 beams so many take about a gigabyte in each process that draws

Sample = TypeVar("Sample")


# Draws what one step learns from, which follows from its number alone. It runs on the CPU, and
# processes get a copy of it.
Draw: TypeAlias = Callable[[int], list[Sample]]


class Remembered(Generic[Sample]):
    """What was made of the rows of a training set, kept for the next time that one is drawn.

    Args:
        make: Makes it of a row; it follows from the row alone.
        max_rows: Most rows that are kept; the one not asked for longest goes first.
    """

    def __init__(self, make: Callable[[int], Sample], max_rows: int = _ROWS_KEPT) -> None:
        self._make = make
        self._max_rows = max_rows
        self._rows: dict[int, Sample] = {}

    def __call__(self, row: int) -> Sample:
        """Return what is made of a row."""
        made = self._rows.pop(row) if row in self._rows else self._make(row)
        self._rows[row] = made  # behind all others
        if len(self._rows) > self._max_rows:
            del self._rows[next(iter(self._rows))]
        return made


class _Steps(Dataset[list[Sample]], Generic[Sample]):
    """The samples of each step, for the loader's processes."""

    def __init__(self, draw: Draw[Sample]) -> None:
        self._draw = draw

    def __getitem__(self, step: int) -> list[Sample]:
        return self._draw(step)


class DrawnSteps(Generic[Sample]):
    """The samples of one step after the other.

    Args:
        draw: What draws them.
        num_steps: Steps in all.
        num_workers: Processes that draw ahead; 0 draws here, when asked.
    """

    def __init__(self, draw: Draw[Sample], num_steps: int, num_workers: int) -> None:
        self._draw = draw
        self._num_steps = num_steps
        self._num_workers = num_workers
        self._ahead: Iterator[list[Sample]] | None = None
        self._next_step = 0

    def of(self, step: int) -> list[Sample]:
        """Return the samples of a step; steps in order are drawn ahead."""
        if not self._num_workers:
            return self._draw(step)
        if self._ahead is None or step != self._next_step:
            self._ahead = iter(self._loader(range(step, max(self._num_steps, step + 1))))
        self._next_step = step + 1
        return next(self._ahead)

    def _loader(self, steps: range) -> DataLoader[list[Sample]]:
        return DataLoader(
            _Steps(self._draw),
            batch_size=None,
            sampler=steps,
            num_workers=self._num_workers,
            collate_fn=_as_drawn,
            worker_init_fn=_alone,
            prefetch_factor=_AHEAD,
        )


def _as_drawn(samples: Any) -> Any:  # noqa: ANN401 - the loader's own type
    """Keep what was drawn: arrays stay arrays."""
    return samples


def _alone(number: int) -> None:  # noqa: ARG001
    """Let a process use one core: OpenCV's threads do not survive a fork."""
    cv2.setNumThreads(0)
