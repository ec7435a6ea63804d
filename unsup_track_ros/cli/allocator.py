# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How a process of ours keeps its memory: freed arrays are used again, not asked for anew.

A frame makes and frees some hundred arrays of 1 to 10 MB. By default glibc takes each from the
system and gives it back, and the kernel clears every page of it anew.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

# Numbers of glibc's malloc.h, and what they are set to.
_OPTIONS: Final = {
    -3: 32 << 20,  # M_MMAP_THRESHOLD: smaller blocks come from the heap
    -1: 512 << 20,  # M_TRIM_THRESHOLD: so much free memory stays with the process
    -2: 16 << 20,  # M_TOP_PAD: the heap grows by so much at once
    -8: 1,  # M_ARENA_MAX: all threads share it, so that what one frees serves the others
}


def keep_freed_memory() -> None:
    """Tell the allocator; call before the first large array. Does nothing where it is not glibc."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for option, value in _OPTIONS.items():
        mallopt(ctypes.c_int(option), ctypes.c_int(value))
