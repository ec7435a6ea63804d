# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cameras all around: where they look, and that their recording is a normal one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from unsup_track_ros.data.recording import Recording, RecordingConfig
from unsup_track_ros.data.synthetic.camera import SurroundConfig, build_surround
from unsup_track_ros.data.synthetic.recording import write_world
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.world import World
from unsup_track_ros.data.topic_selection import TopicConfig
from unsup_track_ros.errors import ConfigError

SMALL = SurroundConfig(enabled=True, width_px=48, height_px=32)


@pytest.fixture(scope="module")
def world(tiny_world: World) -> World:
    return dataclasses.replace(tiny_world, cameras=build_surround(SMALL, 0.0))


def test_every_camera_looks_where_it_is_told_with_square_pixels() -> None:
    for rig, yaw_rad in zip(build_surround(SMALL, 0.0), SMALL.yaws_rad, strict=True):
        ahead_velo = rig.cam_T_velo[2, :3]  # the optical axis in axes of velo
        np.testing.assert_allclose(ahead_velo, [np.cos(yaw_rad), np.sin(yaw_rad), 0.0], atol=1e-12)
        np.testing.assert_allclose(rig.cam_T_velo[1, :3], [0.0, 0.0, -1.0], atol=1e-12)
        assert rig.camera.pix_T_cam[0, 0] == rig.camera.pix_T_cam[1, 1]
        half_rad = np.arctan(0.5 * rig.camera.width_px / rig.camera.pix_T_cam[0, 0])
        assert 2 * half_rad == pytest.approx(SMALL.view_rad)


def test_a_camera_without_a_direction_is_refused() -> None:
    with pytest.raises(ConfigError, match="5 names and 1 yaws_rad"):
        build_surround(SurroundConfig(yaws_rad=(0.0,)), 0.0)


def test_a_recording_of_all_cameras_is_a_normal_one(world: World, tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write_world(world, path, 0.2)
    with Recording(path) as recording:
        assert recording.topics.cameras[0].image.name == "/camera_front/image_raw"
    names = tuple(rig.name for rig in world.cameras)
    config = RecordingConfig(topics=TopicConfig(images=names))
    with Recording(path, config) as recording:
        frame = next(iter(recording))
    drawn, _ = render(world, world.config.start_ns)
    assert tuple(image.name for image in frame.cameras) == names
    for read, rendered in zip(frame.cameras, drawn.cameras, strict=True):
        np.testing.assert_array_equal(read.image_rgb, rendered.image_rgb)
        np.testing.assert_allclose(read.cam_T_velo, rendered.cam_T_velo, atol=1e-9)


def test_cameras_differ_in_what_they_show_and_in_their_noise(world: World) -> None:
    noisy = dataclasses.replace(world, cameras=build_surround(SMALL, 40.0))
    clean, _ = render(world, world.config.start_ns)
    frame, _ = render(noisy, world.config.start_ns)
    noise = [
        a.image_rgb.astype(int) - b.image_rgb
        for a, b in zip(frame.cameras, clean.cameras, strict=True)
    ]
    assert (noise[0] != noise[1]).mean() > 0.9
