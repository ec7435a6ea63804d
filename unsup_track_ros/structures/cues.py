# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What each witness says of an object in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.shapes import Float64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectCues:
    """N objects of one frame; every value lies in [0, 1], nan where the witness did not see it.

    Attributes:
        motion: (N,) share of its points that were judged to move.
        free_space: (N,) share of its points that entered or left space which a scan saw through.
        flow: (N,) share of its points whose optical flow is not that of a standing thing, of those
            that the camera judged.
        appearance: (N,) score of the network that found it; nan without a network.
    """

    motion: Float64[np.ndarray, " N"]
    free_space: Float64[np.ndarray, " N"]
    flow: Float64[np.ndarray, " N"]
    appearance: Float64[np.ndarray, " N"]

    def __len__(self) -> int:
        return len(self.motion)
