# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.clock`: clocks, and callbacks for the jumps of simulated time."""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unsup_track_ros.standalone.time import ClockType, Duration, Time


class ClockChange(enum.IntEnum):
    """Whether the source of ROS time changed at a jump."""

    ROS_TIME_NO_CHANGE = 1
    ROS_TIME_ACTIVATED = 2
    ROS_TIME_DEACTIVATED = 3
    SYSTEM_TIME_NO_CHANGE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpThreshold:
    """Which jumps a callback wants to hear of; None leaves a direction out."""

    min_forward: Duration | None
    min_backward: Duration | None
    on_clock_change: bool = True

    def __post_init__(self) -> None:
        if self.min_forward is not None and self.min_forward.nanoseconds <= 0:
            raise ValueError("min_forward must be a positive non-zero duration")
        if self.min_backward is not None and self.min_backward.nanoseconds >= 0:
            raise ValueError("min_backward must be a negative non-zero duration")
        if not (self.min_forward or self.min_backward or self.on_clock_change):
            raise ValueError("At least one jump threshold must be enabled")

    def is_exceeded(self, jump: TimeJump) -> bool:
        """Tell whether a jump is one of those."""
        if jump.clock_change in (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED):
            return self.on_clock_change
        forward, backward = self.min_forward, self.min_backward
        return (forward is not None and jump.delta >= forward) or (
            backward is not None and jump.delta <= backward
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeJump:
    """What changed."""

    clock_change: ClockChange
    delta: Duration


class JumpHandle:
    """A registered callback; `unregister` ends it."""

    def __init__(
        self,
        clock: Clock,
        threshold: JumpThreshold,
        pre_callback: Callable[[], Any] | None,
        post_callback: Callable[[TimeJump], Any] | None,
    ) -> None:
        if pre_callback is None and post_callback is None:
            raise ValueError("One of pre_callback or post_callback must be callable")
        self.clock = clock
        self.threshold = threshold
        self.pre_callback = pre_callback
        self.post_callback = post_callback

    def unregister(self) -> None:
        """Call back no more."""
        with self.clock._lock:
            if self in self.clock._handles:
                self.clock._handles.remove(self)


class Clock:
    """A clock of one type; `Clock(clock_type=ClockType.ROS_TIME)` makes a `ROSClock`."""

    def __new__(cls, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> Clock:
        """Choose the class."""
        return super().__new__(ROSClock if clock_type is ClockType.ROS_TIME else cls)

    def __init__(self, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        if not isinstance(clock_type, ClockType):
            raise TypeError("Clock type must be a ClockType enum")
        self.clock_type = clock_type
        self._handles: list[JumpHandle] = []
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"Clock(clock_type={self.clock_type.name})"

    def now(self) -> Time:
        """Return the time of this clock."""
        return Time(nanoseconds=self._now_ns(), clock_type=self.clock_type)

    def create_jump_callback(
        self,
        threshold: JumpThreshold,
        *,
        pre_callback: Callable[[], Any] | None = None,
        post_callback: Callable[[TimeJump], Any] | None = None,
    ) -> JumpHandle:
        """Call back before and after jumps beyond a threshold."""
        handle = JumpHandle(self, threshold, pre_callback, post_callback)
        with self._lock:
            self._handles.append(handle)
        return handle

    def _now_ns(self) -> int:
        return time.monotonic_ns() if self.clock_type is ClockType.STEADY_TIME else time.time_ns()


class ROSClock(Clock):
    """The clock of a node: system time, or what /clock says while `use_sim_time` is set."""

    def __new__(cls) -> ROSClock:
        """Make a clock of type ROS_TIME."""
        return object.__new__(cls)

    def __init__(self, *, clock_type: ClockType = ClockType.ROS_TIME) -> None:
        super().__init__(clock_type=clock_type)
        self._override_ns: int | None = None
        self._last_override_ns = 0

    @property
    def ros_time_is_active(self) -> bool:
        """Whether the clock follows `set_ros_time_override`."""
        return self._override_ns is not None

    def set_ros_time_override(self, time: Time) -> None:
        """Set the time; takes effect while ROS time is active."""
        if time.clock_type is not ClockType.ROS_TIME:
            raise TypeError("Time must have clock_type of ROS_TIME")
        with self._lock:
            if self._override_ns is not None:
                self._jump(ClockChange.ROS_TIME_NO_CHANGE, time.nanoseconds)
            self._last_override_ns = time.nanoseconds

    def _set_ros_time_is_active(self, enabled: bool) -> None:
        with self._lock:
            if enabled and self._override_ns is None:
                self._jump(ClockChange.ROS_TIME_ACTIVATED, self._last_override_ns)
            elif not enabled and self._override_ns is not None:
                self._jump(ClockChange.ROS_TIME_DEACTIVATED, None)

    def _jump(self, change: ClockChange, override_ns: int | None) -> None:
        before_ns = self._now_ns()
        after_ns = time.time_ns() if override_ns is None else override_ns
        jump = TimeJump(clock_change=change, delta=Duration(nanoseconds=after_ns - before_ns))
        told = [handle for handle in self._handles if handle.threshold.is_exceeded(jump)]
        for handle in told:
            if handle.pre_callback is not None:
                handle.pre_callback()
        self._override_ns = override_ns
        for handle in told:
            if handle.post_callback is not None:
                handle.post_callback(jump)

    def _now_ns(self) -> int:
        return time.time_ns() if self._override_ns is None else self._override_ns
