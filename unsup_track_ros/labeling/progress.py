# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long work tells how far it has come; what becomes of it is the caller's business."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told how far a long piece of work has come."""

    def __call__(self, work: str, done: int, total: int) -> None:
        """Take note that `done` of `total` steps of `work` are finished."""


def no_progress(work: str, done: int, total: int) -> None:
    """Tell nobody."""
