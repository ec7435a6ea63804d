# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One small picture per completed object: from the camera, else its points from above."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from unsup_track_ros.geometry.box_iou import bev_corners
from unsup_track_ros.geometry.box_projection import boxes_in_image
from unsup_track_ros.geometry.se3 import inverse, transform_boxes
from unsup_track_ros.labeling.completion.overview import read_trajectories
from unsup_track_ros.labeling.store import PICTURES_NAME, LabelStore
from unsup_track_ros.shapes import Float32, Float64, UInt8
from unsup_track_ros.structures.frame import CameraImage, SensorFrame
from unsup_track_ros.visualization import colors
from unsup_track_ros.visualization.drawing import Image

_FOLDER: Final = "objects"
_SIDE_PX: Final = 96
_LEAST_PX: Final = 12  # a smaller rectangle in the image shows nothing
_MARGIN: Final = 0.35  # of the rectangle's longer side, so that the surroundings are seen
_AROUND_M: Final = 2.5


class Thumbnails:
    """Draws objects in the frames where they are seen from nearest."""

    def __init__(self, store: LabelStore) -> None:
        self._store = store
        self._of_frame: dict[int, list[dict[str, Any]]] = {}
        for each in read_trajectories(store.folder):
            if each["best"] is not None:
                self._of_frame.setdefault(each["best"]["frame"], []).append(each)

    def draw(self, frame: SensorFrame) -> list[tuple[str, Image]]:
        """Return (file name, picture) of the objects that are to be drawn in this frame."""
        objects = self._of_frame.get(frame.index, [])
        if not objects:
            return []
        pose = self._store.read(frame.index).egomotion.odom_T_velo1
        if pose is None:
            return []
        boxes_odom = np.array([each["best"]["box_odom"] for each in objects], np.float64)
        boxes_velo = transform_boxes(inverse(pose), boxes_odom)
        names = [_file_name(each["id"]) for each in objects]
        return list(zip(names, _pictures(frame, boxes_velo), strict=True))


def thumbnails(folder: Path, ids: Sequence[int]) -> list[bytes]:
    """Return the JPEG of each object of a label directory, empty where there is none."""
    paths = [folder / PICTURES_NAME / _file_name(object_id) for object_id in ids]
    return [path.read_bytes() if path.exists() else b"" for path in paths]


def _file_name(object_id: int) -> str:
    return f"{_FOLDER}/{object_id:06d}.jpg"


def _pictures(frame: SensorFrame, boxes_velo: Float64[np.ndarray, "N 7"]) -> list[Image]:
    camera = frame.camera
    rectangles = np.full((len(boxes_velo), 4), np.nan)
    if camera is not None:
        rectangles = boxes_in_image(boxes_velo, camera.cam_T_velo, camera.camera)
    pictures = []
    for box, rectangle in zip(boxes_velo, rectangles, strict=True):
        sides_px = rectangle[2:] - rectangle[:2]
        if camera is not None and sides_px.min() >= _LEAST_PX:
            pictures.append(_from_camera(camera, rectangle))
        else:
            pictures.append(_from_above(frame.cloud.points_velo, box))
    return pictures


def _from_camera(camera: CameraImage, rectangle: Float64[np.ndarray, " 4"]) -> Image:
    centre = (rectangle[:2] + rectangle[2:]) / 2
    side_px = float((rectangle[2:] - rectangle[:2]).max()) * (1 + 2 * _MARGIN)
    return _square(camera.image_rgb, centre - side_px / 2, side_px)


def _square(
    image: Image, corner: Float64[np.ndarray, " 2"], side_px: float
) -> UInt8[np.ndarray, "S S 3"]:
    """Cut a square that may reach over the edges, which is dark there."""
    scale = _SIDE_PX / side_px
    shift = np.hstack([np.eye(2) * scale, (-corner * scale)[:, None]])
    cut: UInt8[np.ndarray, "S S 3"] = cv2.warpAffine(
        image, shift, (_SIDE_PX, _SIDE_PX), flags=cv2.INTER_LINEAR, borderValue=colors.PANEL
    )
    return cut


def _from_above(points_velo: Float32[np.ndarray, "P 3"], box: Float64[np.ndarray, " 7"]) -> Image:
    """Draw the points around a box, ahead up, and its outline."""
    reach_m = float(np.hypot(box[3], box[4])) / 2 + _AROUND_M
    picture = np.full((_SIDE_PX, _SIDE_PX, 3), colors.PANEL, np.uint8)

    def to_pix(xy: np.ndarray) -> np.ndarray:
        return np.asarray((1 - (xy - box[:2])[:, ::-1] / reach_m) * (_SIDE_PX / 2))

    pix = to_pix(points_velo[:, :2].astype(np.float64)).astype(np.int64)
    inside = ((pix >= 0) & (pix < _SIDE_PX)).all(axis=1)
    picture[pix[inside, 1], pix[inside, 0]] = colors.POINT_HIGH
    outline = np.rint(to_pix(bev_corners(box[None])[0])).astype(np.int32)
    cv2.polylines(picture, [outline], True, colors.MOVING, 1, cv2.LINE_8)
    return picture
