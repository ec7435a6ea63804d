# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The test's own node: publishes serialised messages, collects what others publish."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from unsup_track_ros.data.message_types import RosMessage, ros2_types
from unsup_track_ros.data.point_cloud_decoding import stamp_ns

# Processes start in seconds, but in a minute on a machine that does much else.
TIMEOUT_S: Final = 120.0
_POLL_S: Final = 0.002
_DEPTH: Final = 200


def message_class(msgtype: str) -> Any:
    """Return the class that rclpy knows by a type name like `sensor_msgs/msg/Image`."""
    package, kind, name = msgtype.split("/")
    return getattr(importlib.import_module(f"{package}.{kind}"), name)


def profile(*, latched: bool = False, best_effort: bool = False) -> QoSProfile:
    """Return a deep profile: a test must not lose messages."""
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
    return QoSProfile(depth=_DEPTH, durability=durability, reliability=reliability)


class Probe:
    """Publishers and subscriptions of a test.

    Attributes:
        node: The node.
        received: Messages by topic, in the order of their arrival.
    """

    def __init__(self) -> None:
        self.received: dict[str, list[Any]] = {}
        self._context = Context()
        rclpy.init(args=[], context=self._context)
        self.node = Node("probe", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._publishers: dict[str, Any] = {}
        self._subscriptions: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        rclpy.shutdown(context=self._context)
        self._thread.join()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass
        finally:
            self.node.destroy_node()

    def listen(self, topic: str, msgtype: str, *, latched: bool = False) -> list[Any]:
        """Subscribe, unless it was done before; return the list that fills with messages."""
        if topic not in self._subscriptions:
            self.received[topic] = []
            self._subscriptions[topic] = self.node.create_subscription(
                message_class(msgtype), topic, self.received[topic].append, profile(latched=latched)
            )
        return self.received[topic]

    def publish(self, topic: str, message: RosMessage, *, latched: bool = False) -> None:
        """Publish a message of rosbags' type store."""
        msgtype = message.__msgtype__
        publisher = self.publisher(topic, msgtype, latched=latched)
        publisher.publish(bytes(ros2_types().serialize_cdr(message, msgtype)))

    def publisher(self, topic: str, msgtype: str, *, latched: bool = False) -> Any:
        """Return the publisher of a topic; the first call makes it."""
        if topic not in self._publishers:
            self._publishers[topic] = self.node.create_publisher(
                message_class(msgtype), topic, profile(latched=latched)
            )
        return self._publishers[topic]

    def wait_for(self, condition: Callable[[], Any], timeout_s: float = TIMEOUT_S) -> Any:
        """Wait until a condition gives something true; return that."""
        end_s = time.monotonic() + timeout_s
        while not (answer := condition()):
            assert time.monotonic() < end_s, "the condition was never met"
            time.sleep(_POLL_S)
        return answer

    def wait_for_subscriber(self, topic: str) -> None:
        """Wait until somebody subscribes to a topic that is published here."""
        self.wait_for(lambda: self._publishers[topic].get_subscription_count() > 0)

    def wait_for_publisher(self, topic: str) -> None:
        """Wait until somebody publishes a topic that is heard here."""
        self.wait_for(lambda: self.node.count_publishers(topic) > 0)

    def wait_for_hearer(self, topic: str) -> None:
        """Wait until somebody subscribes to a topic of other nodes."""
        self.wait_for(lambda: self.node.count_subscribers(topic) > 0)

    def wait_for_stamp(self, topic: str, at_ns: int) -> Any:
        """Wait for the message of a stamp; return it."""

        def found() -> Any:
            return next((m for m in reversed(self.received[topic]) if stamp_ns(m) == at_ns), None)

        return self.wait_for(found)

    def call(self, service: str, service_type: Any, request: Any) -> Any:
        """Call a service; return its response."""
        client = self.node.create_client(service_type, service)
        assert client.wait_for_service(TIMEOUT_S)
        future = client.call_async(request)
        self.wait_for(future.done)
        self.node.destroy_client(client)
        return future.result()
