# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long work tells how far it has come; what becomes of it is the caller's business."""

from __future__ import annotations

from collections.abc import Callable

# Called with the name of the work, the steps done and the steps in all.
Progress = Callable[[str, int, int], None]


def no_progress(work: str, done: int, total: int) -> None:
    """Tell nobody."""


def named_progress(name: str, progress: Progress) -> Progress:
    """Return a progress that tells another one whose work it is."""

    def told(work: str, done: int, total: int) -> None:
        progress(f"{name}: {work}", done, total)

    return told
