# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Publish a recording as it was recorded: same topics, QoS and pace, with /clock if wanted."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from rosgraph_msgs.msg import Clock

from unsup_track_ros.data.bag_writer import TF_STATIC_TOPIC
from unsup_track_ros.data.message_types import LEGACY_TF_MESSAGE, TF_MESSAGE, ros2_types
from unsup_track_ros.data.rosbag import Bag, OfferedQos, RawMessage, Topic
from unsup_track_ros.errors import DataError

_NANOSECONDS: Final = 1_000_000_000
_TICK_NS: Final = 10_000_000  # of wall time, between two messages on /clock
_SETTLED_S: Final = 0.5  # no new subscriber for so long: all of a node's are there
_POLL_S: Final = 0.02
_ACKNOWLEDGED: Final = Duration(seconds=2.0)
_CLOCK_TOPIC: Final = "/clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayOptions:
    """How to play.

    Attributes:
        rate: Seconds of the recording per second.
        with_clock: Publish its time on /clock, every 10 ms and with every message.
        start_s: Where to begin, from the first message; what is latched before is published first.
        topics: Which topics, all if empty.
        wait_s: How long to wait for subscribers before the first message.
    """

    rate: float = 1.0
    with_clock: bool = False
    start_s: float = 0.0
    topics: tuple[str, ...] = ()
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayReport:
    """What was played and how punctually.

    Attributes:
        num_messages: Messages published, without those on /clock.
        duration_s: Wall time it took.
        late_ms_p95: 95 % of the messages left no later after their time than this.
        late_ms_max: The latest one's delay.
        is_complete: Whether the end of the recording was reached.
    """

    num_messages: int
    duration_s: float
    late_ms_p95: float
    late_ms_max: float
    is_complete: bool


class BagPlayer:
    """Publishes the messages of a recording, each at its log time.

    Attributes:
        skipped: One sentence per topic whose type is not a standard one.
    """

    def __init__(self, node: Node, bag: Bag, options: PlayOptions) -> None:
        """Make the publishers.

        Raises:
            DataError: There is nothing to play.
        """
        self._node, self._bag, self._options = node, bag, options
        self._publishers: dict[str, Any] = {}
        self.skipped: list[str] = []
        for topic in bag.topics.values():
            if topic.count and (topic.name in options.topics or not options.topics):
                self._open(topic)
        if not self._publishers:
            raise DataError(
                f"'{bag.path}' has nothing to play"
                + (f" on {', '.join(options.topics)}" if options.topics else "")
                + f"; it has {bag.describe_topics()}."
            )
        self._clock = node.create_publisher(Clock, _CLOCK_TOPIC, 10) if options.with_clock else None

    def wait_for_subscribers(self) -> bool:
        """Wait until somebody listens and nobody new has come for half a second.

        Returns:
            Whether somebody does before the time is over.
        """
        end_s = time.monotonic() + self._options.wait_s
        known, since_s = 0, time.monotonic()
        while rclpy.ok() and time.monotonic() < end_s:
            found = sum(p.get_subscription_count() for p in self._publishers.values())
            if found != known:
                known, since_s = found, time.monotonic()
            elif known and time.monotonic() - since_s >= _SETTLED_S:
                return True
            time.sleep(_POLL_S)
        return known > 0

    def play(self) -> PlayReport:
        """Publish everything once; ends early when ROS is shut down."""
        messages = self._messages()
        try:
            first = next(messages)
        except StopIteration:
            raise DataError(
                f"'{self._bag.path}' has no messages after {self._options.start_s} s."
            ) from None
        begun_s = time.monotonic()
        started_ns = time.monotonic_ns()
        late_ns: list[int] = []
        for raw in chain([first], messages):
            # Latched messages from before the start are due at once.
            data_ns = max(raw.log_ns, self._start_log_ns)
            due_ns = started_ns + round((data_ns - self._start_log_ns) / self._options.rate)
            if not self._wait_until(due_ns, data_ns):
                break
            self._publishers[raw.topic].publish(self._bag.to_cdr(raw))
            late_ns.append(time.monotonic_ns() - due_ns)
        else:
            self._wait_for_acknowledgement()
        late_ms = np.array(late_ns or [0]) / 1e6
        return PlayReport(
            num_messages=len(late_ns),
            duration_s=time.monotonic() - begun_s,
            late_ms_p95=float(np.percentile(late_ms, 95)),
            late_ms_max=float(late_ms.max()),
            is_complete=rclpy.ok(),
        )

    @property
    def _start_log_ns(self) -> int:
        return self._bag.start_log_ns + round(self._options.start_s * _NANOSECONDS)

    def _messages(self) -> Iterator[RawMessage]:
        """Yield the messages from the start on; before them the last latched ones."""
        start_ns = self._start_log_ns
        if self._options.start_s > 0:
            yield from self._latched_before(start_ns)
        yield from self._bag.messages(self._publishers, start_ns)

    def _latched_before(self, start_ns: int) -> Iterator[RawMessage]:
        latched = [name for name in self._publishers if _qos(self._bag.topics[name]).is_latched]
        last: dict[str, list[RawMessage]] = {}
        for raw in self._bag.messages(latched):
            if raw.log_ns >= start_ns:
                break
            kept = last.setdefault(raw.topic, [])
            kept.append(raw)
            del kept[: -_qos(self._bag.topics[raw.topic]).depth]
        yield from (raw for kept in last.values() for raw in kept)

    def _open(self, topic: Topic) -> None:
        msgtype = TF_MESSAGE if topic.msgtype == LEGACY_TF_MESSAGE else topic.msgtype
        message_class = _message_class(msgtype)
        if message_class is None:
            self.skipped.append(
                f"{topic.name} is left out: its type {topic.msgtype} is unknown here."
            )
            return
        qos = _qos(topic)
        reliable, latched = ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL
        profile = QoSProfile(
            depth=qos.depth,
            reliability=reliable if qos.is_reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=latched if qos.is_latched else DurabilityPolicy.VOLATILE,
        )
        self._publishers[topic.name] = self._node.create_publisher(
            message_class, topic.name, profile
        )

    def _wait_until(self, due_ns: int, data_ns: int) -> bool:
        """Sleep until a message is due, with the clock ticking; tells whether to go on."""
        while rclpy.ok():
            left_ns = due_ns - time.monotonic_ns()
            self._tick(data_ns - max(0, round(left_ns * self._options.rate)))
            if left_ns <= 0:
                return True
            time.sleep(min(left_ns, _TICK_NS) / _NANOSECONDS)
        return False

    def _tick(self, now_ns: int) -> None:
        if self._clock is not None:
            self._clock.publish(Clock(clock=Time(nanoseconds=max(0, now_ns)).to_msg()))

    def _wait_for_acknowledgement(self) -> None:
        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(_ACKNOWLEDGED)


