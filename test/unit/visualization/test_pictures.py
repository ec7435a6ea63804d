# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures are checked where they must show something, not pixel by pixel."""

from __future__ import annotations

import dataclasses

import numpy as np
from unit.labeling.label_scenes import CAM_T_VELO, CAMERA, make_frame, make_label, pose_at

from unsup_track_ros.structures.beliefs import Beliefs
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.motion import MotionSegmentation, MotionStatus
from unsup_track_ros.structures.tracks import Tracks
from unsup_track_ros.visualization import colors
from unsup_track_ros.visualization.birds_eye_view import BirdsEyeView, BirdsEyeViewConfig
from unsup_track_ros.visualization.frame_picture import FramePicture, PictureConfig, ego_speed_mps
from unsup_track_ros.visualization.overlay import draw_overlay
from unsup_track_ros.visualization.trails import TrackTrails

CONFIG = BirdsEyeViewConfig(width_px=480, height_px=200, ahead_m=36.0, behind_m=12.0)


def has_color(image: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((image == np.array(color, np.uint8)).all(axis=-1).any())


def quiet(label: FrameLabel) -> FrameLabel:
    """The same frame with nothing found."""
    return dataclasses.replace(
        label,
        detections=Detections.none(label.stamp_ns),
        tracks=Tracks.none(label.stamp_ns),
        grids=None,
        motion=MotionSegmentation(
            status=MotionStatus.OK,
            moving_points=np.zeros_like(label.motion.moving_points),
            judged_points=label.motion.judged_points,
        ),
    )


def test_places_in_base_have_the_pixels_that_the_scale_says() -> None:
    view = BirdsEyeView(CONFIG)  # 10 px per metre, the vehicle 12 m from the left edge
    found = view.to_pix(np.array([[0.0, 0.0, 5.0], [10.0, 4.0, 0.0]]))
    np.testing.assert_allclose(found, [[120.0, 100.0], [220.0, 60.0]])


def test_moving_points_and_tracks_are_drawn_in_their_colors() -> None:
    image = BirdsEyeView(CONFIG).draw(make_frame(0), make_label(0))
    assert image.shape == (200, 480, 3)
    assert has_color(image, colors.MOVING)
    assert has_color(image, colors.track_color(1))


def test_where_a_hidden_track_may_be_is_tinted_in_its_color() -> None:
    label = quiet(make_label(0))
    given = make_label(0).tracks
    odom_T_velo = label.egomotion.odom_T_velo1
    assert odom_T_velo is not None
    beliefs = Beliefs(
        stamp_ns=label.stamp_ns,
        ids=given.ids[:1],
        places_odom=(odom_T_velo[:2, 3] + np.array([[[8.0, 5.0]] * 4])).astype(np.float32),
        weights=np.full((1, 4), 0.25, np.float32),
    )
    plain = dataclasses.replace(label, tracks=given)
    tinted = dataclasses.replace(label, tracks=dataclasses.replace(given, beliefs=beliefs))
    images = [BirdsEyeView(CONFIG).draw(make_frame(0), one).astype(int) for one in (plain, tinted)]
    rows, columns = np.nonzero((images[1] - images[0]).max(axis=-1) > 30)
    color = np.array(colors.track_color(int(given.ids[0])))
    view = BirdsEyeView(CONFIG)
    pose_base = label.base_T_velo @ np.array([8.0, 5.0, 0.0, 1.0])
    expected = view.to_pix(pose_base[None, :3])[0]
    np.testing.assert_allclose([columns.mean(), rows.mean()], expected, atol=2.0)
    centre = images[1][round(rows.mean()), round(columns.mean())]
    assert np.abs(centre - color).max() < np.abs(centre).max()


def test_a_frame_with_nothing_in_it_shows_points_and_vehicle_only() -> None:
    image = BirdsEyeView(CONFIG).draw(make_frame(0), quiet(make_label(0)))
    assert not has_color(image, colors.MOVING)
    assert not has_color(image, colors.track_color(1))
    assert has_color(image, colors.POINT_HIGH)


def test_a_frame_without_pose_is_drawn_without_tracks() -> None:
    label = make_label(0)
    lost = dataclasses.replace(
        label.egomotion, status=EgomotionStatus.DEGENERATE, odom_T_velo1=None, velo1_T_velo0=None
    )
    image = BirdsEyeView(CONFIG).draw(make_frame(0), dataclasses.replace(label, egomotion=lost))
    assert not has_color(image, colors.track_color(1))


def test_occupied_cells_lie_where_the_grid_says() -> None:
    # One cell of 0.5 m with its corner at odom (10, 2); the vehicle stands at odom (4, 0).
    label = quiet(make_label(8))
    grids = make_label(8).grids
    assert grids is not None
    static = np.zeros((40, 60), np.int8)
    static[24, 40] = 100
    only = dataclasses.replace(grids, static=static, dynamic=np.zeros_like(static), combined=static)
    image = BirdsEyeView(CONFIG).draw(make_frame(8), dataclasses.replace(label, grids=only))
    # Base is at odom (4, 0): the cell's centre is 6.25 m ahead and 2.25 m to the left.
    column, row = round((6.25 + 12) * 10), round(100 - 2.25 * 10)
    block = image[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3)
    assert (block >= np.array(colors.OCCUPIED)).all()
    free = image[row - 4 : row + 5, column - 8]
    assert has_color(free, colors.FREE)


def test_equal_frames_give_equal_pictures() -> None:
    first = FramePicture(PictureConfig()).draw(make_frame(2), make_label(2))
    again = FramePicture(PictureConfig()).draw(make_frame(2), make_label(2))
    np.testing.assert_array_equal(first, again)


def test_a_camera_adds_its_overlay_and_no_camera_leaves_the_ground_view() -> None:
    config = PictureConfig(birds_eye_view=CONFIG)
    with_camera = FramePicture(config).draw(make_frame(0), make_label(0))
    without = FramePicture(config).draw(
        make_frame(0, with_camera=False), make_label(0, with_camera=False)
    )
    assert with_camera.shape == (240 + 200, 480, 3)
    assert without.shape == (200, 480, 3)


def test_a_camera_that_falls_silent_does_not_change_the_size() -> None:
    painter = FramePicture(PictureConfig(birds_eye_view=CONFIG))
    first = painter.draw(make_frame(0), make_label(0))
    silent = painter.draw(make_frame(1, with_camera=False), make_label(1, with_camera=False))
    assert silent.shape == first.shape


def test_a_warning_is_written_when_an_input_is_missing() -> None:
    painter = FramePicture(PictureConfig(birds_eye_view=CONFIG))
    image = painter.draw(make_frame(0, with_camera=False), make_label(0, with_camera=False))
    assert has_color(image, colors.WARNING)


def test_the_overlay_tints_moving_pixels_and_draws_the_box_where_it_projects() -> None:
    frame, label = make_frame(0), make_label(0)
    assert frame.camera is not None
    mask = np.zeros((40, 80), bool)
    mask[20:30, 10:20] = True
    motion = dataclasses.replace(label.motion, moving_pixels=mask)
    image = draw_overlay(frame.camera, dataclasses.replace(label, motion=motion), 320)
    assert image.shape == (160, 320, 3)
    assert image[100, 60, 0] > 120  # inside the tinted square
    assert tuple(image[150, 310]) == (90, 90, 90)
    color = np.array(colors.track_color(1))
    rows, columns = np.nonzero((np.abs(image.astype(int) - color) < 40).all(axis=2))
    # The centre of box 1 projects to x = 79.5 - 80 * 0.5 / 12 and y = 39.5 + 80 / 12, doubled.
    assert abs(np.median(columns) - 2 * 76.2) < 25
    assert abs(np.median(rows) - 2 * 46.2) < 25


def test_an_overlay_of_nothing_is_the_image() -> None:
    frame = make_frame(0)
    assert frame.camera is not None
    image = draw_overlay(frame.camera, quiet(make_label(0)), CAMERA.width_px)
    np.testing.assert_array_equal(image, frame.camera.image_rgb)


def test_a_box_behind_the_camera_is_not_drawn() -> None:
    frame, label = make_frame(0), make_label(0)
    assert frame.camera is not None
    assert CAM_T_VELO[2, 0] == 1.0
    behind = label.tracks.boxes_odom - np.array([60.0, 0, 0, 0, 0, 0, 0])
    tracks = dataclasses.replace(label.tracks, boxes_odom=behind)
    found = dataclasses.replace(quiet(label), tracks=tracks)
    np.testing.assert_array_equal(
        draw_overlay(frame.camera, found, CAMERA.width_px), frame.camera.image_rgb
    )


def test_the_own_speed_is_distance_over_time_and_unknown_without_motion() -> None:
    label = make_label(4)
    assert abs(ego_speed_mps(label) - 5.0) < 1e-9  # 0.5 m in 0.1 s
    unknown = dataclasses.replace(label.egomotion, velo1_T_velo0=None, odom_T_velo1=pose_at(0.0))
    assert np.isnan(ego_speed_mps(dataclasses.replace(label, egomotion=unknown)))


def test_trails_keep_the_last_seconds_of_confirmed_tracks() -> None:
    trails = TrackTrails(trail_s=0.25)
    for index in range(6):
        trails.update(make_label(index).tracks)
    found = trails.trails_odom()
    assert found.keys() == {1, 2}
    assert found[1].shape == (3, 3)  # 0.5, 0.4 and 0.3 s
    trails.update(Tracks.none(10**10))
    assert trails.trails_odom() == {}
