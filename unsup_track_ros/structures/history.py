# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The past that causal stages may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.motion import MotionSegmentation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PastFrame:
    """A frame that was stepped before, with the pose it got."""

    frame: SensorFrame
    egomotion: Egomotion


@runtime_checkable
class MotionMemory(Protocol):
    """What moves in frames, as far as it was worked out beforehand (`labeling/evidence.py`)."""

    def holds(self, index: int) -> bool:
        """Tell whether it probably answers for a frame."""

    def motion(
        self, frame: SensorFrame, history: tuple[PastFrame, ...], egomotion: Egomotion
    ) -> MotionSegmentation | None:
        """Return what `MotionSegmenter.step` would answer, None where it is not known."""
