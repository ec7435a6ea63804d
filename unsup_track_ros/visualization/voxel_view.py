# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Panoptic voxels from above: the highest filled voxel of every column, things by identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np

from unsup_track_ros.shapes import Bool, UInt8
from unsup_track_ros.structures.voxel_scene import (
    NO_INSTANCE,
    PanopticPrediction,
    VoxelClasses,
    VoxelLabels,
    panoptic_of,
)
from unsup_track_ros.visualization.colors import Color, track_color

UNSEEN: Final = (18, 18, 22)
FREE: Final = (58, 60, 66)
GROUND: Final = (98, 102, 108)
STRUCTURE: Final = (176, 160, 120)
_CELL_PX: Final = 8
_VEHICLE: Final = (255, 255, 255)


def colors_from_above(
    answer: PanopticPrediction,
    seen: Bool[np.ndarray, "Z Y X"],
    classes: VoxelClasses,
    thing_color: Mapping[int, Color],
) -> UInt8[np.ndarray, "Y X 3"]:
    """Return the colour of every column: that of its highest seen voxel that is filled.

    Args:
        answer: Class and identity of every voxel.
        seen: Voxels that count.
        classes: Vocabulary of the answer.
        thing_color: Colour of every identity.
    """
    filled = seen & (answer.semantics != classes.free)
    top = filled.shape[0] - 1 - filled[::-1].argmax(0)
    kind = np.take_along_axis(answer.semantics, top[None], 0)[0]
    number = np.take_along_axis(answer.instances, top[None], 0)[0]
    colour = np.full((*kind.shape, 3), STRUCTURE, np.uint8)
    colour[np.isin(kind, classes.ground)] = GROUND
    for identity in np.unique(number[number != NO_INSTANCE]).tolist():
        colour[number == identity] = thing_color[identity]
    colour[~filled.any(0)] = FREE
    colour[~seen.any(0)] = UNSEEN
    return colour


def voxels_from_above(
    answer: PanopticPrediction, seen: Bool[np.ndarray, "Z Y X"], classes: VoxelClasses
) -> UInt8[np.ndarray, "H W 3"]:
    """Draw an answer where it is seen; x goes up, y to the left, the vehicle is in the middle."""
    names = np.unique(answer.instances[answer.instances != NO_INSTANCE]).tolist()
    colour = colors_from_above(answer, seen, classes, {name: track_color(name) for name in names})
    picture = np.ascontiguousarray(colour[::-1, ::-1].transpose(1, 0, 2))
    size = (picture.shape[1] * _CELL_PX, picture.shape[0] * _CELL_PX)
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)
    middle = (size[0] // 2, size[1] // 2)
    cv2.drawMarker(picture, middle, _VEHICLE, cv2.MARKER_TRIANGLE_UP, 2 * _CELL_PX, 2)
    return np.asarray(picture, np.uint8)


def answer_beside_truth(
    truth: VoxelLabels, answer: PanopticPrediction, classes: VoxelClasses
) -> UInt8[np.ndarray, "H W 3"]:
    """Draw the truth (left) and an answer (right) where the truth is known."""
    views = [voxels_from_above(one, truth.visible, classes) for one in (panoptic_of(truth), answer)]
    for view, name in zip(views, ("truth", "answer"), strict=True):
        cv2.putText(view, name, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, _VEHICLE, 1, cv2.LINE_AA)
    gap = np.full((views[0].shape[0], _CELL_PX, 3), 255, np.uint8)
    return np.concatenate([views[0], gap, views[1]], axis=1)
