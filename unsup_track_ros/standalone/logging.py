# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.logging`: loggers with levels, `once`, `skip_first` and throttling, written to stderr."""

from __future__ import annotations

import enum
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, TypeAlias

from unsup_track_ros.standalone.clock import Clock

_FILTERS: Final = ("throttle_duration_sec", "throttle_time_source_type", "skip_first", "once")


class LoggingSeverity(enum.IntEnum):
    """How bad it is."""

    UNSET = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50


_levels: Final[dict[str, LoggingSeverity]] = {"": LoggingSeverity.INFO}
# Stamp in ns, severity, name of the logger, text, frame of the call.
Sink: TypeAlias = Callable[[int, LoggingSeverity, str, str, FrameType], None]
_sinks: Final[dict[str, Sink]] = {}
_lock: Final = threading.Lock()
# Modules between a logging call and whoever made it; in tests, those that check types too.
_BETWEEN: Final = (__name__, "jaxtyping.", "beartype.")


class RcutilsLogger:
    """A named logger; `a.b` inherits the level of `a`."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._called: dict[tuple[str, int, int], float] = {}

    def get_child(self, name: str) -> RcutilsLogger:
        """Return the logger `<this>.<name>`."""
        if not name:
            raise ValueError("Child logger name must not be empty.")
        return RcutilsLogger(f"{self.name}.{name}" if self.name else name)

    def set_level(self, level: int) -> None:
        """Log only what is at least this bad."""
        set_logger_level(self.name, level)

    def get_effective_level(self) -> LoggingSeverity:
        """Return the level that holds here."""
        return get_logger_effective_level(self.name)

    def is_enabled_for(self, severity: int) -> bool:
        """Tell whether something this bad would be logged."""
        return severity >= self.get_effective_level()

    def log(self, message: object, severity: int, **filters: Any) -> bool:
        """Log a message and tell whether it passed.

        Args:
            message: Text.
            severity: How bad it is.
            filters: `once`, `skip_first`, `throttle_duration_sec` (with a `Clock` as
                `throttle_time_source_type`), each kept for the calling line.
        """
        unknown = filters.keys() - set(_FILTERS)
        if unknown:
            raise TypeError(
                f'parameter "{unknown.pop()}" is not one of the recognized logging options '
                f'"{list(_FILTERS)}"'
            )
        level = LoggingSeverity(severity)
        caller = _caller()
        if not self.is_enabled_for(level) or not self._passes(caller, filters):
            return False
        _write(self.name, level, str(message), caller)
        return True

    def debug(self, message: object, **filters: Any) -> bool:
        """Log something that helps developers."""
        return self.log(message, LoggingSeverity.DEBUG, **filters)

    def info(self, message: object, **filters: Any) -> bool:
        """Log something that is as it should be."""
        return self.log(message, LoggingSeverity.INFO, **filters)

    def warning(self, message: object, **filters: Any) -> bool:
        """Log something that may be wrong."""
        return self.log(message, LoggingSeverity.WARN, **filters)

    warn = warning

    def error(self, message: object, **filters: Any) -> bool:
        """Log something that failed."""
        return self.log(message, LoggingSeverity.ERROR, **filters)

    def fatal(self, message: object, **filters: Any) -> bool:
        """Log the end."""
        return self.log(message, LoggingSeverity.FATAL, **filters)

    def _passes(self, frame: FrameType, filters: dict[str, Any]) -> bool:
        if not any(filters.values()):
            return True
        line = (frame.f_code.co_filename, frame.f_lineno, frame.f_lasti)
        clock = filters.get("throttle_time_source_type")
        source = clock if clock is not None else Clock()
        now_s = source.now().nanoseconds / 1e9
        with _lock:
            last_s = self._called.get(line)
            if filters.get("once") and last_s is not None:
                return False
            if last_s is not None and now_s < last_s + filters.get("throttle_duration_sec", 0.0):
                return now_s < last_s - 1.0  # the clock was set back
            self._called[line] = now_s
            return not (filters.get("skip_first") and last_s is None)


def get_logger(name: str) -> RcutilsLogger:
    """Return the logger of a name."""
    if not name:
        raise ValueError("Logger name must not be empty.")
    return RcutilsLogger(name)


def set_logger_level(name: str, level: int) -> None:
    """Set the level of a logger; the empty name is the default of all."""
    _levels[name] = LoggingSeverity(level)


def get_logger_effective_level(name: str) -> LoggingSeverity:
    """Return the level that holds for a logger: its own or that of the nearest parent."""
    while name and not _levels.get(name):
        name = name.rpartition(".")[0]
    return _levels[name]


def get_logging_severity_from_string(text: str) -> LoggingSeverity:
    """Return the severity of a name such as `warn`."""
    try:
        return LoggingSeverity[text.upper()]
    except KeyError:
        raise RuntimeError(f"Failed to get log severity from '{text}'") from None


def set_sink(name: str, sink: Sink | None) -> None:
    """Send what a logger and its children say to /rosout too; None ends it."""
    if sink is None:
        _sinks.pop(name, None)
    else:
        _sinks[name] = sink


def _write(name: str, level: LoggingSeverity, message: str, caller: FrameType) -> None:
    now_ns = time.time_ns()
    stamp = f"{now_ns // 1_000_000_000}.{now_ns % 1_000_000_000:09d}"
    sys.stderr.write(f"[{level.name}] [{stamp}] [{name}]: {message}\n")
    sys.stderr.flush()
    for sink_name, sink in list(_sinks.items()):
        if name == sink_name or name.startswith(f"{sink_name}."):
            sink(now_ns, level, name, message, caller)


def _caller() -> FrameType:
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_BETWEEN):
        frame = frame.f_back
    return frame
