# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How a node is doing: rates, ages, drops by reason, complaints. No ROS in here."""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

_WINDOW: Final = 100
_SILENT_S: Final = 2.0


class Level(enum.IntEnum):
    """How bad it is, in the order of diagnostic_msgs."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One line of diagnostics.

    Attributes:
        name: What it is about.
        level: How bad it is.
        message: One sentence.
        values: Details by name.
    """

    name: str
    level: Level
    message: str
    values: Mapping[str, str] = field(default_factory=dict)


class Rate:
    """Rate and age of events, over the last hundred of them."""

    def __init__(self) -> None:
        self._times_s: deque[float] = deque(maxlen=_WINDOW)

    def add(self, now_s: float) -> None:
        """Count one."""
        self._times_s.append(now_s)

    def hz(self, now_s: float) -> float:
        """Return events per second, 0 after a silence."""
        if len(self._times_s) < 2 or self.age_s(now_s) > _SILENT_S:
            return 0.0
        span_s = self._times_s[-1] - self._times_s[0]
        return (len(self._times_s) - 1) / span_s if span_s > 0 else 0.0

    def age_s(self, now_s: float) -> float:
        """Return the time since the last event, infinite before the first."""
        return now_s - self._times_s[-1] if self._times_s else float("inf")


class Durations:
    """Percentiles of the last hundred durations."""

    def __init__(self) -> None:
        self._values_s: deque[float] = deque(maxlen=_WINDOW)

    def add(self, duration_s: float) -> None:
        """Note one."""
        self._values_s.append(duration_s)

    def milliseconds(self) -> dict[str, str]:
        """Return median and 95th percentile in words."""
        if not self._values_s:
            return {}
        half, most = np.percentile(np.array(self._values_s), [50, 95]) * 1000
        return {"median": f"{half:.1f} ms", "95 %": f"{most:.1f} ms"}


class InputHealth:
    """What comes in, by topic."""

    def __init__(self, needed: Iterable[str], wanted: Iterable[str]) -> None:
        """Name the topics.

        Args:
            needed: Without these there is no output.
            wanted: Without these there is less.
        """
        self._needed = tuple(needed)
        self._rates = {name: Rate() for name in (*self._needed, *wanted)}

    def received(self, topic: str, now_s: float) -> None:
        """Count a message."""
        if topic in self._rates:
            self._rates[topic].add(now_s)

    def report(
        self,
        drops: Mapping[tuple[str, str], int],
        now_s: float,
        is_published: Callable[[str], bool],
    ) -> Report:
        """Say which topics are silent and why, and what was dropped why.

        Args:
            drops: Number of messages by topic and reason.
            now_s: Time on a steady clock.
            is_published: Whether a topic has a publisher.
        """
        silent = [name for name, rate in self._rates.items() if rate.age_s(now_s) > _SILENT_S]
        lost = [name for name in silent if name in self._needed]
        if silent:
            level = Level.ERROR if lost else Level.WARN
            message = " ".join(_silence(name, is_published(name)) for name in lost or silent)
        else:
            level, message = Level.OK, "All inputs are there."
        values = {f"rate of {n}": f"{r.hz(now_s):.1f} Hz" for n, r in self._rates.items()}
        return Report(
            name="inputs", level=level, message=message, values=values | drop_values(drops)
        )


def _silence(topic: str, is_published: bool) -> str:
    if not is_published:
        return f"Nothing comes from {topic}: nobody publishes it."
    return (
        f"Nothing comes from {topic} although it is published: its publisher is silent, its "
        "quality of service does not fit, or the network loses it (docs/ros.md, 'Large clouds')."
    )


def drop_values(drops: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """Return the counts of what was dropped, by input and reason."""
    return {f"dropped of {name}, {reason}": str(n) for (name, reason), n in sorted(drops.items())}


class OutputHealth:
    """What goes out: rate, processing time, age, and frames that failed."""

    def __init__(self) -> None:
        self.drops: Counter[tuple[str, str]] = Counter()
        self._rate = Rate()
        self._processing, self._latency = Durations(), Durations()
        self._delay_s = 0.0
        self._complaint = ""
        self._complained_s = float("-inf")

    def published(self, now_s: float, processing_s: float, latency_s: float) -> None:
        """Note one result.

        Args:
            now_s: Time on a steady clock.
            processing_s: Duration of the stages.
            latency_s: Age of the sensor data, on the clock of the stamps.
        """
        self._rate.add(now_s)
        self._processing.add(processing_s)
        self._latency.add(latency_s)
        self._delay_s = latency_s

    def failed(self, reason: str, complaint: str, now_s: float) -> None:
        """Note a frame that gave no result."""
        self.drops["frames", reason] += 1
        self._complaint, self._complained_s = complaint, now_s

    def report(self, warn_s: float, error_s: float, device: str, now_s: float) -> Report:
        """Say whether results come, and in time."""
        age_s = self._rate.age_s(now_s)
        if now_s - self._complained_s < _SILENT_S:
            level, message = Level.ERROR, self._complaint
        elif age_s == float("inf"):
            level, message = Level.WARN, "There is no result yet."
        elif age_s > _SILENT_S:
            level, message = Level.WARN, f"The last result is {age_s:.1f} s old."
        elif self._delay_s > warn_s:
            level = Level.ERROR if self._delay_s > error_s else Level.WARN
            message = (
                f"Results are {self._delay_s:.2f} s behind their stamps: the machine is too slow, "
                "the sensors' clock is off, or a recording is played without use_sim_time."
            )
        else:
            level, message = Level.OK, "Results come in time."
        values = {"rate": f"{self._rate.hz(now_s):.1f} Hz", "device": device}
        values |= {f"processing, {k}": v for k, v in self._processing.milliseconds().items()}
        values |= {f"latency, {k}": v for k, v in self._latency.milliseconds().items()}
        return Report(
            name="results", level=level, message=message, values=values | drop_values(self.drops)
        )
