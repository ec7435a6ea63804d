# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How a process of ours uses its cores: tasks side by side, each on one thread."""

from __future__ import annotations

import os
import sys
from typing import Final

_POOLS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SWITCH_INTERVAL_S: Final = 3e-4


def one_thread_per_task() -> None:
    """Keep numeric libraries from starting threads of their own; call before importing them.

    The arrays of a frame are small: threads inside an operation cost more than they save, wait by
    spinning on the cores that other tasks need, and let the sums depend on the number of cores.
    Tasks side by side hand the interpreter over often: Python lets one wait 5 ms otherwise.
    Whoever wants it otherwise sets the variables.
    """
    for pool in _POOLS:
        os.environ.setdefault(pool, "1")
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
