# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One scored number, and the reason where there is none.

A metric whose truth or whose answer is missing has no value: it is never 0, so a report cannot turn
"was not measured" into "was bad" or, for an error, into "was perfect".
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from unsup_track_ros.errors import DataError


class Pooling(enum.Enum):
    """How the same metric of several recordings becomes one number."""

    MEAN = "mean"
    MAX = "max"
    SUM = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number of a report.

    Attributes:
        key: Dotted name, section first; a part after "@" is the column of a row that is scored at
            several thresholds, for example `detection.tcr.bev.all.frame_mean_ap@0.3`.
        value: The number, None where it could not be measured; never nan.
        unit: SI unit, "px", or empty for ratios and counts.
        pooling: How several recordings are summarised.
        reason: Why there is no value, in one clause; empty otherwise.
    """

    key: str
    value: float | None
    unit: str = ""
    pooling: Pooling = Pooling.MEAN
    reason: str = ""

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise DataError(f"Metric '{self.key}' has no value, so it must state a reason.")
        if self.value is not None and not math.isfinite(self.value):
            raise DataError(
                f"Metric '{self.key}' must be finite, got {self.value}; use 'not_available'."
            )

    @property
    def row(self) -> str:
        """Key without its column."""
        return self._row_and_column()[0]

    @property
    def column(self) -> str:
        """Threshold the row is scored at, else the last part of the key."""
        return self._row_and_column()[1]

    def _row_and_column(self) -> tuple[str, str]:
        row, _, column = self.key.rpartition("@" if "@" in self.key else ".")
        return row, column


def measured(key: str, value: float, unit: str = "", pooling: Pooling = Pooling.MEAN) -> Metric:
    """Wrap a finite number."""
    return Metric(key=key, value=float(value), unit=unit, pooling=pooling)


def not_available(key: str, reason: str, unit: str = "", pooling: Pooling = Pooling.MEAN) -> Metric:
    """State why a metric has no number."""
    return Metric(key=key, value=None, unit=unit, pooling=pooling, reason=reason)


def count(key: str, value: int) -> Metric:
    """Wrap a count; counts of several recordings add up."""
    return measured(key, value, pooling=Pooling.SUM)


def ratio(key: str, part: float, whole: float, reason: str) -> Metric:
    """Divide, or give `reason` where there is nothing to divide by."""
    return measured(key, part / whole) if whole > 0 else not_available(key, reason)
