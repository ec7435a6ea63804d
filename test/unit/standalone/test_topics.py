# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Publishers and subscriptions: delivery, late joiners, QoS, names."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import pytest
from rclpy.exceptions import InvalidTopicNameException
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    InvalidQoSProfileException,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import String

Spin = Callable[..., bool]
LATCHED = QoSProfile(depth=2, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def test_messages_arrive_in_their_order(node: Any, spin_until: Spin) -> None:
    heard: list[str] = []
    node.create_subscription(String, "words", lambda message: heard.append(message.data), 10)
    publisher = node.create_publisher(String, "words", 10)
    assert spin_until(node, lambda: publisher.get_subscription_count() == 1)
    for word in ("one", "two", "three"):
        publisher.publish(String(data=word))
    assert spin_until(node, lambda: len(heard) == 3)
    assert heard == ["one", "two", "three"]


def test_a_cloud_of_two_megabytes_arrives_bit_by_bit(
    make_node: Callable[..., Any], spin_until: Spin
) -> None:
    sender, receiver = make_node("sender"), make_node("receiver")
    heard: list[Any] = []
    receiver.create_subscription(PointCloud2, "points", heard.append, qos_profile_sensor_data)
    publisher = sender.create_publisher(PointCloud2, "points", 5)
    assert spin_until(receiver, lambda: publisher.get_subscription_count() == 1)
    cloud = PointCloud2(width=120_000, height=1, point_step=16, row_step=1_920_000, is_dense=True)
    cloud.header.frame_id = "velo"
    cloud.data = array.array("B", bytes(range(256)) * 7500)
    publisher.publish(cloud)
    assert spin_until(receiver, lambda: bool(heard))
    assert heard[0] == cloud
    assert isinstance(heard[0].data, array.array)


def test_a_late_subscriber_gets_what_a_transient_local_publisher_keeps(
    node: Any, spin_until: Spin
) -> None:
    publisher = node.create_publisher(String, "map", LATCHED)
    for word in ("first", "second", "third"):
        publisher.publish(String(data=word))
    heard: list[str] = []
    node.create_subscription(String, "map", lambda message: heard.append(message.data), LATCHED)
    assert spin_until(node, lambda: len(heard) == 2)
    assert heard == ["second", "third"]


def test_a_volatile_late_subscriber_gets_only_what_comes(node: Any, spin_until: Spin) -> None:
    publisher = node.create_publisher(String, "map", LATCHED)
    publisher.publish(String(data="before"))
    heard: list[str] = []
    node.create_subscription(String, "map", lambda message: heard.append(message.data), 10)
    assert spin_until(node, lambda: publisher.get_subscription_count() == 1)
    publisher.publish(String(data="after"))
    assert spin_until(node, lambda: bool(heard))
    assert heard == ["after"]


@pytest.mark.parametrize(
    ("offered", "wanted", "policy"),
    [
        (qos_profile_sensor_data, QoSProfile(depth=5), "RELIABILITY"),
        (QoSProfile(depth=5), LATCHED, "DURABILITY"),
    ],
)
def test_a_subscription_that_asks_for_more_does_not_match_and_is_warned_about(
    node: Any, spin_until: Spin, capfd: Any, offered: Any, wanted: Any, policy: str
) -> None:
    publisher = node.create_publisher(String, "words", offered)
    node.create_subscription(String, "words", print, wanted)
    said = ""

    def warned() -> bool:
        nonlocal said
        said += "".join(capfd.readouterr())
        return "offering incompatible QoS" in said and "requesting incompatible QoS" in said

    assert spin_until(node, warned)
    assert f"Last incompatible policy: {policy}" in said
    assert publisher.get_subscription_count() == 0


def test_a_destroyed_subscription_hears_nothing(node: Any, spin_until: Spin) -> None:
    heard: list[Any] = []
    subscription = node.create_subscription(String, "words", heard.append, 10)
    publisher = node.create_publisher(String, "words", 10)
    assert spin_until(node, lambda: publisher.get_subscription_count() == 1)
    assert node.destroy_subscription(subscription)
    assert spin_until(node, lambda: publisher.get_subscription_count() == 0)
    publisher.publish(String(data="nobody there"))
    assert not spin_until(node, lambda: bool(heard), timeout_s=0.1)


def test_a_raw_subscription_hands_over_the_serialised_message(node: Any, spin_until: Spin) -> None:
    from rclpy.serialization import deserialize_message

    heard: list[bytes] = []
    node.create_subscription(String, "words", heard.append, 10, raw=True)
    publisher = node.create_publisher(String, "words", 10)
    assert spin_until(node, lambda: publisher.get_subscription_count() == 1)
    publisher.publish(String(data="bytes"))
    assert spin_until(node, lambda: bool(heard))
    assert deserialize_message(heard[0], String) == String(data="bytes")


def test_a_message_of_another_type_is_not_published(node: Any) -> None:
    publisher = node.create_publisher(String, "words", 10)
    with pytest.raises(TypeError, match="Expected"):
        publisher.publish(PointCloud2())


@pytest.mark.parametrize(
    ("given", "full"),
    [("a/b", "/robot/a/b"), ("/a/b", "/a/b"), ("~/a", "/robot/tested/a")],
)
def test_a_name_is_relative_to_namespace_or_node(
    make_node: Callable[..., Any], given: str, full: str
) -> None:
    assert make_node(namespace="robot").resolve_topic_name(given) == full


@pytest.mark.parametrize("name", ["two words", "a//b", "1st", "ends/", "a-b"])
def test_what_is_no_topic_name_is_refused(node: Any, name: str) -> None:
    with pytest.raises(InvalidTopicNameException, match="Invalid topic name"):
        node.create_publisher(String, name, 10)


def test_a_profile_needs_a_depth() -> None:
    with pytest.raises(InvalidQoSProfileException):
        QoSProfile(reliability=ReliabilityPolicy.RELIABLE)
    with pytest.raises(InvalidQoSProfileException):
        QoSProfile(history=HistoryPolicy.KEEP_LAST)
    assert QoSProfile(depth=3).reliability == ReliabilityPolicy.RELIABLE
    assert QoSProfile(depth=3).durability == DurabilityPolicy.VOLATILE
