# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""No work is done for outputs that nobody subscribes to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from ros.probe import Probe
from std_msgs.msg import Float64

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.ros.configuration import BeliefMapConfig, MarkerConfig, QosConfig
from unsup_track_ros.ros.convert.egomotion import PosedEgomotion
from unsup_track_ros.ros.outputs import TRACK_OUTPUTS, Output, OutputPublishers, Tracked
from unsup_track_ros.structures.beliefs import Beliefs
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
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
    posed = PosedEgomotion(
        egomotion=Egomotion(
            status=EgomotionStatus.OK,
            source=EgomotionSource.TF,
            stamp0_ns=0,
            stamp1_ns=stamp_ns,
            odom_T_velo1=np.eye(4),
        ),
        base_T_velo=np.eye(4),
        odom="odom",
        velo="velo",
    )
    return Tracked(
        tracks=Tracks.none(stamp_ns),
        posed=posed,
        markers=MarkerConfig(),
        belief=BeliefMapConfig(),
    )


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


def test_the_belief_is_a_map_around_the_lidar_with_y_up() -> None:
    beliefs = Beliefs(
        stamp_ns=7,
        ids=np.array([3]),
        places_odom=np.array([[[1.5, 0.5], [-1.5, -0.5]]], np.float32),
        weights=np.array([[0.75, 0.25]], np.float32),
    )
    answer = tracked(7)
    answer = replace(answer, tracks=replace(answer.tracks, beliefs=beliefs))
    answer = replace(answer, belief=BeliefMapConfig(half_size_m=2.0, resolution_m=1.0))
    (output,) = (output for output in TRACK_OUTPUTS if output.topic == "belief")
    message = output.build(answer)
    assert (message.encoding, message.height, message.width) == ("32FC1", 4, 4)
    cells = np.frombuffer(bytes(message.data), "<f4").reshape(4, 4)
    expected = np.zeros((4, 4))
    expected[1, 3], expected[2, 0] = 0.75, 0.25
    np.testing.assert_array_equal(cells, expected)
    assert output.build(tracked(7)) is None
