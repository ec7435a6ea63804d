# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.task`, `rclpy.callback_groups`: results to come, and which callbacks exclude others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Future:
    """A result to come."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._result: Any = None
        self._exception: BaseException | None = None
        self._cancelled = False
        self._callbacks: list[Callable[[Future], Any]] = []

    def done(self) -> bool:
        """Tell whether there is a result or an exception."""
        return self._event.is_set() and not self._cancelled

    def cancelled(self) -> bool:
        """Tell whether it was given up."""
        return self._cancelled

    def cancel(self) -> None:
        """Give it up."""
        if not self.done():
            self._cancelled = True
            self._finish()

    def result(self) -> Any:
        """Return the result, None while there is none; raises the exception if there is one."""
        if self._exception is not None:
            raise self._exception
        return self._result

    def exception(self) -> BaseException | None:
        """Return the exception, if there is one."""
        return self._exception

    def set_result(self, result: Any) -> None:
        """Finish with a result."""
        self._result = result
        self._finish()

    def set_exception(self, exception: BaseException) -> None:
        """Finish with an exception."""
        self._exception = exception
        self._finish()

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """Call back when it is finished, at once if it is."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def wait(self, timeout_s: float | None) -> bool:
        """Block until it is finished; tells whether it is. Not part of rclpy."""
        return self._event.wait(timeout_s)

    def _finish(self) -> None:
        with self._lock:
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


class CallbackGroup:
    """Decides which callbacks may run at the same time."""

    def begin(self) -> bool:
        """Ask to run a callback; `end` must follow a yes."""
        raise NotImplementedError

    def end(self) -> None:
        """Say that the callback has returned."""
        raise NotImplementedError

    def is_free(self) -> bool:
        """Tell whether a callback could run now."""
        raise NotImplementedError


class ReentrantCallbackGroup(CallbackGroup):
    """All may run at once."""

    def begin(self) -> bool:
        """Agree."""
        return True

    def end(self) -> None:
        """Note nothing."""

    def is_free(self) -> bool:
        """Agree."""
        return True


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """One runs at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def begin(self) -> bool:
        """Agree unless one is running."""
        return self._lock.acquire(blocking=False)

    def end(self) -> None:
        """Let the next one run."""
        self._lock.release()

    def is_free(self) -> bool:
        """Tell whether none is running."""
        return not self._lock.locked()
