# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Record topics to a rosbag2 recording, with the QoS that their publishers offer."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.message_types import ros2_types
from unsup_track_ros.data.rosbag import OfferedQos

_LOOK_PERIOD_S: Final = 0.2
_DEPTH: Final = 100
# Of every node: nobody asks for them, and no replay should publish them.
_HIDDEN: Final = ("/rosout", "/parameter_events")


class BagRecorder:
    """Subscribes to topics as they appear, and writes what they carry as it comes.

    Attributes:
        num_messages: Messages written by topic.
        skipped: Why a topic is left out, by its name.
    """

    def __init__(self, node: Node, writer: BagWriter, topics: tuple[str, ...]) -> None:
        """Begin to look for topics.

        Args:
            node: Node whose clock gives the log times.
            writer: Opened recording.
            topics: Which topics, all if empty.
        """
        self._node, self._writer = node, writer
        self._wanted = {node.resolve_topic_name(topic) for topic in topics}
        self.num_messages: dict[str, int] = {}
        self.skipped: dict[str, str] = {}
        self._timer = node.create_timer(_LOOK_PERIOD_S, self._look)
        self._look()

    def _look(self) -> None:
        for topic, types in self._node.get_topic_names_and_types():
            is_wanted = topic in self._wanted if self._wanted else topic not in _HIDDEN
            if is_wanted and topic not in self.num_messages and topic not in self.skipped:
                self._subscribe(topic, types)

    def _subscribe(self, topic: str, types: list[str]) -> None:
        offered = [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic)]
        if not offered:
            return  # subscribers only, so far
        if len(types) != 1 or types[0] not in ros2_types().fielddefs:
            self.skipped[topic] = f"{topic} is left out: its type {types[0]} is unknown here."
            return
        package, _, name = types[0].split("/")
        message_class = getattr(importlib.import_module(f"{package}.msg"), name)
        # The most that every publisher gives, so that none is missed.
        is_reliable = all(q.reliability != ReliabilityPolicy.BEST_EFFORT for q in offered)
        is_latched = all(q.durability == DurabilityPolicy.TRANSIENT_LOCAL for q in offered)
        latched, best_effort = DurabilityPolicy.TRANSIENT_LOCAL, ReliabilityPolicy.BEST_EFFORT
        profile = QoSProfile(
            depth=_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if is_reliable else best_effort,
            durability=latched if is_latched else DurabilityPolicy.VOLATILE,
        )
        qos = OfferedQos(is_reliable=is_reliable, is_latched=is_latched, depth=10)
        self.num_messages[topic] = 0
        write = self._writing(topic, types[0], qos)
        self._node.create_subscription(message_class, topic, write, profile, raw=True)

    def _writing(self, topic: str, msgtype: str, qos: OfferedQos) -> Callable[[Any], None]:
        def write(data: bytes) -> None:
            now_ns = self._node.get_clock().now().nanoseconds
            self._writer.write_serialized(topic, msgtype, data, now_ns, qos)
            self.num_messages[topic] += 1

        return write


def record_topics(
    out: Path,
    topics: tuple[str, ...],
    arguments: list[str],
    duration_s: float | None,
    *,
    overwrite: bool,
    warned: Callable[[tuple[str, ...]], None],
) -> dict[str, int]:
    """Record in a node of its own, until a signal or for some time.

    Args:
        out: Recording to write.
        topics: Which topics, all if empty.
        arguments: For `rclpy.init`.
        duration_s: When to stop, None for a signal only.
        overwrite: Replace an existing recording.
        warned: Gets one sentence per topic that is left out.

    Returns:
        The number of messages by topic.

    Raises:
        DataError: The recording exists or cannot be written.
    """
    with BagWriter(out, overwrite=overwrite) as writer:
        rclpy.init(args=arguments)
        node = Node("bag_recorder", start_parameter_services=False)
        recorder = BagRecorder(node, writer, topics)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        end_s = time.monotonic() + duration_s if duration_s is not None else float("inf")
        try:
            while rclpy.ok() and (left_s := end_s - time.monotonic()) > 0:
                executor.spin_once(timeout_sec=min(left_s, _LOOK_PERIOD_S))
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        finally:
            node.destroy_node()
            executor.shutdown()
            rclpy.try_shutdown()
    warned(tuple(recorder.skipped.values()))
    return recorder.num_messages
