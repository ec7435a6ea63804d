# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.publisher`, `.subscription`, `.timer`, `.guard_condition`: what a node waits for.

An executor sees `callback_group`, `condition` (a DDS condition, or None), `due_ns()` and `take()`,
which returns the work that is ready, or None.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from cyclonedds.core import GuardCondition as DdsGuardCondition
from cyclonedds.core import Listener
from rosbags.serde import SerdeError

from unsup_track_ros.standalone import dds
from unsup_track_ros.standalone.clock import Clock
from unsup_track_ros.standalone.exceptions import InvalidHandle
from unsup_track_ros.standalone.logging import RcutilsLogger
from unsup_track_ros.standalone.messages import Message, deserialize, prepare, serialize
from unsup_track_ros.standalone.qos import QoSProfile, to_dds
from unsup_track_ros.standalone.task import CallbackGroup

Work = Callable[[], Any]
_POLICY_NAMES: Final = {2: "DURABILITY", 11: "RELIABILITY", 23: "DATA_REPRESENTATION"}


class TopicEndpointInfo(NamedTuple):
    """What is known of a publisher or subscription somewhere on the network."""

    topic_type: str
    qos_profile: QoSProfile


class Endpoint:
    """What publishers, subscriptions and others share: they belong to a node until destroyed."""

    condition: Any = None

    def __init__(self, callback_group: CallbackGroup | None = None) -> None:
        self.callback_group = callback_group
        self._lock = threading.RLock()
        self._release: Callable[[], Any] = lambda: None
        self.logger = RcutilsLogger("rclpy")

    def due_ns(self) -> int | None:
        """Return in how many nanoseconds of wall time it may be ready by itself."""
        return None

    def take(self) -> Work | None:
        """Return the work that is ready."""
        return None

    def destroy(self) -> None:
        """Take it from its node and from the network; twice is fine."""
        release, self._release = self._release, lambda: None
        release()
        with self._lock:
            self._close()

    def read(self, data: bytes, msgtype: str, topic: str) -> Any:
        """Return the message that bytes from the network hold, None if they hold none."""
        try:
            return deserialize(data, msgtype)
        except SerdeError as error:
            self.logger.error(f"A message on '{topic}' is no {msgtype} and is dropped: {error}")
            return None

    def _close(self) -> None:
        """Leave the network; no `take` is running."""


class Publisher(Endpoint):
    """Publishes messages on a topic; from any thread."""

    def __init__(self, context: Any, msg_type: Any, topic: str, qos: QoSProfile, name: str) -> None:
        super().__init__()
        self.msg_type, self.topic_name, self.qos_profile = msg_type, topic, qos
        msgtype = msg_type.__msgtype__
        prepare(msgtype)
        listener = _listener(name, topic, is_publisher=True)
        self.writer: dds.Writer | None = dds.Writer(
            context.participant,
            f"rt{topic}",
            msgtype,
            to_dds(qos, dds.type_hash(msgtype)),
            listener,
        )

    @property
    def topic(self) -> str:
        """Full topic name."""
        return self.topic_name

    def publish(self, msg: Message | bytes) -> None:
        """Send a message, or one that is serialised already.

        Raises:
            TypeError: It is of another type.
        """
        if not isinstance(msg, bytes):
            if not isinstance(msg, self.msg_type):
                raise TypeError(f"Expected {self.msg_type}, got {type(msg)}")
            msg = serialize(msg)
        with self._lock:  # `destroy` waits
            self._opened.write(msg)

    def get_subscription_count(self) -> int:
        """Return how many subscriptions match, on the whole network."""
        return len(self._opened.entity.get_matched_subscriptions())

    def wait_for_all_acked(self, timeout: Any = None) -> bool:
        """Wait until reliable subscriptions have received everything; tells whether they have."""
        limit_ns = timeout.nanoseconds if timeout is not None else (1 << 63) - 1
        return bool(self._opened.entity.wait_for_acks(limit_ns))

    @property
    def _opened(self) -> dds.Writer:
        if self.writer is None:
            raise InvalidHandle(f"The publisher of '{self.topic_name}' has been destroyed.")
        return self.writer

    def _close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


