# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measurements that take minutes to hours, run by hand: `python -m benchmark.<name> --help`."""

from __future__ import annotations

from unsup_track_ros.cli.allocator import keep_freed_memory
from unsup_track_ros.cli.threads import one_thread_per_task

# Before any numeric library is loaded, as the command line does: the times are those of users.
one_thread_per_task()
keep_freed_memory()
