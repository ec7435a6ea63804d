# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the inner loops of the ray caster are compiled: numba, cached on disk, on all cores."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile a function of one point that Python and other compiled functions call."""
    return _jit(function, cache=True)


def compiled_inner(function: _Function) -> _Function:
    """Compile a function that only other compiled functions call.

    It cannot be called from Python and has no file of its own in the cache, for it is part of its
    callers' there: that saves a third of the compile time.
    """
    return _jit(function, inner=True)


def compiled_parallel(function: _Function) -> _Function:
    """Compile a loop over `numba.prange` to run on all cores.

    Its iterations must be independent, so that the answer does not depend on the number of cores.
    Arrays that it writes must be local names outside the loop: members of a tuple are copied.
    """
    return _jit(function, cache=True, parallel=True)


def _jit(
    function: _Function, *, cache: bool = False, parallel: bool = False, inner: bool = False
) -> _Function:
    # The test run wraps functions with a check of their annotations, which cannot be compiled.
    bare = inspect.unwrap(function)
    # No fast-math: with it the compiler may reorder sums, and bytes would depend on the machine.
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True}
    if inner:
        options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast(_Function, numba.njit(cache=cache, parallel=parallel, **options)(bare))
