# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is seen in a frame: peaks of the heat map (SPECS 3.4, step 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from unsup_track_ros.networks.random_walk_memory.config import STRIDE_PX
from unsup_track_ros.networks.random_walk_memory.model import Reading
from unsup_track_ros.shapes import Float64, Int64

MAX_PEAKS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Peaks:
    """What is seen in one frame, the surest first.

    Attributes:
        classes: Class of each.
        scores: 0 to 1.
        boxes_px: Top, left, bottom, right.
        former_px: Centre in the last frame as the network reckons, y and x.
    """

    classes: Int64[np.ndarray, " N"]
    scores: Float64[np.ndarray, " N"]
    boxes_px: Float64[np.ndarray, "N 4"]
    former_px: Float64[np.ndarray, "N 2"]

    @property
    def centres_px(self) -> Float64[np.ndarray, "N 2"]:
        """Centres, y and x."""
        return np.asarray((self.boxes_px[:, :2] + self.boxes_px[:, 2:]) / 2.0)


def peaks_of(reading: Reading, min_score: float) -> list[Peaks]:
    """Return the peaks of each frame of a batch."""
    heat = torch.sigmoid(reading.heat_logits)
    is_peak = heat == functional.max_pool2d(heat, 3, stride=1, padding=1)
    num, _, rows, columns = heat.shape
    flat = (heat * is_peak).reshape(num, -1)
    scores, index = flat.topk(min(MAX_PEAKS, flat.shape[1]), dim=1)
    classes = index // (rows * columns)
    cell = index % (rows * columns)

    def at_peaks(values: torch.Tensor) -> torch.Tensor:
        return torch.gather(values.flatten(2), 2, cell[:, None].expand(-1, 2, -1)).transpose(1, 2)

    corner = torch.stack([cell // columns, cell % columns], dim=-1)
    centre = (corner + at_peaks(reading.offset)) * STRIDE_PX
    half = at_peaks(reading.size).clamp(min=0.0) * (STRIDE_PX / 2.0)
    former = centre + at_peaks(reading.displacement) * STRIDE_PX
    boxes = torch.cat([centre - half, centre + half], dim=-1)
    arrays = [v.detach().double().cpu().numpy() for v in (scores, boxes, former)]
    kinds = classes.cpu().numpy()
    found = []
    for row in range(num):
        sure = arrays[0][row] > min_score
        found.append(
            Peaks(
                classes=kinds[row][sure],
                scores=arrays[0][row][sure],
                boxes_px=arrays[1][row][sure],
                former_px=arrays[2][row][sure],
            )
        )
    return found