def play_bag(
    path: Path,
    options: PlayOptions,
    arguments: list[str],
    *,
    loop: bool,
    told: Callable[[PlayReport], None],
    warned: Callable[[tuple[str, ...]], None],
) -> None:
    """Play a recording in a node of its own, until its end, a signal or, looped, a signal only.

    Args:
        path: Recording.
        options: How to play.
        arguments: For `rclpy.init`.
        loop: Begin anew at the end.
        told: Gets the report of each pass.
        warned: Gets one sentence per topic that is left out.

    Raises:
        DataError: The recording cannot be read or played, or nobody subscribes in time.
    """
    with Bag(path) as bag:
        rclpy.init(args=arguments)
        node = Node("bag_player", start_parameter_services=False)
        try:
            player = BagPlayer(node, bag, options)
            warned(tuple(player.skipped))
            if options.wait_s > 0 and not player.wait_for_subscribers() and rclpy.ok():
                raise DataError(
                    f"Nobody has subscribed to a topic of '{path}' within {options.wait_s:g} s; "
                    "start the node, or use the same ROS_DOMAIN_ID."
                )
            while rclpy.ok():
                told(player.play())
                if not loop:
                    break
        except KeyboardInterrupt:
            pass
        finally:
            node.destroy_node()
            rclpy.try_shutdown()


def _qos(topic: Topic) -> OfferedQos:
    """Return what to offer: as recorded, and what everybody expects of /tf_static."""
    if topic.name == TF_STATIC_TOPIC:
        return OfferedQos(is_reliable=True, is_latched=True, depth=max(100, topic.count))
    recorded = topic.qos or OfferedQos(is_reliable=True, is_latched=False, depth=10)
    # A queue of 0 means the default to ROS 2; bags of the first releases have it.
    return OfferedQos(
        is_reliable=recorded.is_reliable,
        is_latched=recorded.is_latched,
        depth=max(recorded.depth, 10),
    )


def _message_class(msgtype: str) -> Any:
    """Return the class of a type that both the recording's reader and ROS know, else None."""
    package, _, name = msgtype.split("/")
    if msgtype not in ros2_types().fielddefs:
        return None
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError):
        return None
