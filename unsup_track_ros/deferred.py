# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Work that may wait, and is done by the first who needs its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Deferred(Generic[T]):
    """Does its work when it is called for the first time, by whichever thread.

    Unlike a future it needs no thread that gets around to it: one that has time may call it early,
    and one that needs the answer now does not queue behind others.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self._answer: Future[T] = Future()
        self._lock = threading.Lock()

    def __call__(self) -> T:
        """Return the answer; while another thread works on it, wait for it.

        Raises:
            Exception: What the work raised, at every call.
        """
        with self._lock:
            work, self._work = self._work, None  # what it holds may be large
            if work is not None:
                try:
                    self._answer.set_result(work())
                except Exception as error:
                    self._answer.set_exception(error)
        return self._answer.result()
