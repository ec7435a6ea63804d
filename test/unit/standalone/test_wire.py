# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What ROS 2 Jazzy sees on the network: names, type hashes, QoS and the graph topic."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedds.builtin import (
    BuiltinDataReader,
    BuiltinTopicDcpsParticipant,
    BuiltinTopicDcpsPublication,
    BuiltinTopicDcpsSubscription,
)
from cyclonedds.core import InstanceState
from cyclonedds.domain import DomainParticipant
from cyclonedds.qos import Policy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import PointCloud2
from std_srvs.srv import Trigger

from unsup_track_ros.data.message_types import ros2_types
from unsup_track_ros.errors import ConfigError
from unsup_track_ros.standalone import dds
from unsup_track_ros.standalone.messages import deserialize, message_class, serialize
from unsup_track_ros.standalone.modules import MESSAGE_PACKAGES

Spin = Callable[..., bool]


@pytest.fixture
def onlooker() -> Iterator[Any]:
    """A bare DDS participant in the same domain."""
    participant = DomainParticipant(int(os.environ["ROS_DOMAIN_ID"]))
    yield participant
    dds.close(participant)


def seen(participant: Any, builtin: Any, topic: str) -> list[Any]:
    return [s for s in BuiltinDataReader(participant, builtin).read(1000) if s.topic_name == topic]


def test_a_topic_has_the_names_the_hash_and_the_qos_of_ros2(node: Any, onlooker: Any) -> None:
    node.create_publisher(PointCloud2, "points", qos_profile_sensor_data)
    (found,) = seen(onlooker, BuiltinTopicDcpsPublication, "rt/points")
    assert found.type_name == "sensor_msgs::msg::dds_::PointCloud2_"
    expected = "9198cabf7da3796ae6fe19c4cb3bdd3525492988c70522628af5daa124bae2b5"
    assert found.qos[Policy.Userdata].data == f"typehash=RIHS01_{expected};".encode()
    assert found.qos[Policy.Reliability] == Policy.Reliability.BestEffort
    assert found.qos[Policy.Durability] == Policy.Durability.Volatile
    assert found.qos[Policy.DataRepresentation].use_cdrv0_representation


