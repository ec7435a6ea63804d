# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""results.mcap, read by rosbags and by the mcap library, says what the labels say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from system.conftest import NUM_FRAMES
from system.label_directory import run_well

from unsup_track_ros.data.point_cloud_decoding import decode_columns, stamp_ns
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.rosbag import Bag
from unsup_track_ros.geometry.se3 import from_quaternion, inverse
from unsup_track_ros.labeling.store import RESULT_BAG_NAME, LabelStore
from unsup_track_ros.structures.tracks import TrackState

pytestmark = pytest.mark.system

EVERY_FRAME = {
    "/tf": "tf2_msgs/msg/TFMessage",
    "/unsup_track/egomotion": "unsup_track_ros/msg/Egomotion",
    "/unsup_track/detections": "vision_msgs/msg/Detection3DArray",
    "/unsup_track/detections_2d": "vision_msgs/msg/Detection2DArray",
    "/unsup_track/tracks": "unsup_track_ros/msg/TrackedObjectArray",
    "/unsup_track/tracked_detections": "vision_msgs/msg/Detection3DArray",
    "/unsup_track/markers": "visualization_msgs/msg/MarkerArray",
    "/unsup_track/points_dynamic": "sensor_msgs/msg/PointCloud2",
}
MAPS = ("/unsup_track/occupancy_static", "/unsup_track/occupancy_dynamic", "/unsup_track/occupancy")


@pytest.fixture(scope="module")
def labels(tiny_drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled") / "labels"
    run_well("label", tiny_drive, "--out", folder, "--no-video")
    return folder


def test_the_bag_has_every_topic_with_the_stamps_of_the_scans(
    labels: Path, tiny_drive: Path
) -> None:
    with Recording(tiny_drive) as recording:
        stamps_ns = list(recording.stamps_ns)
    with Bag(labels / RESULT_BAG_NAME) as bag:
        types = {topic.name: topic.msgtype for topic in bag.topics.values()}
        assert EVERY_FRAME.items() <= types.items()
        for topic in EVERY_FRAME:
            raws = list(bag.messages([topic]))
            assert [raw.log_ns for raw in raws] == stamps_ns, topic
        for topic in MAPS:
            assert [raw.log_ns for raw in bag.messages([topic])] == [stamps_ns[0], stamps_ns[10]]


def test_the_mcap_library_decodes_every_message(labels: Path) -> None:
    counts: Counter[str] = Counter()
    with (labels / RESULT_BAG_NAME).open("rb") as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        for _, channel, message, decoded in reader.iter_decoded_messages():
            counts[channel.topic] += 1
            if hasattr(decoded, "header"):
                at_ns = decoded.header.stamp.sec * 10**9 + decoded.header.stamp.nanosec
                assert at_ns == message.log_time
    assert all(counts[topic] == NUM_FRAMES for topic in EVERY_FRAME)


def test_the_messages_are_the_completed_labels(labels: Path, tiny_drive: Path) -> None:
    store = LabelStore.open(labels)
    assert any(len(label.tracks) for label in store.completed())
    with Bag(labels / RESULT_BAG_NAME) as bag, Recording(tiny_drive) as recording:
        clouds = {frame.index: frame.cloud for frame in recording.frames(images=False)}
        for label, tracks, points, transforms in zip(
            store.completed(),
            bag.messages(["/unsup_track/tracked_detections"]),
            bag.messages(["/unsup_track/points_dynamic"]),
            bag.messages(["/tf"]),
            strict=True,
        ):
            boxes = bag.decode(tracks)
            assert stamp_ns(boxes) == label.stamp_ns
            believed = label.tracks.states != TrackState.TENTATIVE
            assert [int(d.id) for d in boxes.detections] == label.tracks.ids[believed].tolist()
            for detection, box in zip(
                boxes.detections, label.tracks.boxes_odom[believed], strict=True
            ):
                place, size = detection.bbox.center.position, detection.bbox.size
                assert [place.x, place.y, place.z, size.x, size.y, size.z] == box[:6].tolist()
            columns = decode_columns(bag.decode(points), ("x", "y", "z"))
            moving = clouds[label.index].points_velo[label.motion.moving_points]
            np.testing.assert_array_equal(np.stack([columns[a] for a in "xyz"], 1), moving)
            (transform,) = bag.decode(transforms).transforms
            assert transform.child_frame_id == "unsup_odom" == boxes.header.frame_id
            pose = label.egomotion.odom_T_velo1
            assert pose is not None
            moved, turn = transform.transform.translation, transform.transform.rotation
            velo_T_odom = from_quaternion(
                np.array([turn.x, turn.y, turn.z, turn.w]), np.array([moved.x, moved.y, moved.z])
            )
            np.testing.assert_allclose(velo_T_odom, inverse(pose), atol=1e-9)


def test_a_bag_that_is_gone_is_written_again_with_the_same_bytes(
    labels: Path, tiny_drive: Path
) -> None:
    path = labels / RESULT_BAG_NAME
    before = path.read_bytes()
    path.unlink()
    run_well("label", tiny_drive, "--out", labels, "--no-video", "--no-bag")
    assert not path.exists()
    run_well("label", tiny_drive, "--out", labels, "--no-video")
    assert path.read_bytes() == before
