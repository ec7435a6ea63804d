# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What mode `improved` adds, each as the parameters that take it out again."""

from __future__ import annotations

from benchmark.runs import Overrides

LEVERS: dict[str, Overrides] = {}
