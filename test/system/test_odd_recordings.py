# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings as people bring them: odd names, several sensors, old formats, split files."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from system.label_directory import refused, run_well

from unsup_track_ros.data.message_types import (
    COMPRESSED_IMAGE,
    IMAGE,
    POINT_CLOUD,
    RosMessage,
    ros1_types,
    ros2_classes,
    ros2_types,
)
from unsup_track_ros.data.rosbag import Bag
from unsup_track_ros.labeling.store import LabelStore

pytestmark = pytest.mark.system

NUM_FRAMES = 4
ODD_POINTS, SECOND_POINTS = "/Vehicle7/roof/os_cloud_node/pts", "/bumper/scan3d"
ODD_IMAGE = "/Vehicle7/cam_B/stream/compressed"
# Topic of the synthetic drive -> how this vehicle calls it.
RENAMED = {
    "/points": ODD_POINTS,
    "/camera/image_raw": "/z_rear/image_mono_or_not",
    "/camera/camera_info": "/z_rear/camera_info",
}


def messages(drive: Path) -> Iterator[tuple[str, str, Any, int]]:
    """Return topic, type, message and log time of the first frames of a drive, renamed."""
    with Bag(drive) as bag:
        clouds = [raw.log_ns for raw in bag.messages(["/points"])]
        end_ns = clouds[NUM_FRAMES - 1] + 50_000_000
        for raw in bag.messages(bag.topics):
            if raw.log_ns < end_ns:
                kind = bag.topics[raw.topic].msgtype
                name = RENAMED.get(raw.topic, raw.topic)
                yield name, kind, bag.decode(raw), raw.log_ns


def with_second_camera(drive: Path) -> Iterator[tuple[str, str, Any, int]]:
    """Add the same images once more, compressed, of a camera with another name."""
    for name, kind, message, log_ns in messages(drive):
        yield name, kind, message, log_ns
        if kind == IMAGE:
            pixels = np.asarray(message.data).reshape(message.height, message.width, 3)
            _, data = cv2.imencode(".jpg", pixels[..., ::-1])
            compressed = ros2_classes()[COMPRESSED_IMAGE](
                header=message.header, format="rgb8; jpeg compressed bgr8", data=data.reshape(-1)
            )
            yield ODD_IMAGE, COMPRESSED_IMAGE, compressed, log_ns
        elif name == "/z_rear/camera_info":
            yield "/Vehicle7/cam_B/camera_info", kind, message, log_ns


def with_second_lidar(drive: Path) -> Iterator[tuple[str, str, Any, int]]:
    for name, kind, message, log_ns in messages(drive):
        yield name, kind, message, log_ns
        if kind == POINT_CLOUD:
            yield SECOND_POINTS, kind, message, log_ns


def write_split(path: Path, content: Iterator[tuple[str, str, Any, int]]) -> Path:
    """Write a rosbag2 folder of two sqlite3 files, as `ros2 bag record --max-bag-duration` does."""
    written = list(content)
    half = len(written) // 2
    for folder, part in ((path, written[:half]), (path.with_name("rest"), written[half:])):
        with Writer2(folder, version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
            connections = {
                name: writer.add_connection(name, kind, typestore=ros2_types())
                for name, kind in dict.fromkeys((n, k) for n, k, _, _ in written)
            }
            for name, kind, message, log_ns in part:
                data = ros2_types().serialize_cdr(message, kind)
                writer.write(connections[name], log_ns, data)
    rest = path.with_name("rest") / "rest.db3"
    rest.rename(path / "rest.db3")
    metadata = (path / "metadata.yaml").read_text()
    first = f"  - {path.name}.db3\n"
    assert first in metadata
    (path / "metadata.yaml").write_text(metadata.replace(first, f"{first}  - rest.db3\n", 1))
    return path


def write_ros1(path: Path, content: Iterator[tuple[str, str, Any, int]]) -> Path:
    with Writer1(path) as writer:
        connections: dict[str, Any] = {}
        for name, kind, message, log_ns in content:
            if name not in connections:
                connections[name] = writer.add_connection(name, kind, typestore=ros1_types())
            data = ros1_types().serialize_ros1(as_ros1(message), kind)
            writer.write(connections[name], log_ns, data)
    return path


def as_ros1(message: RosMessage) -> RosMessage:
    """Add what ROS 1 has besides: the number in headers, capital letters in camera_info."""
    if isinstance(message, list):
        for each in message:
            as_ros1(each)
    elif dataclasses.is_dataclass(message):
        for field in dataclasses.fields(message):
            as_ros1(getattr(message, field.name))
        if hasattr(message, "frame_id"):
            message.seq = 0  # type: ignore[union-attr]
        for name in "dkrp" if hasattr(message, "distortion_model") else "":
            setattr(message, name.upper(), getattr(message, name))
    return message


def label(bag: Path, out: Path, *flags: str) -> LabelStore:
    run_well("label", bag, "--out", out, "--no-video", "--no-bag", *flags)
    return LabelStore.open(out)


def test_odd_names_two_cameras_and_a_split_bag_are_labelled_without_flags(
    tiny_drive: Path, tmp_path: Path
) -> None:
    bag = write_split(tmp_path / "bag", with_second_camera(tiny_drive))
    roles = json.loads(run_well("info", bag, "--json"))["roles"]
    assert roles[ODD_POINTS] == "LiDAR"
    assert roles["/z_rear/image_mono_or_not"] == "camera"
    assert roles[ODD_IMAGE].startswith("not used: another camera comes first")
    store = label(bag, tmp_path / "labels")
    assert len(store) == NUM_FRAMES
    assert all(each.camera is not None for each in store)


def test_the_other_camera_can_be_chosen(tiny_drive: Path, tmp_path: Path) -> None:
    bag = write_split(tmp_path / "bag", with_second_camera(tiny_drive))
    store = label(bag, tmp_path / "labels", "--image-topic", ODD_IMAGE)
    assert all(each.camera is not None for each in store)


def test_two_lidars_are_refused_with_a_proposal_that_works(
    tiny_drive: Path, tmp_path: Path
) -> None:
    bag = write_split(tmp_path / "bag", with_second_lidar(tiny_drive))
    sentence = refused("label", bag, "--out", tmp_path / "labels")
    assert ODD_POINTS in sentence
    assert SECOND_POINTS in sentence
    proposal = re.search(r"--points-topic [^\s,]+", sentence)
    assert proposal is not None
    assert len(label(bag, tmp_path / "labels", *proposal[0].split())) == NUM_FRAMES


def test_a_ros_1_bag_is_labelled_without_flags(tiny_drive: Path, tmp_path: Path) -> None:
    bag = write_ros1(tmp_path / "drive.bag", messages(tiny_drive))
    store = label(bag, tmp_path / "labels")
    assert len(store) == NUM_FRAMES
    assert all(each.camera is not None for each in store)
    assert all(each.egomotion.odom_T_velo1 is not None for each in store)
