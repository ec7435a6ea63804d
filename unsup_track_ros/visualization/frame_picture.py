# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One picture per labelled frame: camera overlay, bird's-eye view, voxels, status."""

from __future__ import annotations

from typing import Final

import numpy as np

from unsup_track_ros.config import Config
from unsup_track_ros.geometry import se3
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.motion import MotionStatus
from unsup_track_ros.structures.tracks import TrackState
from unsup_track_ros.visualization import colors, drawing
from unsup_track_ros.visualization.birds_eye_view import BirdsEyeView, BirdsEyeViewConfig
from unsup_track_ros.visualization.drawing import Image
from unsup_track_ros.visualization.overlay import draw_overlay
from unsup_track_ros.visualization.voxel_panel import draw_voxels

_STATUS_LEFT_TOP_PIX: Final = (10, 10)
_LONGEST_SENTENCE: Final = 90


class PictureConfig(Config):
    """What a picture of a labelled frame shows."""

    birds_eye_view: BirdsEyeViewConfig = BirdsEyeViewConfig()


class FramePicture:
    """Draws the pictures of one recording in order; without a camera, bird's-eye views only."""

    def __init__(self, config: PictureConfig, *, with_voxels: bool = False) -> None:
        """Prepare to draw.

        Args:
            config: What is shown.
            with_voxels: Whether a panel shows what cameras say fills the voxels; decided here, as
                a first frame without an image has no voxels.
        """
        self._voxel_axes = config.birds_eye_view.axes if with_voxels else None
        self._width_px = config.birds_eye_view.width_px
        self._birds_eye_view = BirdsEyeView(config.birds_eye_view)
        self._first_stamp_ns: int | None = None
        self._overlay_height_px = 0

    def draw(self, frame: SensorFrame, label: FrameLabel) -> Image:
        """Return the picture; all pictures of one recording have the same size.

        Whether there is room for a camera image is decided by the first frame: a video cannot
        change its size, so a camera that is silent for a while leaves its room dark.
        """
        if self._first_stamp_ns is None:
            self._first_stamp_ns = frame.stamp_ns
            self._overlay_height_px = self._overlay_height(label)
        ground = self._birds_eye_view.draw(frame, label)
        if self._voxel_axes is not None:
            ground = np.concatenate([ground, draw_voxels(label, self._voxel_axes)])
        picture = np.full(
            (self._overlay_height_px + len(ground), self._width_px, 3), colors.PANEL, np.uint8
        )
        picture[self._overlay_height_px :] = ground
        if frame.camera is not None and self._overlay_height_px:
            overlay = draw_overlay(frame.camera, label, self._width_px)[: self._overlay_height_px]
            picture[: len(overlay)] = overlay
        drawing.lines_of_text(picture, self._status_lines(label), _STATUS_LEFT_TOP_PIX)
        return picture

    def _overlay_height(self, label: FrameLabel) -> int:
        if label.camera is None:
            return 0
        height_px = round(label.camera.height_px * self._width_px / label.camera.width_px)
        return height_px + height_px % 2  # video codecs want even sizes

    def _status_lines(self, label: FrameLabel) -> list[tuple[str, colors.Color]]:
        start_ns = label.stamp_ns if self._first_stamp_ns is None else self._first_stamp_ns
        time_s = (label.stamp_ns - start_ns) / 1e9
        num_confirmed = int((label.tracks.states != TrackState.TENTATIVE).sum())
        lines = [
            (f"frame {label.index}   {time_s:.1f} s   {_speed_text(label)}", colors.TEXT),
            (f"detections {len(label.detections)}   tracks {num_confirmed}", colors.TEXT_DIM),
        ]
        complaints = [*label.missing_inputs]
        if label.egomotion.status not in (EgomotionStatus.OK, EgomotionStatus.INITIAL):
            complaints.append(label.egomotion.reason or label.egomotion.status.value)
        elif label.motion.status not in (MotionStatus.OK, MotionStatus.NO_PAST_FRAME):
            complaints.append(label.motion.reason or label.motion.status.value)
        return lines + [(text[:_LONGEST_SENTENCE], colors.WARNING) for text in complaints]


def ego_speed_mps(label: FrameLabel) -> float:
    """Return the speed of the sensor over ground, nan where the egomotion has no answer."""
    motion = label.egomotion
    if motion.velo1_T_velo0 is None or motion.stamp1_ns <= motion.stamp0_ns:
        return float("nan")
    velo0_T_velo1 = se3.inverse(motion.velo1_T_velo0)
    return float(np.linalg.norm(velo0_T_velo1[:3, 3])) / (
        (motion.stamp1_ns - motion.stamp0_ns) / 1e9
    )


def _speed_text(label: FrameLabel) -> str:
    speed_mps = ego_speed_mps(label)
    return (
        "speed unknown"
        if np.isnan(speed_mps)
        else f"{speed_mps:.1f} m/s ({label.egomotion.source.value})"
    )
