# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The past that causal stages may look at."""

from __future__ import annotations

from dataclasses import dataclass

from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.frame import SensorFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PastFrame:
    """A frame that was stepped before, with the pose it got."""

    frame: SensorFrame
    egomotion: Egomotion
