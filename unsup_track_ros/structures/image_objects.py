# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Objects detected and followed in the image of the first camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float64, Int64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageObjects:
    """N objects of one image, surest first.

    Attributes:
        stamp_ns: Stamp of the frame.
        ids: (N,) identities of tracks in the image; they are not those of the tracks in odom.
        boxes_pix: (N, 4) left, top, right, bottom in the first camera at its native size; pixel
            centres lie at integers.
        scores: (N,) in [0, 1].
        embeddings: (N, E) appearance; only directions count.
    """

    stamp_ns: int
    ids: Int64[np.ndarray, " N"]
    boxes_pix: Float64[np.ndarray, "N 4"]
    scores: Float64[np.ndarray, " N"]
    embeddings: Float64[np.ndarray, "N E"]

    def __post_init__(self) -> None:
        for name in ("boxes_pix", "scores", "embeddings"):
            if len(getattr(self, name)) != len(self.ids):
                raise DataError(
                    f"{len(self.ids)} objects need {len(self.ids)} {name}, "
                    f"got {len(getattr(self, name))}."
                )

    def __len__(self) -> int:
        return len(self.ids)
