# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Voxels lie where the bird's-eye view has the same place, and things look like their tracks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from unit.labeling.label_scenes import make_frame, make_label

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.base_voxels import EgoGridConfig
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.tracks import TrackState
from unsup_track_ros.structures.voxel_scene import LABEL_FREE, CameraScene, PanopticPrediction
from unsup_track_ros.visualization import colors
from unsup_track_ros.visualization.birds_eye_view import BirdsEyeView, BirdsEyeViewConfig
from unsup_track_ros.visualization.frame_picture import FramePicture, PictureConfig
from unsup_track_ros.visualization.voxel_panel import draw_voxels
from unsup_track_ros.visualization.voxel_view import FREE, GROUND, STRUCTURE, UNSEEN

# 10 px per metre; the vehicle 12 m from the left edge, half-way down.
CONFIG = BirdsEyeViewConfig(width_px=480, height_px=200, ahead_m=36.0, behind_m=12.0)
GRID = EgoGridConfig(half_size_m=8.0, bottom_m=-1.0, layers=3, voxel_m=1.0).grid
TRACKED, LONE = 9, 4  # as the network counts
VEHICLE_ODOM = 2.0


def make_scene() -> CameraScene:
    semantics = np.zeros(GRID.shape_zyx, np.uint8)
    instances = np.zeros(GRID.shape_zyx, np.int32)
    semantics[0, :, 9:] = LABEL_FREE.index("ground")
    semantics[1, 15, 14] = LABEL_FREE.index("structure")  # 6.5 m ahead, 7.5 m to the left
    for number, y, x in ((TRACKED, 10, 11), (LONE, 3, 12)):
        semantics[1, y, x], instances[1, y, x] = LABEL_FREE.index("movable"), number
    seen = np.ones(GRID.shape_zyx, bool)
    seen[:, :, :4] = False
    semantics[2, :, 2] = LABEL_FREE.index("structure")  # a guess behind the vehicle
    odom_T_base = se3.rigid(np.eye(3), np.array([VEHICLE_ODOM, 0.0, -1.8]))
    return CameraScene(
        prediction=PanopticPrediction(
            stamp_ns=0, grid=GRID, semantics=semantics, instances=instances, odom_T_base=odom_T_base
        ),
        seen=seen,
        classes=LABEL_FREE,
        detected=np.array([TRACKED, LONE]),
    )


def make_voxel_label(state: TrackState = TrackState.CONFIRMED) -> FrameLabel:
    """The first of two detections, one voxel each, has a track; it counts it 1."""
    label = make_label(0)
    boxes_velo = np.array(
        [[3.5, 2.5, -1.3, 1.0, 1.0, 1.0, 0.0], [4.5, -4.5, -1.3, 1.0, 1.0, 1.0, 0.0]]
    )
    boxes_odom = boxes_velo + np.array([VEHICLE_ODOM, 0, 0, 0, 0, 0, 0])
    tracks = dataclasses.replace(
        label.tracks,
        boxes_odom=boxes_odom,
        states=np.array([state, TrackState.COASTING], np.int64),
        detection_index=np.array([0, -1]),
    )
    detections = Detections(
        stamp_ns=0,
        boxes_velo=boxes_velo,
        scores=np.ones(2),
        velocities_velo=np.zeros((2, 3)),
        heading_known=np.ones(2, bool),
        motion=np.ones(2, np.int64),
        num_points=np.zeros(2, np.int64),
        boxes_pix=np.full((2, 4), np.nan),
    )
    return dataclasses.replace(label, panoptic=make_scene(), detections=detections, tracks=tracks)


def color_at(image: np.ndarray, x_m: float, y_m: float) -> tuple[int, ...]:
    """Return the colour of the middle of a voxel, given in base."""
    column, row = BirdsEyeView(CONFIG).to_pix(np.array([[x_m, y_m]]))[0]
    return tuple(image[round(row), round(column)].tolist())


def test_every_class_has_its_colour_where_the_birds_eye_view_has_the_place() -> None:
    image = draw_voxels(make_voxel_label(), CONFIG.axes)
    assert image.shape == (200, 480, 3)
    assert color_at(image, 6.5, 7.5) == STRUCTURE
    assert color_at(image, 6.5, 6.5) == color_at(image, 7.5, 7.5) == GROUND  # just beside it
    assert color_at(image, -2.5, 5.5) == FREE
    assert color_at(image, -5.5, 5.5) == UNSEEN  # only a guess is there
    assert color_at(image, -10.5, 0.5) == UNSEEN  # outside of the volume


@pytest.mark.parametrize(
    ("state", "color"),
    [
        (TrackState.CONFIRMED, colors.track_color(1)),
        (TrackState.TENTATIVE, colors.dimmed(colors.track_color(1), 0.5)),
    ],
)
def test_a_thing_has_the_colour_of_its_track_and_not_of_the_networks_number(
    state: TrackState, color: colors.Color
) -> None:
    image = draw_voxels(make_voxel_label(state), CONFIG.axes)
    assert color_at(image, 3.5, 2.5) == color
    assert color != colors.track_color(TRACKED)


def test_a_thing_without_a_track_is_pale() -> None:
    image = draw_voxels(make_voxel_label(), CONFIG.axes)
    assert color_at(image, 4.5, -4.5) == colors.DETECTION
    assert color_at(image, 4.5, -5.5) == GROUND


def test_the_panel_lies_under_the_birds_eye_view_and_only_where_it_is_asked_for() -> None:
    config = PictureConfig(birds_eye_view=CONFIG)
    label = make_voxel_label()
    plain = FramePicture(config).draw(make_frame(0), label)
    picture = FramePicture(config, with_voxels=True).draw(make_frame(0), label)
    assert picture.shape == (len(plain) + 200, 480, 3)
    np.testing.assert_array_equal(picture[: len(plain)], plain)
    np.testing.assert_array_equal(picture[len(plain) :], draw_voxels(label, CONFIG.axes))


def test_a_frame_without_voxels_keeps_the_size_and_says_so() -> None:
    painter = FramePicture(PictureConfig(birds_eye_view=CONFIG), with_voxels=True)
    label = make_voxel_label()
    first = painter.draw(make_frame(0), dataclasses.replace(label, panoptic=None))
    second = painter.draw(make_frame(0), label)
    assert first.shape == second.shape
    assert color_at(first[-200:], 6.5, 7.5) == UNSEEN
