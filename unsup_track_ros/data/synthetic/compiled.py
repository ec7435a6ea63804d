# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the inner loops of the ray caster are compiled: numba, cached on disk, on all cores."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile a function that other compiled functions call for one ray or pixel."""
    return _jit(function, parallel=False)


def compiled_parallel(function: _Function) -> _Function:
    """Compile a loop over `numba.prange` to run on all cores.

    Its iterations must be independent, so that the answer does not depend on the number of cores.
    """
    return _jit(function, parallel=True)


def _jit(function: _Function, *, parallel: bool) -> _Function:
    # The test run wraps functions with a check of their annotations, which cannot be compiled.
    bare = inspect.unwrap(function)
    # No fast-math: with it the compiler may reorder sums, and bytes would depend on the machine.
    jit = numba.njit(cache=True, parallel=parallel, error_model="numpy", nogil=True)
    return jit(bare)  # type: ignore[return-value]