class Subscription(Endpoint):
    """Calls back with the messages of a topic."""

    def __init__(  # noqa: PLR0913 - as many as a subscription has properties
        self,
        context: Any,
        msg_type: Any,
        topic: str,
        callback: Callable[[Any], Any],
        qos: QoSProfile,
        *,
        callback_group: CallbackGroup,
        name: str,
        raw: bool,
    ) -> None:
        super().__init__(callback_group)
        self.msg_type, self.topic_name, self.qos_profile = msg_type, topic, qos
        self.callback, self.raw = callback, raw
        self._msgtype = msg_type.__msgtype__
        prepare(self._msgtype)
        listener = _listener(name, topic, is_publisher=False)
        self.reader: dds.Reader | None = dds.Reader(
            context.participant,
            f"rt{topic}",
            self._msgtype,
            to_dds(qos, dds.type_hash(self._msgtype)),
            listener,
        )
        self.condition = self.reader.condition

    def get_publisher_count(self) -> int:
        """Return how many publishers match, on the whole network."""
        if self.reader is None:
            raise InvalidHandle(f"The subscription to '{self.topic_name}' has been destroyed.")
        return len(self.reader.entity.get_matched_publications())

    def take(self) -> Work | None:
        """Return the call for the oldest message; one that cannot be read is logged and dropped."""
        while True:
            with self._lock:
                taken = self.reader.take() if self.reader is not None else None
            if taken is None:
                return None
            message = taken[0] if self.raw else self.read(taken[0], self._msgtype, self.topic_name)
            if message is not None:
                return partial(self.callback, message)

    def _close(self) -> None:
        if self.reader is not None:
            self.reader.close()
            self.reader = None


class Timer(Endpoint):
    """Calls back at a fixed period of a clock; calls that were missed are left out, not made up."""

    def __init__(
        self, callback: Work, callback_group: CallbackGroup, period_ns: int, clock: Clock
    ) -> None:
        super().__init__(callback_group)
        if period_ns < 0:
            raise ValueError(f"timer period must be non-negative, got {period_ns} ns")
        self.callback, self.clock = callback, clock
        self.timer_period_ns = period_ns
        self._canceled = False
        self._next_ns = clock._now_ns() + period_ns

    def cancel(self) -> None:
        """Call back no more until `reset`."""
        self._canceled = True

    def is_canceled(self) -> bool:
        """Tell whether it was cancelled."""
        return self._canceled

    def reset(self) -> None:
        """Start anew with a whole period."""
        self._canceled = False
        self._next_ns = self.clock._now_ns() + self.timer_period_ns

    def time_until_next_call(self) -> int | None:
        """Return the nanoseconds until the next call, None when cancelled."""
        return None if self._canceled else self._next_ns - self.clock._now_ns()

    def is_ready(self) -> bool:
        """Tell whether the call is due."""
        left_ns = self.time_until_next_call()
        return left_ns is not None and left_ns <= 0

    def due_ns(self) -> int | None:
        """Return when it is due; a clock that follows /clock wakes the executor when it goes on."""
        left_ns = self._left_ns()
        is_by_clock = getattr(self.clock, "ros_time_is_active", False)
        return None if is_by_clock and left_ns is not None and left_ns > 0 else left_ns

    def take(self) -> Work | None:
        """Return the call if it is due."""
        left_ns = self._left_ns()
        if left_ns is None or left_ns > 0:
            return None
        period_ns = self.timer_period_ns
        self._next_ns += period_ns * (1 + -left_ns // period_ns) if period_ns else -left_ns
        return self.callback

    def _left_ns(self) -> int | None:
        left_ns = self.time_until_next_call()
        if left_ns is not None and left_ns > self.timer_period_ns:  # the clock was set back
            self.reset()
            left_ns = self.timer_period_ns
        return left_ns

    def _close(self) -> None:
        self.cancel()


class GuardCondition(Endpoint):
    """Calls back after `trigger`, from any thread."""

    def __init__(self, context: Any, callback: Work, callback_group: CallbackGroup) -> None:
        super().__init__(callback_group)
        self.callback = callback
        self.condition = DdsGuardCondition(context.participant)

    def trigger(self) -> None:
        """Let the callback run once."""
        with self._lock:
            if self.condition is None:
                raise InvalidHandle("The guard condition has been destroyed.")
            self.condition.set(True)

    def take(self) -> Work | None:
        """Return the call if it was triggered."""
        with self._lock:
            triggered = self.condition is not None and self.condition.take()
        return self.callback if triggered else None

    def _close(self) -> None:
        if self.condition is not None:
            dds.close(self.condition)
            self.condition = None


def _listener(name: str, topic: str, *, is_publisher: bool) -> Any:
    """Return what warns when a subscription asks for more than a publisher offers."""
    other, does = ("subscription", "requesting") if is_publisher else ("publisher", "offering")
    no = "sent to" if is_publisher else "received from"

    def warn(_: Any, status: Any) -> None:
        policy = _POLICY_NAMES.get(status.last_policy_id, str(status.last_policy_id))
        RcutilsLogger(name).warning(
            f"New {other} discovered on topic '{topic}', {does} incompatible QoS. No messages will "
            f"be {no} it. Last incompatible policy: {policy}"
        )

    event = "offered" if is_publisher else "requested"
    new_listener: Any = Listener  # untyped
    return new_listener(**{f"on_{event}_incompatible_qos": warn})
