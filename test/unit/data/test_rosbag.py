# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of every format, and the sentences for those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore
from unit.data.bags import PERIOD_NS, START_NS, cloud_message, scan_of, write_bag

from unsup_track_ros.data.message_types import POINT_CLOUD, ros2_types
from unsup_track_ros.data.point_cloud_decoding import decode_cloud
from unsup_track_ros.data.rosbag import Bag, OfferedQos
from unsup_track_ros.errors import DataError

STRING = "std_msgs/msg/String"


def write_ros2(
    path: Path,
    storage: StoragePlugin,
    mode: CompressionMode = CompressionMode.NONE,
    frames: range = range(3),
) -> Path:
    writer = Writer2(path, version=8, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection("/points", POINT_CLOUD, typestore=ros2_types())
        for frame in frames:
            data = ros2_types().serialize_cdr(cloud_message(frame), POINT_CLOUD)
            writer.write(connection, START_NS + frame * PERIOD_NS, data)
    return path


def write_ros1(path: Path) -> Path:
    types = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(path) as writer:
        connection = writer.add_connection("/points", POINT_CLOUD, typestore=types)
        for frame in range(3):
            cdr = ros2_types().serialize_cdr(cloud_message(frame), POINT_CLOUD)
            message = ros2_types().deserialize_cdr(cdr, POINT_CLOUD)
            message.header.seq = frame  # type: ignore[attr-defined]
            data = types.serialize_ros1(message, POINT_CLOUD)
            writer.write(connection, START_NS + frame * PERIOD_NS, data)
    return path


def check(path: Path, frames: range = range(3)) -> None:
    with Bag(path) as bag:
        assert bag.topics["/points"].count == len(frames)
        assert bag.duration_s == pytest.approx((len(frames) - 1) * 0.1)
        raws = list(bag.messages(["/points"]))
        assert [bag.header_stamp_ns(raw) for raw in raws] == [
            START_NS + frame * PERIOD_NS for frame in frames
        ]
        for frame, raw in zip(frames, raws, strict=True):
            decoded = decode_cloud(bag.decode(raw))
            assert decoded.frame_id == "velo"
            assert (decoded.cloud.points_velo == scan_of(frame).points_velo).all()


def test_a_ros_1_bag_is_read(tmp_path: Path) -> None:
    check(write_ros1(tmp_path / "a.bag"))


@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_a_rosbag2_folder_is_read(tmp_path: Path, storage: StoragePlugin) -> None:
    check(write_ros2(tmp_path / "bag", storage))


@pytest.mark.parametrize("mode", [CompressionMode.FILE, CompressionMode.MESSAGE])
def test_a_compressed_rosbag2_folder_is_read(tmp_path: Path, mode: CompressionMode) -> None:
    check(write_ros2(tmp_path / "bag", StoragePlugin.SQLITE3, mode))


def test_an_mcap_file_with_compressed_chunks_is_read(tmp_path: Path) -> None:
    bag = write_ros2(tmp_path / "bag", StoragePlugin.MCAP, CompressionMode.STORAGE)
    check(bag / "bag.mcap")


@pytest.mark.parametrize(
    ("storage", "name"), [(StoragePlugin.SQLITE3, "bag.db3"), (StoragePlugin.MCAP, "bag.mcap")]
)
def test_a_bare_storage_file_is_read(tmp_path: Path, storage: StoragePlugin, name: str) -> None:
    check(write_ros2(tmp_path / "bag", storage) / name)


def test_a_split_recording_is_read_as_one(tmp_path: Path) -> None:
    first = write_ros2(tmp_path / "bag", StoragePlugin.SQLITE3, frames=range(2))
    second = write_ros2(tmp_path / "rest", StoragePlugin.SQLITE3, frames=range(2, 5))
    (second / "rest.db3").rename(first / "rest.db3")
    metadata = (first / "metadata.yaml").read_text()
    metadata = metadata.replace("  - bag.db3\n", "  - bag.db3\n  - rest.db3\n", 1)
    metadata = metadata.replace("message_count: 2", "message_count: 5")
    metadata = metadata.replace(f"nanoseconds: {PERIOD_NS}", f"nanoseconds: {4 * PERIOD_NS}")
    (first / "metadata.yaml").write_text(metadata)
    check(first, range(5))


def test_reading_may_start_later(tmp_path: Path) -> None:
    with Bag(write_bag(tmp_path / "a.mcap")) as bag:
        raws = list(bag.messages(["/points"], START_NS + 2 * PERIOD_NS))
    assert [raw.log_ns for raw in raws] == [START_NS + 2 * PERIOD_NS, START_NS + 3 * PERIOD_NS]


def test_topics_that_are_not_there_yield_nothing(tmp_path: Path) -> None:
    with Bag(write_bag(tmp_path / "a.mcap")) as bag:
        assert list(bag.messages(["/nothing"])) == []


def test_a_topic_that_was_asked_for_and_is_absent_is_answered_with_those_present(
    tmp_path: Path,
) -> None:
    with (
        Bag(write_bag(tmp_path / "a.mcap")) as bag,
        pytest.raises(DataError, match=r"no topic '/velo'; .*/points \(sensor_msgs/msg/PointClou"),
    ):
        bag.topic("/velo", POINT_CLOUD)


def test_a_topic_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    with (
        Bag(write_bag(tmp_path / "a.mcap")) as bag,
        pytest.raises(DataError, match=r"'/tf' .* is a tf2_msgs/msg/TFMessage, but sensor_msgs"),
    ):
        bag.topic("/tf", POINT_CLOUD)


def test_a_message_of_an_unknown_type_is_named(tmp_path: Path) -> None:
    with Writer2(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(
            "/radar", "acme_msgs/msg/Radar", msgdef="float32 range\n", rihs01="RIHS01_0"
        )
        writer.write(connection, 1, b"\0\1\0\0\0\0\0\0")
    with Bag(tmp_path / "bag") as bag:
        raw = next(bag.messages(["/radar"]))
        with pytest.raises(DataError, match=r"/radar.*acme_msgs/msg/Radar, which is unknown"):
            bag.decode(raw)


def test_a_damaged_message_is_named(tmp_path: Path) -> None:
    with Writer2(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/points", POINT_CLOUD, typestore=ros2_types())
        writer.write(connection, 1, b"\0\1\0\0" + bytes(20))
    with Bag(tmp_path / "bag") as bag, pytest.raises(DataError, match=r"/points.* is damaged"):
        bag.decode(next(bag.messages(["/points"])))


def test_closing_twice_is_fine(tmp_path: Path) -> None:
    bag = Bag(write_bag(tmp_path / "a.mcap"))
    bag.close()
    bag.close()


def one_sentence(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        Bag(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    assert "There is no recording" in one_sentence(tmp_path / "a.mcap")


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").touch()
    assert "is empty" in one_sentence(tmp_path / "a.mcap")


def test_a_file_that_is_no_recording_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").write_text("holiday pictures " * 100)
    assert "is not a ROS recording" in one_sentence(tmp_path / "a.mcap")


def test_a_renamed_recording_is_told_its_name(tmp_path: Path) -> None:
    write_bag(tmp_path / "a.mcap").rename(tmp_path / "a.bag")
    assert "rename it to 'a.mcap'" in one_sentence(tmp_path / "a.bag")


def test_a_folder_without_metadata_is_told_the_cure(tmp_path: Path) -> None:
    path = write_ros2(tmp_path / "bag", StoragePlugin.SQLITE3)
    (path / "metadata.yaml").unlink()
    assert "ros2 bag reindex" in one_sentence(path)


def test_a_folder_with_broken_metadata_is_unreadable(tmp_path: Path) -> None:
    path = write_ros2(tmp_path / "bag", StoragePlugin.SQLITE3)
    (path / "metadata.yaml").write_text("]:")
    assert "cannot be read" in one_sentence(path)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_truncated_mcap_is_told_the_cure(tmp_path: Path, share: float) -> None:
    path = write_bag(tmp_path / "a.mcap")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert "mcap recover" in one_sentence(path)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_truncated_ros_1_bag_is_told_the_cure(tmp_path: Path, share: float) -> None:
    path = write_ros1(tmp_path / "a.bag")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert "rosbag reindex" in one_sentence(path)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_truncated_database_is_unreadable_at_the_latest_when_it_is_read(
    tmp_path: Path, share: float
) -> None:
    path = write_ros2(tmp_path / "bag", StoragePlugin.SQLITE3, frames=range(40)) / "bag.db3"
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])

    def read() -> None:
        with Bag(path) as bag:
            list(bag.messages(["/points"]))

    with pytest.raises(DataError, match="truncated"):
        read()


def test_messages_of_ros_1_become_those_of_ros_2(tmp_path: Path) -> None:
    with Bag(write_ros1(tmp_path / "old.bag")) as bag:
        raws = list(bag.messages(["/points"]))
        for frame, raw in enumerate(raws):
            converted = ros2_types().deserialize_cdr(bag.to_cdr(raw), POINT_CLOUD)
            np.testing.assert_array_equal(
                decode_cloud(converted).cloud.points_velo, scan_of(frame).points_velo
            )
            assert converted.header.stamp.sec == 10  # type: ignore[attr-defined]
        assert bag.start_log_ns == START_NS


def test_messages_of_ros_2_are_handed_on_as_they_are(tmp_path: Path) -> None:
    with Bag(write_bag(tmp_path / "new.mcap")) as bag:
        raw = next(bag.messages(["/points"]))
        assert bag.to_cdr(raw) is raw.data


def test_what_publishers_offered_is_known_where_it_was_recorded(tmp_path: Path) -> None:
    with Bag(write_bag(tmp_path / "new.mcap")) as bag:
        assert bag.topics["/tf_static"].qos == OfferedQos(
            is_reliable=True, is_latched=True, depth=100
        )
        points = bag.topics["/points"].qos
        assert points is not None
        assert not points.is_latched
    with Bag(write_ros1(tmp_path / "old.bag")) as bag:
        old = bag.topics["/points"].qos
        assert old is not None
        assert not old.is_latched
    with Bag(write_ros2(tmp_path / "plain", StoragePlugin.SQLITE3)) as bag:
        assert bag.topics["/points"].qos is None
