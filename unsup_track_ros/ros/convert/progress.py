# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far labelling has come, as a message."""

from __future__ import annotations

import time
from typing import Final

from unsup_track_ros.msg import LabelingProgress
from unsup_track_ros.ros.convert.basics import to_duration, to_header

_PERIOD_S: Final = 0.2
_FRAMES: Final = "labelling"


class ProgressClock:
    """Counts frames against wall time.

    Attributes:
        done: Frames with a label.
        total: Frames of the recording, 0 while unknown.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self._first: tuple[float, int] | None = None
        self._told_s = float("-inf")

    def advance(self, work: str, done: int, total: int) -> None:
        """Note a step; only labelling counts as frames, pictures do not."""
        if work == _FRAMES:
            self.done, self.total = done, total
            if self._first is None:
                self._first = (time.monotonic(), done)

    def is_due(self) -> bool:
        """Tell whether it is time for the next message, at most five a second."""
        now_s = time.monotonic()
        if now_s - self._told_s < _PERIOD_S:
            return False
        self._told_s = now_s
        return True

    @property
    def rate_hz(self) -> float:
        """Frames labelled per second of wall time, 0 while unknown."""
        if self._first is None:
            return 0.0
        span_s = time.monotonic() - self._first[0]
        return (self.done - self._first[1]) / span_s if span_s > 0 else 0.0


def to_progress(
    clock: ProgressClock, places: tuple[str, str], state: tuple[int, str], at_ns: int
) -> LabelingProgress:
    """Build the message.

    Args:
        clock: Frames and rate.
        places: Recording and label directory.
        state: One of the message's states, and one sentence.
        at_ns: Wall time.
    """
    rate_hz = clock.rate_hz
    left_s = (clock.total - clock.done) / rate_hz if rate_hz > 0 else 0.0
    return LabelingProgress(
        header=to_header(at_ns, ""),
        recording=places[0],
        output=places[1],
        state=state[0],
        frames_done=clock.done,
        frames_total=clock.total,
        rate_hz=rate_hz,
        remaining=to_duration(left_s),
        message=state[1],
    )
