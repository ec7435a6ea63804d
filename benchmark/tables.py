# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Markdown tables and the line that says what they were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import torch

from unsup_track_ros import __version__


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table: text on the left, numbers on the right."""
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows])


def number(value: float | None, decimals: int = 3, unit: str = "") -> str:
    """Write a number, n/a where there is none."""
    if value is None:
        return "n/a"
    return f"{value:.{decimals}f}" + (f" {unit}" if unit else "")


def judged(value: float | None, is_met: bool, decimals: int = 3) -> str:
    """Write a number and whether it meets its bar."""
    if value is None:
        return "n/a"
    return f"{number(value, decimals)} {'met' if is_met else 'MISSED'}"


def share(part: float | None, whole: float | None) -> str:
    """Write a part of a count as a percentage, n/a where there is nothing to divide by."""
    return f"{part / whole:.0%}" if part is not None and whole else "n/a"


def hardware(device: str) -> str:
    """Name processor or GPU, cores and versions."""
    name = torch.cuda.get_device_name() if device == "cuda" else _processor()
    return (
        f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, PyTorch "
        f"{torch.__version__}, unsup_track_ros {__version__}."
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
