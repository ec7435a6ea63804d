# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`unsup-track run`, `play` and `record` as whole commands, over DDS on loopback."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.typesys import Stores, get_typestore
from unit.data.bags import write_bag

from unsup_track_ros.data.rosbag import Bag

pytestmark = [pytest.mark.system, pytest.mark.ros]
TIMEOUT_S = 60.0

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(repository: Path) -> Iterator[Start]:
    """Starts `unsup-track` commands in a domain of this test's own."""
    environment = {
        **os.environ,
        "ROS_DOMAIN_ID": str(random.SystemRandom().randint(1, 100)),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "PYTHONUNBUFFERED": "1",
    }
    started: list[subprocess.Popen[str]] = []

    def popen(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "unsup_track_ros.cli.main", *arguments],
            cwd=repository,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    said, warned = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, warned
    return said, warned


def contents(path: Path, topic: str) -> list[bytes]:
    with Bag(path) as bag:
        return [bytes(raw.data).rstrip(b"\0") for raw in bag.messages([topic])]


def test_what_is_played_is_what_is_recorded(tmp_path: Path, start: Start) -> None:
    played = write_bag(tmp_path / "played.mcap")
    recorded = tmp_path / "recorded.mcap"
    recorder = start("record", str(recorded), "--ros-args", "--log-level", "warn")
    player = start("play", str(played), "--rate", "2", "--clock", "--wait", "30")
    said, _ = finish(player)
    assert "late by" in said
    recorder.send_signal(signal.SIGINT)
    said, _ = finish(recorder)
    assert "/points (4)" in said
    for topic in ("/points", "/cam/image_raw", "/cam/camera_info", "/tf", "/tf_static"):
        assert contents(recorded, topic) == contents(played, topic), topic
    with Bag(recorded) as bag:
        latched = bag.topics["/tf_static"].qos
        assert latched is not None
        assert latched.is_latched
        assert bag.topics["/clock"].count > 20
        assert 0.1 < bag.duration_s < 5.0


def test_only_the_topics_that_were_asked_for_are_recorded(tmp_path: Path, start: Start) -> None:
    played = write_bag(tmp_path / "played.mcap")
    recorded = tmp_path / "recorded.mcap"
    recorder = start("record", str(recorded), "--topic", "points")
    finish(start("play", str(played), "--rate", "4", "--wait", "30"))
    recorder.send_signal(signal.SIGTERM)
    finish(recorder)
    with Bag(recorded) as bag:
        assert list(bag.topics) == ["/points"]


def test_an_offset_skips_messages_but_not_what_is_latched(tmp_path: Path, start: Start) -> None:
    played = write_bag(tmp_path / "played.mcap")
    recorded = tmp_path / "recorded.mcap"
    recorder = start("record", str(recorded))
    finish(start("play", str(played), "--start-offset", "0.15", "--wait", "30"))
    recorder.send_signal(signal.SIGINT)
    finish(recorder)
    assert contents(recorded, "/points") == contents(played, "/points")[2:]
    assert contents(recorded, "/tf_static") == contents(played, "/tf_static")


def test_a_recording_of_ros_1_is_played_too(tmp_path: Path, start: Start) -> None:
    types = get_typestore(Stores.ROS1_NOETIC)
    path = tmp_path / "old.bag"
    text = "std_msgs/msg/Header"
    stamp = types.types["builtin_interfaces/msg/Time"](sec=3, nanosec=4)
    message = types.types[text](seq=7, stamp=stamp, frame_id="velo")
    with Writer1(path) as writer:
        connection = writer.add_connection("/header", text, typestore=types)
        for second in (1, 2):
            data = types.serialize_ros1(message, text)
            writer.write(connection, second * 100_000_000, data)
    recorded = tmp_path / "recorded.mcap"
    recorder = start("record", str(recorded))
    finish(start("play", str(path), "--wait", "30"))
    recorder.send_signal(signal.SIGINT)
    finish(recorder)
    with Bag(recorded) as bag:
        heard = [bag.decode(raw) for raw in bag.messages(["/header"])]
    assert [(m.stamp.sec, m.stamp.nanosec, m.frame_id) for m in heard] == [(3, 4, "velo")] * 2


def test_nobody_listening_is_an_error_only_when_one_waits(tmp_path: Path, start: Start) -> None:
    played = write_bag(tmp_path / "played.mcap", frames=1)
    waiting = start("play", str(played), "--wait", "0.2")
    _, warned = waiting.communicate(timeout=TIMEOUT_S)
    assert waiting.returncode == 1
    assert "Nobody has subscribed" in warned
    finish(start("play", str(played)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_endless_playing(
    tmp_path: Path, start: Start, number: signal.Signals
) -> None:
    played = write_bag(tmp_path / "played.mcap", frames=2)
    player = start("play", str(played), "--loop")
    assert player.stdout is not None
    assert "messages in" in player.stdout.readline()
    player.send_signal(number)
    finish(player)


def test_a_topic_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, start: Start
) -> None:
    played = write_bag(tmp_path / "played.mcap", frames=1)
    player = start("play", str(played), "--topic", "/nothing")
    _, warned = player.communicate(timeout=TIMEOUT_S)
    assert player.returncode == 1
    assert "has nothing to play on /nothing; it has /cam/camera_info" in warned


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_with_success(start: Start, number: signal.Signals) -> None:
    node = start("run", "tracker")
    assert node.stderr is not None
    while "Active" not in (line := node.stderr.readline()):
        assert line, "the node has ended"
    node.send_signal(number)
    finish(node)


def test_options_for_nobody_are_wrong_usage(start: Start) -> None:
    node = start("run", "tracker", "--fast")
    node.communicate(timeout=TIMEOUT_S)
    assert node.returncode == 2
