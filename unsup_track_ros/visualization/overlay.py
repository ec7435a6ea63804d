# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Camera image of one labelled frame with the moving pixels tinted and the tracks as 3-D boxes."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from unsup_track_ros.geometry import camera, se3
from unsup_track_ros.shapes import Bool, Float64
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import CameraImage
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import TrackState
from unsup_track_ros.visualization import boxes, colors, drawing
from unsup_track_ros.visualization.drawing import Image

_NEAREST_M: Final = 0.3  # edges nearer to the camera plane are cut, they would fill the picture
_TINT: Final = 0.45
_SCAN_LINE_GAP_PX: Final = 9  # of a 64-beam LiDAR at 10 m in a picture of 1280 columns


def draw_overlay(image: CameraImage, label: FrameLabel, width_px: int) -> Image:
    """Return the image, scaled to `width_px` columns, with what the label says about it."""
    height_px = max(round(image.camera.height_px * width_px / image.camera.width_px), 1)
    shrinks = width_px < image.camera.width_px
    picture = np.asarray(
        cv2.resize(
            image.image_rgb,
            (width_px, height_px),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        ),
        np.uint8,
    )
    if label.motion.moving_pixels is not None:
        _tint_moving(picture, label.motion.moving_pixels)
    _draw_detections(picture, image.camera, label)
    _draw_tracks(picture, image, label)
    return picture


def _tint_moving(picture: Image, moving_pixels: Bool[np.ndarray, "h w"]) -> None:
    """Tint the moving pixels; gaps as wide as between scan lines are closed for the eye only."""
    height, width = picture.shape[:2]
    mask = cv2.resize(
        moving_pixels.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
    )
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((_SCAN_LINE_GAP_PX,) * 2, np.uint8))
    left, top, columns, rows = cv2.boundingRect(mask)
    part, on = (
        picture[top : top + rows, left : left + columns],
        mask[top : top + rows, left : left + columns],
    )
    tinted = cv2.addWeighted(part, 1.0 - _TINT, np.full_like(part, colors.MOVING), _TINT, 0.0)
    cv2.copyTo(tinted, on, part)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, outlines, -1, colors.MOVING, 1, cv2.LINE_AA)


def _draw_detections(picture: Image, native: PinholeCamera, label: FrameLabel) -> None:
    """Draw the 2-D extent of the detections that no track explains, dashed."""
    scale = picture.shape[1] / native.width_px
    explained = set(label.tracks.detection_index.tolist())
    for row, (left, top, right, bottom) in enumerate(label.detections.boxes_pix * scale):
        if row not in explained:
            outline = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
            drawing.dashed(picture, outline, colors.DETECTION, 1, closed=True)


def _draw_tracks(picture: Image, image: CameraImage, label: FrameLabel) -> None:
    odom_T_velo1 = label.egomotion.odom_T_velo1
    if odom_T_velo1 is None or not len(label.tracks):
        return
    cam_T_velo1 = image.cam_T_velo  # cameras are placed relative to the scan of the same frame
    velo1_T_odom = se3.inverse(odom_T_velo1)
    shown = image.camera.resized(picture.shape[1], picture.shape[0])
    boxes_velo = se3.transform_boxes(velo1_T_odom, label.tracks.boxes_odom)
    corners_velo = boxes.corners(boxes_velo)
    corners_cam = se3.transform(cam_T_velo1, corners_velo.reshape(-1, 3)).reshape(-1, 8, 3)
    # Far boxes first, so that near ones lie on top as they do in the world.
    for row in np.argsort(-corners_cam[..., 2].mean(axis=1), kind="stable"):
        if label.tracks.states[row] != TrackState.TENTATIVE:
            coasting = bool(label.tracks.states[row] != TrackState.CONFIRMED)
            _draw_box(
                picture, corners_cam[row], shown, int(label.tracks.ids[row]), coasting=coasting
            )


def _draw_box(
    picture: Image,
    corners_cam: Float64[np.ndarray, "8 3"],
    shown: PinholeCamera,
    track_id: int,
    *,
    coasting: bool,
) -> None:
    color = colors.track_color(track_id)
    edges_cam = boxes.clipped_edges(corners_cam, _NEAREST_M)
    edges_pix = camera.project(edges_cam.reshape(-1, 3), shown.pix_T_cam)
    if not camera.inside(edges_pix, shown.width_px, shown.height_px).any():
        return
    if coasting:
        for edge in edges_pix.reshape(-1, 2, 2):
            drawing.dashed(picture, edge, color, 1)
    else:
        front_pix = camera.project(corners_cam[boxes.FRONT_FACE], shown.pix_T_cam)
        drawing.filled(picture, front_pix, color, 0.22)
        drawing.segments(picture, edges_pix.reshape(-1, 2, 2), color, 2)
    top = edges_pix[np.argmin(edges_pix[:, 1])]
    drawing.plate(
        picture, f"#{track_id}", (float(edges_pix[:, 0].mean()), float(top[1]) - 3), color=color
    )
