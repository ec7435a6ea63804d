# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`tf2_ros`: the buffer, its listener and the broadcasters, over the project's own transform tree.

The words of the exceptions are tf2's. One divergence: a frame that is published under a second
parent keeps its first one, where tf2 follows the newest message.
"""

from __future__ import annotations

import threading
import time as wall
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from unsup_track_ros.data.message_encoding import encode_transform
from unsup_track_ros.data.transforms import (
    NotConnectedError,
    OutsideKnownTimeError,
    TransformConfig,
    TransformTooOldError,
    TransformTree,
    UnknownFrameError,
)
from unsup_track_ros.errors import TransformError
from unsup_track_ros.standalone.clock import Clock, JumpThreshold, TimeJump
from unsup_track_ros.standalone.logging import get_logger
from unsup_track_ros.standalone.messages import message_class
from unsup_track_ros.standalone.qos import DurabilityPolicy, QoSProfile
from unsup_track_ros.standalone.task import Future, ReentrantCallbackGroup
from unsup_track_ros.standalone.time import Duration, Time

_TFMessage: Final = message_class("tf2_msgs/msg/TFMessage")
_TransformStamped: Final = message_class("geometry_msgs/msg/TransformStamped")
_CACHE_S: Final = 10.0
_POLL_S: Final = 0.02
_MOVING: Final = QoSProfile(depth=100)
_STATIC: Final = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_LATCHED: Final = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class TransformException(Exception):
    """Base of what a buffer raises."""


class LookupException(TransformException):
    """A frame has never been heard of."""


class ConnectivityException(TransformException):
    """No transforms join two frames."""


class ExtrapolationException(TransformException):
    """A transform is not known at that time."""


class InvalidArgumentException(TransformException):
    """That is no name of a frame."""


class TimeoutException(TransformException):
    """It took too long."""


class Buffer:
    """Transforms of the last seconds, and lookups at any time in them.

    With `node=` it is emptied when the node's clock is set back, as by a bag that starts anew.
    """

    def __init__(self, cache_time: Duration | None = None, node: Any = None) -> None:
        cache_s = _CACHE_S if cache_time is None else cache_time.nanoseconds / 1e9
        self._tree = TransformTree(TransformConfig(buffer_s=cache_s))
        self._lock = threading.RLock()
        self._waiting: list[Callable[[], bool]] = []
        self.clock: Clock = node.get_clock() if node is not None else Clock()
        back = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1))
        self._jumps = self.clock.create_jump_callback(back, post_callback=self._jumped)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._tree.clear()

    def set_transform(self, transform: Any, authority: str) -> None:
        """Add a transform."""
        self._insert(transform, authority, static=False)

    def set_transform_static(self, transform: Any, authority: str) -> None:
        """Add a transform that holds at all times."""
        self._insert(transform, authority, static=True)

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration | None = None
    ) -> Any:
        """Return the transform that moves points from source to target; time 0 is the newest.

        Raises:
            LookupException: A frame is unknown.
            ConnectivityException: Nothing joins the frames.
            ExtrapolationException: A link is not known at that time.
            InvalidArgumentException: A name is empty or begins with a slash.
        """
        return self._wait(lambda: self._look_up(target_frame, source_frame, time), timeout)

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration | None = None,
    ) -> Any:
        """Return the transform between two times, through a frame that stands still meanwhile."""
        asked = (target_frame, target_time, source_frame, source_time, fixed_frame)
        return self._wait(lambda: self._look_up_full(*asked), timeout)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration | None = None,
        return_debug_tuple: bool = False,
    ) -> Any:
        """Tell whether a lookup would succeed, with the reason if wanted."""
        try:
            self.lookup_transform(target_frame, source_frame, time, timeout)
        except TransformException as error:
            return (False, str(error)) if return_debug_tuple else False
        return (True, "") if return_debug_tuple else True

    def wait_for_transform_async(self, target_frame: str, source_frame: str, time: Time) -> Future:
        """Return the transform to come, which never blocks whoever spins."""
        future = Future()

        def attempt() -> bool:
            try:
                future.set_result(self._look_up(target_frame, source_frame, time))
            except TransformException:
                return future.cancelled()
            return True

        with self._lock:
            if not attempt():
                self._waiting.append(attempt)
        return future

    def _jumped(self, _: TimeJump) -> None:
        get_logger("tf2_buffer").warning("Detected jump back in time. Clearing tf buffer.")
        self.clear()

    def _insert(self, transform: Any, authority: str, *, static: bool) -> None:
        del authority  # tf2 uses it in warnings
        with self._lock:
            self._tree.insert_message(_TFMessage(transforms=[transform]), static=static)
            self._waiting = [attempt for attempt in self._waiting if not attempt()]

    def _wait(self, look_up: Callable[[], Any], timeout: Duration | None) -> Any:
        """Try until it succeeds or the time is over; blocks, as tf2 does."""
        end_s = wall.monotonic() + (timeout.nanoseconds / 1e9 if timeout is not None else 0.0)
        while wall.monotonic() < end_s:
            with suppress(LookupException, ConnectivityException, ExtrapolationException):
                return look_up()
            wall.sleep(_POLL_S)
        return look_up()

    def _look_up(self, target: str, source: str, time: Time) -> Any:
        with self._lock:
            self._check("lookupTransform", target_frame=target, source_frame=source)
            stamp = time.nanoseconds or self._tree.newest_common_stamp(target, source)
            try:
                target_T_source = self._tree.lookup(target, source, stamp)
            except TransformError as error:
                raise _tf2_error(error, target, source, stamp) from error
        return _message(target, source, stamp, target_T_source)

    def _look_up_full(
        self, target: str, target_time: Time, source: str, source_time: Time, fixed: str
    ) -> Any:
        with self._lock:
            names = {"target_frame": target, "source_frame": source, "fixed_frame": fixed}
            self._check("lookupTransform", **names)
            stamps = [
                time.nanoseconds or self._tree.newest_common_stamp(frame, fixed)
                for frame, time in ((target, target_time), (source, source_time))
            ]
            at = stamps[0]
            try:
                target_T_source = self._tree.lookup_between(
                    (target, stamps[0]), (source, stamps[1]), fixed
                )
            except TransformError as error:
                raise _tf2_error(error, target, source, at) from error
        return _message(target, source, at, target_T_source)

    def _check(self, asked: str, **names: str) -> None:
        for argument, name in names.items():
            where = f"passed to {asked} argument {argument}"
            if not name:
                raise InvalidArgumentException(
                    f"Invalid argument {where} - in tf2 frame_ids cannot be empty"
                )
            if name.startswith("/"):
                raise InvalidArgumentException(
                    f'Invalid argument "{name}" {where} - in tf2 frame_ids cannot start with a '
                    "'/'"
                )
            if name not in self._tree:
                raise LookupException(f'"{name}" {where} does not exist. ')


class TransformListener:
    """Fills a buffer from /tf and /tf_static."""

    def __init__(
        self, buffer: Buffer, node: Any, *, qos: Any = None, static_qos: Any = None
    ) -> None:
        self.buffer, self.node = buffer, node
        group = ReentrantCallbackGroup()
        self.tf_sub = node.create_subscription(
            _TFMessage, "/tf", self.callback, qos or _MOVING, callback_group=group
        )
        self.tf_static_sub = node.create_subscription(
            _TFMessage, "/tf_static", self.static_callback, static_qos or _STATIC,
            callback_group=group,
        )  # fmt: skip

    def unregister(self) -> None:
        """Listen no more."""
        self.node.destroy_subscription(self.tf_sub)
        self.node.destroy_subscription(self.tf_static_sub)

    def callback(self, data: Any) -> None:
        """Add the transforms of a message."""
        for transform in data.transforms:
            self.buffer.set_transform(transform, "default_authority")

    def static_callback(self, data: Any) -> None:
        """Add the transforms of a message, for all times."""
        for transform in data.transforms:
            self.buffer.set_transform_static(transform, "default_authority")


class TransformBroadcaster:
    """Publishes transforms on /tf."""

    def __init__(self, node: Any, qos: Any = None) -> None:
        self.pub_tf = node.create_publisher(_TFMessage, "/tf", qos or _MOVING)

    def sendTransform(self, transform: Any) -> None:
        """Publish one transform or several."""
        self.pub_tf.publish(_TFMessage(transforms=_listed(transform)))


class StaticTransformBroadcaster:
    """Publishes transforms that hold for ever; the topic's one message holds all of them."""

    def __init__(self, node: Any, qos: Any = None) -> None:
        self.pub_tf = node.create_publisher(_TFMessage, "/tf_static", qos or _LATCHED)
        self._sent: dict[str, Any] = {}

    def sendTransform(self, transform: Any) -> None:
        """Publish one transform or several; the first of a child frame counts."""
        for one in _listed(transform):
            self._sent.setdefault(one.child_frame_id, one)
        self.pub_tf.publish(_TFMessage(transforms=list(self._sent.values())))


