# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings that this package writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.message_types import ros2_classes, ros2_types
from unsup_track_ros.data.rosbag import Bag, OfferedQos
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import PointCloud


def cloud(num_points: int = 3) -> PointCloud:
    points = np.arange(3 * num_points, dtype=np.float32).reshape(-1, 3)
    return PointCloud(points_velo=points, ring=np.arange(num_points))


def write(path: Path) -> None:
    with BagWriter(path) as writer:
        writer.write_transform("base_link", "velo", 1, np.eye(4), static=True)
        writer.write_transform("base_link", "cam", 1, np.eye(4), static=True)
        for stamp_ns in (1, 2):
            writer.write_cloud("/points", "velo", stamp_ns, cloud())


def test_equal_input_gives_equal_bytes_whatever_the_name(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap")
    write(tmp_path / "b.mcap")
    assert (tmp_path / "a.mcap").read_bytes() == (tmp_path / "b.mcap").read_bytes()


def test_an_mcap_path_becomes_one_file_and_any_other_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap")
    write(tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mcap", "folder"]
    assert (tmp_path / "a.mcap").is_file()
    assert (tmp_path / "folder" / "metadata.yaml").is_file()


def test_the_reference_reader_finds_every_message(tmp_path: Path) -> None:
    write(tmp_path / "folder")
    with AnyReader([tmp_path / "folder"]) as reader:
        counts = {name: info.msgcount for name, info in reader.topics.items()}
    assert counts == {"/points": 2, "/tf_static": 1}


def test_static_transforms_share_one_message(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap")
    with Bag(tmp_path / "a.mcap") as bag:
        message = bag.decode(next(bag.messages(["/tf_static"])))
    assert [item.child_frame_id for item in message.transforms] == ["velo", "cam"]


def test_a_late_static_transform_republishes_all(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap") as writer:
        writer.write_transform("base_link", "velo", 1, np.eye(4), static=True)
        writer.write_cloud("/points", "velo", 2, cloud())
        writer.write_transform("base_link", "cam", 3, np.eye(4), static=True)
    with Bag(tmp_path / "a.mcap") as bag:
        sizes = [len(bag.decode(raw).transforms) for raw in bag.messages(["/tf_static"])]
    assert sizes == [1, 2]


def test_an_exception_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with BagWriter(tmp_path / "a.mcap") as writer:
            writer.write_cloud("/points", "velo", 1, cloud())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".a.mcap.partial").mkdir()
    (tmp_path / ".a.mcap.partial" / "junk").write_text("half a bag")
    write(tmp_path / "a.mcap")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mcap"]


def test_an_existing_recording_is_refused_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    path.write_text("precious")
    with pytest.raises(DataError, match="exists already"):
        BagWriter(path)
    with BagWriter(path, overwrite=True) as writer:
        assert path.read_text() == "precious"
        writer.write_cloud("/points", "velo", 1, cloud())
    with Bag(path) as bag:
        assert bag.message_count == 1


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path / "bag")
    with BagWriter(tmp_path / "bag", overwrite=True) as writer:
        writer.write_cloud("/other", "velo", 1, cloud())
    with Bag(tmp_path / "bag") as bag:
        assert list(bag.topics) == ["/other"]


def test_a_topic_keeps_its_type(tmp_path: Path) -> None:
    camera = PinholeCamera(width_px=2, height_px=2, pix_T_cam=np.eye(3))
    with BagWriter(tmp_path / "a.mcap") as writer:
        writer.write_cloud("/points", "velo", 1, cloud())
        with pytest.raises(DataError, match=r"'/points' carries .*PointCloud2"):
            writer.write_camera_info("/points", "cam", 1, camera)


def test_an_empty_recording_is_valid(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "a.mcap"):
        pass
    with Bag(tmp_path / "a.mcap") as bag:
        assert bag.message_count == 0
        assert bag.duration_s == 0.0
        assert bag.describe_topics() == "no topics"


def test_serialised_messages_are_written_with_their_qos(tmp_path: Path) -> None:
    name = "std_msgs/msg/String"
    data = bytes(ros2_types().serialize_cdr(ros2_classes()[name]("text"), name))
    offered = OfferedQos(is_reliable=False, is_latched=False, depth=3)
    path = tmp_path / "raw.mcap"
    with BagWriter(path) as writer:
        writer.write_serialized("/words", name, data, 7, offered)
        with pytest.raises(DataError, match="carries std_msgs/msg/String"):
            writer.write_serialized("/words", "std_msgs/msg/Header", data, 8, offered)
    with Bag(path) as bag:
        assert bag.topics["/words"].qos == offered
        (raw,) = bag.messages(["/words"])
        assert (raw.log_ns, bytes(raw.data)) == (7, data)
