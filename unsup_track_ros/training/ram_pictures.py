# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of what RAM believes: where the hidden target may be, over the frames of some videos."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from torch import Tensor

from unsup_track_ros.networks.random_walk_memory import RandomWalkMemory
from unsup_track_ros.networks.random_walk_memory.tracker import (
    VideoTracker,
    WalkTrackerConfig,
    WalkTracks,
)
from unsup_track_ros.shapes import UInt8
from unsup_track_ros.visualization import colors

_SCALE: Final = 3
_JPEG_QUALITY: Final = 92
_BELIEF_SHARE: Final = 0.6  # how strongly the surest place is painted


def belief_sheets(
    network: RandomWalkMemory,
    config: WalkTrackerConfig,
    frames: UInt8[Tensor, "N T 3 H W"],
    every: int,
) -> list[tuple[str, bytes]]:
    """Return a picture of every so many frames: all videos side by side, with boxes and beliefs."""
    device = next(network.parameters()).device
    tracker = VideoTracker(network, config, len(frames))
    pictures = []
    for time in range(frames.shape[1]):
        found = tracker.step(frames[:, time].to(device).float() / 255.0)
        if time % every == 0:
            views = [belief_view(frames[row, time], tracks) for row, tracks in enumerate(found)]
            pictures.append((f"frame {time}", _encoded(np.hstack(views))))
    return pictures


def belief_view(frame: UInt8[Tensor, "3 H W"], tracks: WalkTracks) -> UInt8[np.ndarray, "Y X 3"]:
    """Paint the target's tracks: a box, and a heat map of the belief where it is not seen."""
    view = np.ascontiguousarray(frame.permute(1, 2, 0).cpu().numpy())
    size = (view.shape[1] * _SCALE, view.shape[0] * _SCALE)
    view = cv2.resize(view, size, interpolation=cv2.INTER_NEAREST)
    for row in np.flatnonzero(tracks.classes == 0):
        color = colors.track_color(int(tracks.ids[row]))
        if not tracks.is_visible[row]:
            belief = cv2.resize(tracks.beliefs[row], size, interpolation=cv2.INTER_LINEAR)
            share = _BELIEF_SHARE * belief[..., None] / max(float(belief.max()), 1e-9)
            view = (view * (1.0 - share) + np.array(colors.WARNING) * share).astype(np.uint8)
        top, left, bottom, right = (round(edge * _SCALE) for edge in tracks.boxes_px[row].tolist())
        cv2.rectangle(view, (left, top), (right, bottom), color, 1)
    return np.asarray(view)


def _encoded(picture: UInt8[np.ndarray, "Y X 3"]) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), quality)[1]
    return bytes(encoded.tobytes())