def _listed(transform: Any) -> list[Any]:
    return list(transform) if isinstance(transform, Iterable) else [transform]


def _message(target: str, source: str, stamp: int, target_T_source: Any) -> Any:
    """Fill our message class from the one that the project writes."""
    made, written = _TransformStamped(), encode_transform(target, source, stamp, target_T_source)
    made.header.frame_id, made.child_frame_id = target, source
    made.header.stamp = Time(nanoseconds=stamp).to_msg()
    for part in ("translation", "rotation"):
        for axis in ("x", "y", "z", "w")[: 4 if part == "rotation" else 3]:
            value = getattr(getattr(written.transform, part), axis)
            setattr(getattr(made.transform, part), axis, float(value))
    return made


def _tf2_error(error: TransformError, target: str, source: str, stamp: int) -> TransformException:
    if isinstance(error, UnknownFrameError):
        return LookupException(str(error))
    if isinstance(error, NotConnectedError):
        return ConnectivityException(
            f"Could not find a connection between '{target}' and '{source}' because they are not "
            "part of the same tree.Tf has two or more unconnected trees."
        )
    if not isinstance(error, OutsideKnownTimeError):
        return TransformException(str(error))
    asked, known = f"{stamp / 1e9:.6f}", f"{error.limit_ns / 1e9:.6f}"
    if error.is_single:
        return ExtrapolationException(
            f"Lookup would require extrapolation at time {asked}, but only time {known} is in the "
            f"buffer, when looking up transform from frame [{source}] to frame [{target}]"
        )
    into, end = (
        ("past", "earliest") if isinstance(error, TransformTooOldError) else ("future", "latest")
    )
    return ExtrapolationException(
        f"Lookup would require extrapolation into the {into}.  Requested time {asked} but the "
        f"{end} data is at time {known}, when looking up transform from frame [{source}] to frame "
        f"[{target}]"
    )
