# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Health reports to diagnostic_msgs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from unsup_track_ros.ros.convert.basics import to_header
from unsup_track_ros.ros.health import Level, Report

_LEVELS: Final = {
    Level.OK: DiagnosticStatus.OK,
    Level.WARN: DiagnosticStatus.WARN,
    Level.ERROR: DiagnosticStatus.ERROR,
    Level.STALE: DiagnosticStatus.STALE,
}


def to_diagnostics(reports: Sequence[Report], node: str, at_ns: int) -> DiagnosticArray:
    """Build the message of one node: one status per report."""
    return DiagnosticArray(
        header=to_header(at_ns, ""),
        status=[
            DiagnosticStatus(
                level=_LEVELS[report.level],
                name=f"{node}: {report.name}",
                message=report.message,
                hardware_id="unsup_track_ros",
                values=[KeyValue(key=key, value=value) for key, value in report.values.items()],
            )
            for report in reports
        ],
    )
