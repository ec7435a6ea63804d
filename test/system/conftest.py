# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A short drive in low resolution, made once for all system tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from unsup_track_ros.data.synthetic.camera import CameraConfig
from unsup_track_ros.data.synthetic.lidar import LidarConfig
from unsup_track_ros.data.synthetic.recording import write_world
from unsup_track_ros.data.synthetic.world import World, WorldConfig, build_world

NUM_FRAMES = 14


def tiny_world() -> World:
    config = WorldConfig(
        duration_s=NUM_FRAMES / 10,
        lidar=LidarConfig(beams=24, azimuth_steps=450),
        camera=CameraConfig(width_px=208, height_px=64),
    )
    return build_world(config, seed=1)


@pytest.fixture(scope="session")
def tiny_drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with image, points and tf, and its truth beside it."""
    path = tmp_path_factory.mktemp("drive") / "drive.mcap"
    write_world(tiny_world(), path, NUM_FRAMES / 10)
    return path


@pytest.fixture(scope="session")
def drive_without_poses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without the pose of the vehicle, four frames only."""
    path = tmp_path_factory.mktemp("drive") / "blind.mcap"
    write_world(tiny_world(), path, 0.4, with_tf=False)
    return path
