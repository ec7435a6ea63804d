# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the inner loops of the ray caster are compiled: numba, cached on disk, on all cores."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

# More spans than cores, so that none waits long for the slowest.
_SPANS_PER_CORE = 4

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile a function that Python and other compiled functions call."""
    return _jit(function, cache=True)


def compiled_inner(function: _Function) -> _Function:
    """Compile a function that only other compiled functions call.

    It cannot be called from Python and has no file of its own in the cache, for it is part of its
    callers' there: that saves a third of the compile time.
    """
    return _jit(function, inner=True)


def on_all_cores(work: Callable[[int, int], None], num: int) -> None:
    """Call `work(first, last)` for spans that cover `range(num)`, on all cores at once.

    Threads instead of numba's own loops: those take longer to compile, keep waiting threads busy,
    and on some platforms must not be entered by two threads. What `work` writes for one index must
    not depend on another, so that the answer does not depend on the number of cores.
    """
    cores = os.cpu_count() or 1
    edges = [num * k // (_SPANS_PER_CORE * cores) for k in range(_SPANS_PER_CORE * cores + 1)]
    with ThreadPoolExecutor(cores) as threads:
        for done in [threads.submit(work, *span) for span in itertools.pairwise(edges)]:
            done.result()


def sources_digest(folder: Path) -> str:
    """Return eight letters that change with any Python file of a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:8]


_DIGEST = sources_digest(Path(__file__).parent)


def _jit(function: _Function, *, cache: bool = False, inner: bool = False) -> _Function:
    # The test run wraps functions with a check of their annotations, which cannot be compiled.
    bare: Any = inspect.unwrap(function)
    if cache:
        # numba looks at the caller's file only: it would miss an edit in the file of a callee.
        bare.__qualname__ += f"_{_DIGEST}"
    # No fast-math: with it the compiler may reorder sums, and bytes would depend on the machine.
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True}
    if inner:
        options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast(_Function, numba.njit(cache=cache, **options)(bare))
