# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the cross-check of TF, LiDAR and camera said over a whole recording."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from unsup_track_ros.structures.consistency import ConsistencyFinding, ConsistencyQuantity
from unsup_track_ros.structures.labels import FrameLabel

TABLE_HEADER: Final = ("quantity", "status", "value", "deviation", "frames", "frames in alarm")
_DECIMALS: Final = 6
# How people read a unit: factor, name, decimals.
_SHOWN: Final = {
    "s": (1e3, "ms", 0),
    "rad": (180.0 / math.pi, "deg", 2),
    "m": (1.0, "m", 2),
    "": (100.0, "%", 1),
}


class ConsistencyHistory:
    """The latest finding on each quantity, and every alarm on the way."""

    def __init__(self) -> None:
        self._latest: dict[ConsistencyQuantity, ConsistencyFinding] = {}
        self._last_alarm: dict[ConsistencyQuantity, ConsistencyFinding] = {}
        self._alarm_frames: Counter[ConsistencyQuantity] = Counter()
        self._jumps: dict[int, ConsistencyFinding] = {}

    def add(self, label: FrameLabel) -> None:
        """Take note of one frame."""
        if label.consistency is None:
            return
        for finding in label.consistency.findings:
            self._latest[finding.quantity] = finding
        for finding in label.consistency.alarms:
            self._alarm_frames[finding.quantity] += 1
            self._last_alarm[finding.quantity] = finding
            if finding.quantity is ConsistencyQuantity.ODOM_JUMP:
                self._jumps[finding.stamp_ns] = finding

    @property
    def warnings(self) -> tuple[str, ...]:
        """The sentence of the last alarm on each quantity, of each jump its own."""
        return tuple(
            finding.sentence
            for quantity, last in self._last_alarm.items()
            for finding in (
                self._jumps.values() if quantity is ConsistencyQuantity.ODOM_JUMP else [last]
            )
        )

    def content(self) -> dict[str, Any]:
        """Return plain, rounded values by quantity."""
        return {quantity.value: self._entry(finding) for quantity, finding in self._latest.items()}

    def _entry(self, finding: ConsistencyFinding) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "status": finding.status.value,
            "value": _rounded(finding.value),
            "sigma": _rounded(finding.sigma),
            "unit": finding.unit,
            "frames": finding.num_frames,
            "alarm_frames": self._alarm_frames[finding.quantity],
            "sentence": finding.sentence,
        }
        if finding.quantity is ConsistencyQuantity.ODOM_JUMP:
            entry["jumps"] = [
                {"stamp_ns": stamp_ns, "value": _rounded(jump.value)}
                for stamp_ns, jump in self._jumps.items()
            ]
        return entry


def table_rows(content: Mapping[str, Mapping[str, Any]]) -> Sequence[Sequence[str]]:
    """Return the rows of the report from what `ConsistencyHistory.content` wrote."""
    return [
        [
            name.replace("_", " "),
            entry["status"],
            _shown(entry["value"], entry["unit"]),
            _shown(entry["sigma"], entry["unit"]),
            str(entry["frames"]),
            str(entry["alarm_frames"]),
        ]
        for name, entry in content.items()
    ]


def _rounded(value: float) -> float | None:
    return round(value, _DECIMALS) + 0.0 if math.isfinite(value) else None


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    factor, name, decimals = _SHOWN[unit]
    return f"{value * factor:.{decimals}f} {name}"
