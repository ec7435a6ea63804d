# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How inner loops over points and rays are compiled: numba, kept on disk (docs/decisions/0025)."""

from __future__ import annotations

import functools
import hashlib
import inspect
import itertools
import logging
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
    """Compile a function that Python and other compiled functions call, when it is first called.

    What it calls must be in files of the same folder: an edit there is then noticed.
    """
    return _jit(function, None, cache=True)


def compiled_for(*signatures: str) -> Callable[[_Function], _Function]:
    """Compile a function for these types of arguments when its module is imported.

    No frame waits for the compiler then, and arguments of other types are refused.

    Args:
        signatures: In numba's notation, as `"int64[::1](float64[:, ::1], float64)"`.
    """
    return lambda function: _jit(function, list(signatures), cache=True)


def read_only(scalar: str, ndim: int = 1, *, strided: bool = False) -> str:
    """Return the notation of an array that a compiled function reads and does not write.

    It takes any contiguous array, or any at all with `strided`, which is slower. One that is
    written as `float32[::1]` refuses an array that must not be written to, like the points of a
    scan that lie in a message's buffer.
    """
    return f"Array({scalar}, {ndim}, '{'A' if strided else 'C'}', True)"


def compiled_inner(function: _Function) -> _Function:
    """Compile a function that only other compiled functions call.

    It cannot be called from Python and has no file of its own in the cache, for it is part of its
    callers' there: that saves a third of the compile time.
    """
    return _jit(function, None, inner=True)


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


_digest_of = functools.cache(sources_digest)


def _jit(
    function: _Function,
    signatures: list[str] | None,
    *,
    cache: bool = False,
    inner: bool = False,
) -> _Function:
    # The test run wraps functions with a check of their annotations, which cannot be compiled.
    bare: Any = inspect.unwrap(function)
    if cache:
        # numba looks at the caller's file only: it would miss an edit in the file of a callee.
        bare.__qualname__ += f"_{_digest_of(Path(inspect.getfile(bare)).parent)}"
    # No fast-math: with it the compiler may reorder sums, and bytes would depend on the machine.
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True}
    if inner:
        options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    try:
        dispatcher = numba.njit(signatures, cache=cache, **options)(bare)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        _say_that_nothing_is_kept()
        dispatcher = numba.njit(signatures, **options)(bare)
    if signatures and dispatcher.stats.cache_misses:
        _say_that_it_takes_a_while()
    return cast(_Function, dispatcher)


@functools.cache
def _say_that_nothing_is_kept() -> None:
    logging.getLogger(__name__).warning(
        "Neither the installed package nor the home folder can be written to: what is compiled "
        "for the inner loops is not kept. Set NUMBA_CACHE_DIR to a folder that can."
    )


@functools.cache
def _say_that_it_takes_a_while() -> None:
    logging.getLogger(__name__).warning(
        "Compiling the inner loops: half a minute, once for this version on this machine."
    )
