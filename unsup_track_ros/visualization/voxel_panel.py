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
from unsup_track_ros.geometry.base_voxels import base_voxel_centres
from unsup_track_ros.geometry.box_iou import box_of_points
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import Tracks, TrackState
from unsup_track_ros.structures.voxel_scene import NO_INSTANCE, CameraScene
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
_LEGEND_WIDTH_PX: Final = 260
_LINE_PX: Final = 20
_CHIP_PX: Final = 11
_MARGIN_PX: Final = 16


def draw_voxels(label: FrameLabel, axes: BirdsEyeAxes) -> Image:
    """Return the panel: the highest filled voxel of every column, tracks by number, a legend."""
    scene = label.panoptic
    image = np.full((axes.height_px, axes.width_px, 3), UNSEEN, np.uint8)
    if scene is not None:
        image = _ground(scene, label, axes)
    axes.draw_rings(image)
    if scene is not None:
        _draw_border(image, scene.prediction.grid, axes)
        _name_tracks(image, scene, label.tracks, axes)
    axes.draw_ego(image)
    axes.draw_scale(image)
    _draw_legend(image, _NOTHING if scene is None else _TITLE)
    return image


def _ground(scene: CameraScene, label: FrameLabel, axes: BirdsEyeAxes) -> Image:
    drawn = colors_from_above(
        scene.prediction, scene.seen, scene.classes, thing_colors(scene, label)
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


def thing_colors(scene: CameraScene, label: FrameLabel) -> dict[int, colors.Color]:
    """Return the colour of each thing: that of the track of the detection that was fitted to it.

    Detections do not say which thing they are of. As their boxes were fitted to the voxels, it is
    the one in whose box most voxels of the thing lie.
    """
    instances = scene.prediction.instances
    voxel = np.flatnonzero(scene.prediction.instances != NO_INSTANCE)
    places_base = base_voxel_centres(scene.prediction.grid).reshape(-1, 3)[voxel]
    boxes_base = se3.transform_boxes(label.base_T_velo, label.detections.boxes_velo)
    detection = box_of_points(places_base, boxes_base)
    found = {}
    for number in np.unique(instances.ravel()[voxel]).tolist():
        inside = detection[(instances.ravel()[voxel] == number) & (detection >= 0)]
        row = int(np.bincount(inside).argmax()) if len(inside) else -1
        found[number] = _color_of_detection(row, label.tracks)
    return found


def _color_of_detection(row: int, tracks: Tracks) -> colors.Color:
    track = np.flatnonzero(tracks.detection_index == row)
    if row < 0 or not len(track):
        return colors.DETECTION
    color = colors.track_color(int(tracks.ids[track[0]]))
    is_tentative = tracks.states[track[0]] == TrackState.TENTATIVE
    return colors.dimmed(color, _TENTATIVE_STRENGTH) if is_tentative else color


def _draw_border(image: Image, grid: VoxelGrid, axes: BirdsEyeAxes) -> None:
    (left, right), (back, ahead) = (
        (grid.maximum_m[1], grid.minimum_m[1]),
        (grid.minimum_m[0], grid.maximum_m[0]),
    )
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
    left, top = image.shape[1] - _LEGEND_WIDTH_PX, _MARGIN_PX
    drawing.lines_of_text(image, [(title, colors.TEXT)], (left, top))
    for number, (name, color) in enumerate(_LEGEND, 1):
        bottom = top + _LINE_PX * (number + 1)
        corner = (left + 5, bottom - _CHIP_PX)
        cv2.rectangle(image, corner, (corner[0] + _CHIP_PX, bottom), color, cv2.FILLED)
        cv2.rectangle(image, corner, (corner[0] + _CHIP_PX, bottom), colors.TEXT_DIM, 1)
        place = (corner[0] + 2 * _CHIP_PX, bottom)
        drawing.write(image, name, place, height_px=9, color=colors.TEXT_DIM)
    place = (left + 5, top + _LINE_PX * (len(_LEGEND) + 2))
    drawing.write(image, _THINGS, place, height_px=9, color=colors.TEXT_DIM)
