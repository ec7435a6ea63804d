# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Panel of a labelled frame: what cameras say fills the voxels, under the bird's-eye view.

It has the axes of the bird's-eye view, so that things lie below each other. A network counts its
things on its own; here they have the colours of their tracks, as in the other panels.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import Tracks, TrackState
from unsup_track_ros.structures.voxel_scene import CameraScene
from unsup_track_ros.structures.voxels import VoxelGrid
from unsup_track_ros.visualization import boxes, colors, drawing
from unsup_track_ros.visualization.birds_eye_axes import BirdsEyeAxes
from unsup_track_ros.visualization.drawing import Image
from unsup_track_ros.visualization.voxel_view import (
    FREE,
    GROUND,
    STRUCTURE,
    UNSEEN,
    colors_from_above,
)

_TITLE: Final = "voxels that the cameras see"
_NOTHING: Final = "no voxels: no image or no pose"
_TENTATIVE_STRENGTH: Final = 0.5  # as the bird's-eye view draws them
_LEGEND: Final = (
    ("not seen", UNSEEN),
    ("free", FREE),
    ("ground", GROUND),
    ("structure", STRUCTURE),
    ("thing without a track", colors.DETECTION),
)
_THINGS: Final = "things: colours of their tracks"
_LEGEND_WIDTH_PX: Final = 240
_LINE_PX: Final = 20
_CHIP_PX: Final = 11
_MARGIN_PX: Final = 16


def draw_voxels(label: FrameLabel, axes: BirdsEyeAxes) -> Image:
    """Return the panel: the highest filled voxel of every column, tracks by number, a legend."""
    scene = label.panoptic
    image = np.full((axes.height_px, axes.width_px, 3), UNSEEN, np.uint8)
    if scene is not None:
        image = _ground(scene, label.tracks, axes)
    axes.draw_rings(image)
    if scene is not None:
        _draw_border(image, scene.prediction.grid, axes)
        _name_tracks(image, scene, label.tracks, axes)
    axes.draw_ego(image)
    axes.draw_scale(image)
    _draw_legend(image, _NOTHING if scene is None else _TITLE)
    return image


def _ground(scene: CameraScene, tracks: Tracks, axes: BirdsEyeAxes) -> Image:
    drawn = colors_from_above(
        scene.prediction, scene.seen, scene.classes, thing_colors(scene, tracks)
    )
    seen = cv2.warpAffine(
        drawn,
        _cell_T_pix(scene.prediction.grid, axes),
        (axes.width_px, axes.height_px),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=UNSEEN,
    )
    return np.asarray(seen, np.uint8)


def _cell_T_pix(grid: VoxelGrid, axes: BirdsEyeAxes) -> Float64[np.ndarray, "2 3"]:
    """Return the affine map from picture pixels to columns of voxels (centres at integers)."""
    cell_T_base = np.eye(3)
    for axis in (0, 1):
        cell_T_base[axis, axis] = 1 / grid.voxel_m[axis]
        cell_T_base[axis, 2] = -grid.minimum_m[axis] / grid.voxel_m[axis] - 0.5
    return np.asarray((cell_T_base @ axes.base_T_pix)[:2])


def thing_colors(scene: CameraScene, tracks: Tracks) -> dict[int, colors.Color]:
    """Return the colour of each thing: that of the track that its detection went to."""
    found = dict.fromkeys(np.unique(scene.prediction.instances).tolist(), colors.DETECTION)
    if scene.detected is None:
        return found
    for row in np.flatnonzero(tracks.detection_index >= 0):
        color = colors.track_color(int(tracks.ids[row]))
        if tracks.states[row] == TrackState.TENTATIVE:
            color = colors.dimmed(color, _TENTATIVE_STRENGTH)
        found[int(scene.detected[tracks.detection_index[row]])] = color
    return found


def _draw_border(image: Image, grid: VoxelGrid, axes: BirdsEyeAxes) -> None:
    (back, right, _), (ahead, left, _) = grid.minimum_m, grid.maximum_m
    corners = np.array([[back, left], [ahead, left], [ahead, right], [back, right]])
    drawing.polyline(image, axes.to_pix(corners), colors.GRID_LINE, 1, closed=True)


def _name_tracks(image: Image, scene: CameraScene, tracks: Tracks, axes: BirdsEyeAxes) -> None:
    """Outline and name the tracks of which something is seen in this frame."""
    base_T_odom = se3.inverse(scene.prediction.odom_T_base)
    boxes_base = se3.transform_boxes(base_T_odom, tracks.boxes_odom)
    for row, corners_base in enumerate(boxes.corners(boxes_base)):
        outline = axes.to_pix(corners_base[boxes.FLOOR])
        is_named = tracks.detection_index[row] >= 0 and tracks.states[row] != TrackState.TENTATIVE
        if is_named and axes.shows(outline):
            color = colors.track_color(int(tracks.ids[row]))
            drawing.polyline(image, outline, color, 1, closed=True)
            anchor = (float(outline[:, 0].mean()), float(outline[:, 1].min()) - 4)
            drawing.plate(image, f"#{tracks.ids[row]}", anchor, color=color, height_px=10)


def _draw_legend(image: Image, title: str) -> None:
    """Write what the colours mean, in the upper right corner: farther ahead than voxels reach."""
    left, top = image.shape[1] - _LEGEND_WIDTH_PX, _MARGIN_PX
    lines: list[tuple[str, colors.Color | None, colors.Color]] = [
        (title, None, colors.TEXT),
        *((name, color, colors.TEXT_DIM) for name, color in _LEGEND),
        (_THINGS, None, colors.TEXT_DIM),
    ]
    image[top : top + _LINE_PX * (len(lines) + 1), left:-_MARGIN_PX] = colors.PANEL
    for number, (text, color, text_color) in enumerate(lines, 1):
        bottom = top + _LINE_PX * number
        x = left + _CHIP_PX
        if color is not None:
            chip = (x, bottom - _CHIP_PX + 1), (x + _CHIP_PX, bottom + 1)
            cv2.rectangle(image, *chip, color, cv2.FILLED)
            cv2.rectangle(image, *chip, colors.TEXT_DIM, 1)
            x += 2 * _CHIP_PX
        drawing.write(image, text, (x, bottom), height_px=9, color=text_color)