def test_a_latched_topic_keeps_its_whole_depth_for_late_joiners(node: Any, onlooker: Any) -> None:
    latched = QoSProfile(depth=7, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_publisher(PointCloud2, "map", latched)
    (found,) = seen(onlooker, BuiltinTopicDcpsPublication, "rt/map")
    assert found.qos[Policy.Durability] == Policy.Durability.TransientLocal
    assert found.qos[Policy.DurabilityService].history == Policy.History.KeepLast(7)


def test_a_service_is_two_topics_that_name_their_service(node: Any, onlooker: Any) -> None:
    node.create_service(Trigger, "~/go", lambda _, response: response)
    (request,) = seen(onlooker, BuiltinTopicDcpsSubscription, "rq/tested/goRequest")
    (reply,) = seen(onlooker, BuiltinTopicDcpsPublication, "rr/tested/goReply")
    assert request.type_name == "std_srvs::srv::dds_::Trigger_Request_"
    assert reply.type_name == "std_srvs::srv::dds_::Trigger_Response_"
    identity = request.qos[Policy.Userdata].data.split(b";")[0]
    assert identity.startswith(b"serviceid=")
    assert reply.qos[Policy.Userdata].data.split(b";")[0] == identity


def test_requests_carry_the_header_of_rmw_cyclonedds(node: Any) -> None:
    client = node.create_client(Trigger, "go")
    client.call_async(Trigger.Request())
    reader = dds.Reader(
        node.context.participant,
        "rq/goRequest",
        "std_srvs/srv/Trigger_Request",
        client.writer.entity.get_qos(),
        None,
    )
    client.call_async(Trigger.Request())
    taken = reader.take()
    reader.close()
    assert taken is not None
    client_number, number = struct.unpack_from("<Qq", taken[0], 4)
    assert client_number > 0
    assert number == 2
    assert len(taken[0]) == 4 + 16 + 4  # an empty request is one byte, padded


def test_the_graph_topic_tells_of_nodes_and_their_endpoints(
    make_node: Callable[..., Any], spin_until: Spin
) -> None:
    node = make_node("seen", namespace="robot")
    publisher = node.create_publisher(PointCloud2, "points", 1)
    info = "rmw_dds_common/msg/ParticipantEntitiesInfo"
    own = node.context.graph
    reader = dds.Reader(
        node.context.participant, "ros_discovery_info", info, own._reader.entity.get_qos(), None
    )
    told: list[Any] = []

    def take() -> bool:
        while (taken := reader.take()) is not None:
            told.append(deserialize(taken[0], info))
        return bool(told)

    def is_told() -> bool:
        return take() and any(n.node_name == "seen" for n in told[-1].node_entities_info_seq)

    assert spin_until(node, is_told)
    (described,) = [n for n in told[-1].node_entities_info_seq if n.node_name == "seen"]
    assert described.node_namespace == "/robot"
    identities = {gid.data.tobytes() for gid in described.writer_gid_seq}
    assert dds.gid(publisher.writer.entity) in identities
    node.destroy_publisher(publisher)
    assert take()
    reader.close()
    (described,) = [n for n in told[-1].node_entities_info_seq if n.node_name == "seen"]
    identities_after = {gid.data.tobytes() for gid in described.writer_gid_seq}
    assert len(identities_after) == len(identities) - 1


def test_bytes_that_are_no_message_are_dropped_with_a_word(
    node: Any, spin_until: Spin, capfd: Any
) -> None:
    heard: list[Any] = []
    node.create_subscription(PointCloud2, "points", heard.append, 10)
    publisher = node.create_publisher(PointCloud2, "points", 10)
    client = node.create_client(Trigger, "go")
    node.create_service(Trigger, "go", lambda _, response: response)
    assert spin_until(node, lambda: publisher.get_subscription_count() == 1)
    assert spin_until(node, client.service_is_ready)
    publisher.publish(b"\x00\x01\x00\x00" + b"\xff" * 20)
    client.writer.write(b"\x00\x01\x00\x00" + b"\xff" * 99)
    publisher.publish(PointCloud2(width=3))
    assert spin_until(node, lambda: bool(heard))
    assert heard[0].width == 3
    future = client.call_async(Trigger.Request())
    assert spin_until(node, future.done)
    assert "A message on '/points' is no sensor_msgs/msg/PointCloud2" in capfd.readouterr().err


def test_nodes_appear_and_disappear(make_node: Callable[..., Any]) -> None:
    first, second = make_node("first"), make_node("second")
    assert first.get_node_names() == ["first", "second"]
    second.destroy_node()
    assert first.get_node_names() == ["first"]


def test_a_context_leaves_the_network_with_its_last_node(onlooker: Any) -> None:
    def others() -> int:
        found = BuiltinDataReader(onlooker, BuiltinTopicDcpsParticipant).read(100)
        return len([s for s in found if s.sample_info.instance_state == InstanceState.Alive]) - 1

    before = others()
    context = Context()
    context.init(args=[])
    node = Node("short", context=context)
    assert others() == before + 1
    context.shutdown()
    assert others() == before + 1
    node.destroy_node()
    node.destroy_node()
    assert others() == before


def test_topics_can_be_listed_and_counted(node: Any) -> None:
    node.create_publisher(PointCloud2, "points", 1)
    node.create_subscription(PointCloud2, "points", print, 1)
    assert ("/points", ["sensor_msgs/msg/PointCloud2"]) in node.get_topic_names_and_types()
    assert (node.count_publishers("points"), node.count_subscribers("points")) == (1, 1)


def test_asking_for_topics_and_calling_services_does_not_grow_the_process(
    node: Any, spin_until: Spin
) -> None:
    client = node.create_client(Trigger, "go")
    node.create_service(Trigger, "go", lambda _, response: response)
    assert spin_until(node, client.service_is_ready)

    def use(times: int) -> int:
        for _ in range(times):
            node.get_topic_names_and_types()
            assert client.service_is_ready()
        pages = Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    before = use(50)
    assert use(200) - before < 4_000_000  # 200 kB each, when every look took every endpoint anew


def test_type_hashes_are_those_of_jazzy() -> None:
    # Computed by rosidl of Jazzy; one type each with nesting, fixed arrays, `char` and a service.
    expected = {
        "rmw_dds_common/msg/ParticipantEntitiesInfo": "91a0593bacdcc50ea9bdcf849a938b12",
        "rcl_interfaces/srv/DescribeParameters_Request": "05dd1c2bc87dec2627105c8070d6f972",
        "rcl_interfaces/srv/DescribeParameters_Response": "ad6747319613c6131589e062e095b469",
    }
    for name, start in expected.items():
        assert dds.type_hash(name).startswith(f"typehash=RIHS01_{start}")


def test_every_message_survives_being_written_and_read() -> None:
    provided = (*MESSAGE_PACKAGES, "rmw_dds_common", "unsup_track_ros")
    names = [name for name in ros2_types().fielddefs if name.split("/")[0] in provided]
    assert len(names) > 100
    for name in names:
        message = message_class(name)()
        assert deserialize(serialize(message), name) == message, name


def test_a_domain_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "233")
    with pytest.raises(ConfigError, match="ROS_DOMAIN_ID must be a number"):
        dds.domain_id()
    assert dds.domain_id(7) == 7
    monkeypatch.setenv("ROS_DOMAIN_ID", "")
    assert dds.domain_id() == 0


def test_everything_stays_on_this_machine_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE")
    assert "127.0.0.1" in dds.settings()
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    assert "127.0.0.1" not in dds.settings()
    monkeypatch.setenv("ROS_LOCALHOST_ONLY", "1")
    assert "127.0.0.1" in dds.settings()
    monkeypatch.delenv("ROS_LOCALHOST_ONLY")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "EVERYWHERE")
    with pytest.raises(ConfigError, match="got 'EVERYWHERE'"):
        dds.settings()
