# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from unsup_track_ros.data.synthetic.camera import CameraConfig
from unsup_track_ros.data.synthetic.lidar import LidarConfig
from unsup_track_ros.data.synthetic.world import World, WorldConfig, build_world

# Few rays and no noise: the truth is then exact, and a frame takes a few milliseconds.
TINY = WorldConfig(
    duration_s=4.0,
    lidar=LidarConfig(beams=32, azimuth_steps=480, noise_m=0.0, dropout=0.0, far_dropout=0.0),
    camera=CameraConfig(width_px=208, height_px=64, noise=0.0),
)


@pytest.fixture(scope="session")
def tiny_config() -> WorldConfig:
    return TINY


@pytest.fixture(scope="session")
def tiny_world() -> World:
    return build_world(TINY, seed=1)


@pytest.fixture(scope="session")
def static_world() -> World:
    return build_world(TINY.model_copy(update={"static_world": True}), seed=1)
