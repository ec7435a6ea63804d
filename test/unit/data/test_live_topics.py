# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which live topics are used."""

from __future__ import annotations

import pytest

from unsup_track_ros.data.live_topics import is_complete, live_topics
from unsup_track_ros.data.message_types import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    IMAGE,
    POINT_CLOUD,
    TF_MESSAGE,
)
from unsup_track_ros.data.topic_selection import TopicConfig
from unsup_track_ros.errors import DataError

OFFERED = {
    "/tf": TF_MESSAGE,
    "/lidar/points": POINT_CLOUD,
    "/front/image_raw": IMAGE,
    "/front/image_raw/compressed": COMPRESSED_IMAGE,
    "/front/camera_info": CAMERA_INFO,
    "/front/depth/image": IMAGE,
    "/rear/image_raw": IMAGE,
}


def test_the_only_cloud_and_the_first_calibrated_camera_are_found() -> None:
    found = live_topics(TopicConfig(), OFFERED)
    assert [topic.name for topic in found.clouds] == ["/lidar/points"]
    assert [camera.image.name for camera in found.cameras] == ["/front/image_raw"]
    assert found.cameras[0].camera_info.name == "/front/camera_info"
    assert [topic.name for topic in found.transforms] == ["/tf", "/tf_static"]
    assert "compressed would fit too" in found.warnings[0]


def test_named_topics_need_nobody_to_publish_them() -> None:
    config = TopicConfig(clouds=("/a", "/b"), images=("/c/image_rect/compressed", "image"))
    assert is_complete(config)
    found = live_topics(config, {})
    assert [topic.name for topic in found.clouds] == ["/a", "/b"]
    first, second = found.cameras
    assert first.is_compressed
    assert first.is_rectified
    assert first.camera_info.name == "/c/camera_info"
    assert not second.is_compressed
    assert second.camera_info.name == "camera_info"


def test_named_camera_infos_are_taken_in_their_order() -> None:
    config = TopicConfig(clouds=("/a",), images=("/b", "/c"), camera_infos=("/d", "/e"))
    found = live_topics(config, {})
    assert [camera.camera_info.name for camera in found.cameras] == ["/d", "/e"]


def test_without_cameras_only_the_cloud_is_named() -> None:
    config = TopicConfig(clouds=("/a",), use_cameras=False)
    assert is_complete(config)
    assert live_topics(config, OFFERED).cameras == ()


def test_without_a_calibrated_camera_the_lidar_is_used_alone() -> None:
    found = live_topics(TopicConfig(), {"/p": POINT_CLOUD, "/rear/image_raw": IMAGE})
    assert found.cameras == ()
    assert "LiDAR alone" in found.warnings[0]


@pytest.mark.parametrize(
    ("offered", "sentence"),
    [
        ({}, "Nobody publishes a point cloud"),
        ({"/a": POINT_CLOUD, "/b": POINT_CLOUD}, "Several point clouds are published: /a, /b."),
    ],
)
def test_no_cloud_or_several_are_refused(offered: dict[str, str], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        live_topics(TopicConfig(), offered)


def test_lists_that_do_not_fit_together_are_refused() -> None:
    config = TopicConfig(clouds=("/a",), images=("/b", "/c"), camera_infos=("/d",))
    with pytest.raises(DataError, match="got 2 image and 1 camera_info"):
        live_topics(config, {})
