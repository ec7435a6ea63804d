# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Names of topics."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from unit.data.bags import CAMERA, START_NS, image_of, write_frame

from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.message_encoding import header
from unsup_track_ros.data.message_types import COMPRESSED_IMAGE, ros2_classes
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.rosbag import Topic
from unsup_track_ros.data.topic_selection import CameraTopics


@pytest.mark.parametrize(
    ("name", "is_rectified"),
    [
        ("/cam/image_rect", True),
        ("/cam/image_rect_color", True),
        ("/cam/rect/image", True),
        ("/stereo/left/image_rectified/compressed", True),
        ("/cam/image_raw", False),
        ("/direct/image", False),
        ("/cam/rectangle_overlay", False),
    ],
)
def test_a_rectified_image_is_known_by_its_name(name: str, is_rectified: bool) -> None:
    image = Topic(name=name, msgtype="sensor_msgs/msg/Image", count=1)
    assert CameraTopics(image=image, camera_info=image).is_rectified is is_rectified


def test_a_compressed_image_finds_the_calibration_of_its_camera(tmp_path: Path) -> None:
    _, data = cv2.imencode(".png", np.ascontiguousarray(image_of(3)[..., ::-1]))
    message = ros2_classes()[COMPRESSED_IMAGE](
        header=header(START_NS, "velo"), format="png", data=data.reshape(-1)
    )
    with BagWriter(tmp_path / "a.mcap") as writer:
        write_frame(writer, 0, with_camera=False)
        writer.write_camera_info("/cam/camera_info", "velo", START_NS, CAMERA)
        writer.write("/cam/image_raw/compressed", message, START_NS)
    frame = next(iter(Recording(tmp_path / "a.mcap")))
    assert frame.camera is not None
    np.testing.assert_array_equal(frame.camera.image_rgb, image_of(3))
