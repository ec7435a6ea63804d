# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""No work is done for outputs that nobody subscribes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from ros.probe import Probe
from std_msgs.msg import Float64

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.ros.configuration import MarkerConfig, QosConfig
from unsup_track_ros.ros.outputs import Output, OutputPublishers, Tracked
from unsup_track_ros.structures.tracks import Tracks


class TwoTopics(Config):
    """Quality of service of the topics of this test."""

    lively: QosConfig = QosConfig()
    kept: QosConfig = parameter(QosConfig(durability="transient_local", depth=1), "Kept.")


@pytest.fixture
def node() -> Iterator[Any]:
    """An active lifecycle node in this process."""
    context = Context()
    rclpy.init(args=[], context=context)
    made = LifecycleNode("publishing", context=context)
    made.trigger_configure()
    yield made
    made.destroy_node()
    rclpy.shutdown(context=context)


def tracked(stamp_ns: int) -> Tracked:
    """Return an answer that differs in its stamp."""
    return Tracked(tracks=Tracks.none(stamp_ns), odom="odom", markers=MarkerConfig())


def test_a_message_is_made_only_for_subscribers_and_to_keep(node: Any, probe: Probe) -> None:
    built: list[str] = []

    def build(name: str, answer: Tracked) -> Float64:
        built.append(name)
        return Float64(data=float(answer.tracks.stamp_ns))

    outputs = [
        Output(topic="lively", message=Float64, build=lambda answer: build("lively", answer)),
        Output(topic="kept", message=Float64, build=lambda answer: build("kept", answer)),
    ]
    publishers = OutputPublishers(node, outputs, TwoTopics())
    node.trigger_activate()
    publishers.publish(tracked(1))
    publishers.publish(tracked(1))
    assert built == ["kept"]
    heard = probe.listen("/lively", "std_msgs/msg/Float64")
    late = probe.listen("/kept", "std_msgs/msg/Float64", latched=True)
    assert probe.wait_for(lambda: late)[0].data == 1.0
    probe.wait_for(lambda: publishers.publishers["lively"].get_subscription_count() == 1)
    publishers.publish(tracked(2))
    assert probe.wait_for(lambda: heard)[0].data == 2.0
    assert built.count("lively") == 1


def test_what_has_no_message_is_not_published(node: Any, probe: Probe) -> None:
    outputs = [Output(topic="lively", message=Float64, build=lambda _: None)]
    publishers = OutputPublishers(node, outputs, TwoTopics())
    node.trigger_activate()
    heard = probe.listen("/lively", "std_msgs/msg/Float64")
    probe.wait_for(lambda: publishers.publishers["lively"].get_subscription_count() >= 1)
    count = len(heard)
    publishers.publish(tracked(1))
    assert len(heard) == count
