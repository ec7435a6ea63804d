# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node at the pace of the sensors says, byte for byte, what `unsup-track label` stores."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from rclpy.serialization import serialize_message
from ros.node_process import NodeProcess
from ros.probe import Probe
from system.label_directory import run_well

from unsup_track_ros.data.point_cloud_decoding import stamp_ns
from unsup_track_ros.data.rosbag import Bag
from unsup_track_ros.data.synthetic.camera import CAMERA_FRAME, CAMERA_INFO_TOPIC, CAMERA_NAME
from unsup_track_ros.data.synthetic.recording import ODOM_FRAME, POINTS_TOPIC, VELO_FRAME
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.ros.convert.detections import to_detection3d_array
from unsup_track_ros.ros.convert.egomotion import PosedEgomotion, to_egomotion
from unsup_track_ros.ros.convert.grids import to_occupancy_grid
from unsup_track_ros.ros.convert.sensors import to_motion_mask
from unsup_track_ros.ros.convert.tracks import to_tracked_objects
from unsup_track_ros.structures.labels import FrameLabel

PARAMETERS: Final = {
    "recording.topics.clouds": [POINTS_TOPIC],
    "recording.topics.images": [CAMERA_NAME],
    "qos.points.reliability": "reliable",
    "qos.images.reliability": "reliable",
    # A busy test machine may be late, but nothing may be left out.
    "live.queue_size": 50,
    "live.transform_wait_s": 10.0,
}
GRID: Final = "nav_msgs/msg/OccupancyGrid"


def expected_tracks(label: FrameLabel) -> Any:
    return to_tracked_objects(label.tracks, ODOM_FRAME)


def expected_detections(label: FrameLabel) -> Any:
    return to_detection3d_array(label.detections, VELO_FRAME)


def expected_egomotion(label: FrameLabel) -> Any:
    posed = PosedEgomotion(
        egomotion=label.egomotion, base_T_velo=label.base_T_velo, odom=ODOM_FRAME, velo=VELO_FRAME
    )
    return to_egomotion(posed)


def expected_mask(label: FrameLabel) -> Any:
    return to_motion_mask(label.motion, label.stamp_ns, CAMERA_FRAME)


def expected_static(label: FrameLabel) -> Any:
    assert label.grids is not None
    return to_occupancy_grid(label.grids, "static", ODOM_FRAME)


def expected_dynamic(label: FrameLabel) -> Any:
    assert label.grids is not None
    return to_occupancy_grid(label.grids, "dynamic", ODOM_FRAME)


EXPECTED: Final[dict[str, tuple[str, Callable[[FrameLabel], Any]]]] = {
    "/tracks": ("unsup_track_ros/msg/TrackedObjectArray", expected_tracks),
    "/detections": ("vision_msgs/msg/Detection3DArray", expected_detections),
    "/egomotion": ("unsup_track_ros/msg/Egomotion", expected_egomotion),
    "/motion_mask": ("sensor_msgs/msg/Image", expected_mask),
    "/occupancy_static": (GRID, expected_static),
    "/occupancy_dynamic": (GRID, expected_dynamic),
}


def play(probe: Probe, drive: Path) -> None:
    """Publish a recording at the pace at which it was made."""
    with Bag(drive) as bag:
        messages = list(bag.messages(bag.topics))
        start_ns, start_s = messages[0].log_ns, time.monotonic()
        for raw in messages:
            due_s = start_s + (raw.log_ns - start_ns) / 1e9
            time.sleep(max(due_s - time.monotonic(), 0.0))
            publisher = probe.publisher(raw.topic, raw.msgtype, latched=raw.topic == "/tf_static")
            publisher.publish(bytes(raw.data))


@pytest.fixture(scope="module")
def labels(tiny_drive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[FrameLabel]:
    """What the labeler stores."""
    folder = tmp_path_factory.mktemp("offline") / "labels"
    run_well("label", tiny_drive, "--out", folder, "--no-video")
    return list(LabelStore.open(folder))


def test_the_node_publishes_what_the_labeler_stores(
    probe: Probe, tiny_drive: Path, labels: list[FrameLabel], tmp_path: Path
) -> None:
    with Bag(tiny_drive) as bag:
        for found in bag.topics.values():
            probe.publisher(found.name, found.msgtype, latched=found.name == "/tf_static")
    heard = {
        topic: probe.listen(topic, msgtype, latched=msgtype == GRID)
        for topic, (msgtype, _) in EXPECTED.items()
    }
    with NodeProcess("all", tmp_path, PARAMETERS):
        for topic in EXPECTED:
            probe.wait_for_publisher(topic)
        for topic in (POINTS_TOPIC, CAMERA_NAME, CAMERA_INFO_TOPIC, "/tf", "/tf_static"):
            probe.wait_for_subscriber(topic)
        play(probe, tiny_drive)
        for topic in EXPECTED:
            probe.wait_for_stamp(topic, labels[-1].stamp_ns)
    for topic, (_, expected) in EXPECTED.items():
        said = {stamp_ns(message): serialize_message(message) for message in heard[topic]}
        stored = {label.stamp_ns: expected(label) for label in labels}
        # The first frame has nothing to be compared with, and no mask.
        wanted = {at: serialize_message(m) for at, m in stored.items() if m is not None}
        assert len(wanted) >= len(labels) - 1
        assert said.keys() == wanted.keys(), topic
        assert [at for at in wanted if said[at] != wanted[at]] == [], topic
