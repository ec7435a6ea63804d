# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the allocator is told shows in the page faults of a process."""

from __future__ import annotations

import subprocess
import sys

import pytest

_FAULTS_OF_A_HUNDRED_ARRAYS = """
import resource
import numpy as np
{before}
for _ in range(20):
    arrays = [np.ones(1 << 18) for _ in range(8)]
    del arrays
start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    arrays = [np.ones(1 << 18) for _ in range(8)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start)
"""
_KEEP = "from unsup_track_ros.cli.allocator import keep_freed_memory; keep_freed_memory()"


def faults(before: str) -> int:
    code = _FAULTS_OF_A_HUNDRED_ARRAYS.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_arrays_are_used_again() -> None:
    kept, given_back = faults(_KEEP), faults("")

    assert kept < 1000, kept
    assert given_back > 10 * max(kept, 1), given_back
