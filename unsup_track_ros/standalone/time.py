# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.time`, `rclpy.duration`, `rclpy.clock_type`: points in time and the spans between them."""

from __future__ import annotations

import enum
import functools
from typing import Any, Final

from unsup_track_ros.standalone.messages import message_class

NANOSECONDS: Final = 1_000_000_000
_LIMIT: Final = 1 << 63
TimeMessage: Final = message_class("builtin_interfaces/msg/Time")
DurationMessage: Final = message_class("builtin_interfaces/msg/Duration")


class ClockType(enum.IntEnum):
    """Which clock a time was read from."""

    ROS_TIME = 1
    SYSTEM_TIME = 2
    STEADY_TIME = 3


@functools.total_ordering
class Duration:
    """A span of time in nanoseconds."""

    __slots__ = ("nanoseconds",)

    def __init__(self, *, seconds: float = 0, nanoseconds: float = 0) -> None:
        self.nanoseconds = int(seconds * NANOSECONDS) + int(nanoseconds)
        if not -_LIMIT <= self.nanoseconds < _LIMIT:
            raise OverflowError("Total nanoseconds value is too large to store in C duration.")

    def __repr__(self) -> str:
        return f"Duration(nanoseconds={self.nanoseconds})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self.nanoseconds == other.nanoseconds

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self.nanoseconds < other.nanoseconds

    __hash__ = None  # type: ignore[assignment]  # as rclpy's

    def to_msg(self) -> Any:
        """Return it as builtin_interfaces/Duration."""
        seconds, nanoseconds = divmod(self.nanoseconds, NANOSECONDS)
        return DurationMessage(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: Any) -> Duration:
        """Return the duration that a message holds."""
        if not isinstance(msg, DurationMessage):
            raise TypeError("Must pass a builtin_interfaces.msg.Duration object")
        return cls(nanoseconds=msg.sec * NANOSECONDS + msg.nanosec)


Infinite: Final = Duration(nanoseconds=_LIMIT - 1)


@functools.total_ordering
class Time:
    """A point in time of one clock, in nanoseconds since its epoch."""

    __slots__ = ("clock_type", "nanoseconds")

    def __init__(
        self,
        *,
        seconds: float = 0,
        nanoseconds: float = 0,
        clock_type: ClockType = ClockType.SYSTEM_TIME,
    ) -> None:
        if not isinstance(clock_type, ClockType):
            raise TypeError("Clock type must be a ClockType enum")
        if seconds < 0:
            raise ValueError("Seconds value must not be negative")
        if nanoseconds < 0:
            raise ValueError("Nanoseconds value must not be negative")
        self.nanoseconds = int(seconds * NANOSECONDS) + int(nanoseconds)
        self.clock_type = clock_type
        if self.nanoseconds >= _LIMIT:
            raise OverflowError("Total nanoseconds value is too large to store in C time point.")

    def seconds_nanoseconds(self) -> tuple[int, int]:
        """Return whole seconds and the rest in nanoseconds."""
        return divmod(self.nanoseconds, NANOSECONDS)

    def __repr__(self) -> str:
        return f"Time(nanoseconds={self.nanoseconds}, clock_type={self.clock_type.name})"

    def __add__(self, other: Duration) -> Time:
        if not isinstance(other, Duration):
            return NotImplemented
        return Time(nanoseconds=self.nanoseconds + other.nanoseconds, clock_type=self.clock_type)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Time):
            if self.clock_type != other.clock_type:
                raise TypeError("Can't subtract times with different clock types")
            return Duration(nanoseconds=self.nanoseconds - other.nanoseconds)
        if isinstance(other, Duration):
            left = self.nanoseconds - other.nanoseconds
            if left < 0:
                raise ValueError("Subtraction leads to negative time.")
            return Time(nanoseconds=left, clock_type=self.clock_type)
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        return self.nanoseconds == self._comparable_ns(other)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        return self.nanoseconds < self._comparable_ns(other)

    __hash__ = None  # type: ignore[assignment]  # as rclpy's

    def _comparable_ns(self, other: Time) -> int:
        if self.clock_type != other.clock_type:
            raise TypeError("Can't compare times with different clock types")
        return other.nanoseconds

    def to_msg(self) -> Any:
        """Return it as builtin_interfaces/Time."""
        seconds, nanoseconds = self.seconds_nanoseconds()
        return TimeMessage(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: Any, clock_type: ClockType = ClockType.ROS_TIME) -> Time:
        """Return the time that a message holds."""
        if not isinstance(msg, TimeMessage):
            raise TypeError("Must pass a builtin_interfaces.msg.Time object")
        return cls(nanoseconds=msg.sec * NANOSECONDS + msg.nanosec, clock_type=clock_type)
