# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.executors`: wait for what nodes wait for, and call their callbacks.

The wait happens in a DDS wait set, outside of the interpreter; timers bound it, a guard condition
ends it. One thread waits and takes; `MultiThreadedExecutor` only calls in others.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Final

from cyclonedds.core import DDSException, GuardCondition

from unsup_track_ros.standalone.context import Context, get_default_context
from unsup_track_ros.standalone.dds import ConditionSet
from unsup_track_ros.standalone.endpoints import Endpoint, Work
from unsup_track_ros.standalone.task import CallbackGroup, Future

_FOREVER_NS: Final = (1 << 63) - 1


class ExternalShutdownException(Exception):
    """The context was shut down while an executor was spinning."""


class Executor:
    """Base of both executors."""

    def __init__(self, *, context: Context | None = None) -> None:
        self._context = get_default_context() if context is None else context
        self._nodes: list[Any] = []
        self._lock = threading.RLock()
        self._is_shutdown = False
        participant = self._context.participant
        self._conditions, self._guard = ConditionSet(participant), GuardCondition(participant)
        # Who may have work after the last wait: each has one turn before the next.
        self._ready: deque[Endpoint] = deque()
        self._is_woken, self._is_waiting = False, False
        self._waiter = 0
        self._context.wakers.add(self)

    @property
    def context(self) -> Context:
        """The context whose end is the end of spinning."""
        return self._context

    def add_node(self, node: Any) -> bool:
        """Serve a node; tells whether it was not served yet."""
        with self._lock:
            if node in self._nodes:
                return False
            self._nodes.append(node)
        node.executor = self
        self.wake()
        return True

    def remove_node(self, node: Any) -> None:
        """Serve a node no more."""
        with self._lock:
            if node in self._nodes:
                self._nodes.remove(node)
        self.wake()

    def get_nodes(self) -> list[Any]:
        """Return the nodes that are served."""
        with self._lock:
            return list(self._nodes)

    def wake(self) -> None:
        """End the wait, if there is one, to look again."""
        if threading.get_ident() == self._waiter:  # it looks at everything before it waits
            return
        self._is_woken = True
        if self._is_waiting:
            with suppress(DDSException):  # the context has left the network
                self._guard.set(True)

    def spin(self) -> None:
        """Serve until the context or the executor is shut down.

        Raises:
            ExternalShutdownException: The context was shut down meanwhile.
        """
        while self._context.ok() and not self._is_shutdown:
            self.spin_once()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for one callback and call it; None and below 0 wait for ever, 0 not at all."""
        raise NotImplementedError

    def spin_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Serve until a future is done or the time is over."""
        future.add_done_callback(lambda _: self.wake())
        is_endless = timeout_sec is None or timeout_sec < 0
        end_s = (
            float("inf") if timeout_sec is None or is_endless else time.monotonic() + timeout_sec
        )
        while self._context.ok() and not future.done() and not self._is_shutdown:
            left_s = end_s - time.monotonic()
            if future.cancelled() or left_s <= 0:
                return
            self._spin_once(None if is_endless else left_s, future.done)

    def shutdown(self, timeout_sec: float | None = None) -> bool:  # noqa: ARG002 - as rclpy's
        """Stop serving."""
        self._is_shutdown = True
        self.wake()
        with self._lock:
            self._nodes.clear()
        return True

    def __enter__(self) -> Executor:
        """Return itself."""
        return self

    def __exit__(self, *unused: object) -> None:
        """Stop serving."""
        self.shutdown()

    def detach(self, condition: Any) -> None:
        """Forget a condition that is about to be deleted."""
        self._conditions.forget(id(condition))

    def _spin_once(self, timeout_sec: float | None, is_enough: Callable[[], bool]) -> None:
        raise NotImplementedError

    def _next_work(
        self, timeout_sec: float | None, is_enough: Callable[[], bool] = lambda: False
    ) -> tuple[Work, CallbackGroup] | None:
        """Wait for work; None when the time is over, it is enough or the executor is shut down."""
        is_endless = timeout_sec is None or timeout_sec < 0
        end_s = (
            float("inf") if timeout_sec is None or is_endless else time.monotonic() + timeout_sec
        )
        left_s = float("inf")
        self._waiter = threading.get_ident()
        while True:
            if self._is_shutdown:
                return None
            if not self._context.ok():
                raise ExternalShutdownException
            found = self._poll()
            if found is not None or left_s <= 0 or is_enough():
                return found
            left_s = end_s - time.monotonic()
            self._wait(_FOREVER_NS if is_endless else int(max(0.0, left_s) * 1e9))

    def _poll(self) -> tuple[Work, CallbackGroup] | None:
        """Return work of those that may have some."""
        while self._ready:
            entity = self._ready.popleft()
            group = entity.callback_group
            assert group is not None
            if group.begin():
                work = entity.take()
                if work is not None:
                    return work, group
                group.end()
        return None

    def _entities(self) -> list[Endpoint]:
        with self._lock:
            return [entity for node in self._nodes for entity in node.waitables_in_use()]

    def _wait(self, limit_ns: int) -> None:
        """Wait until something that may run now could be ready."""
        self._context.hear()
        self._is_waiting = True  # before looking: who wakes us from here on ends the wait
        self._is_woken, was_woken = False, self._is_woken
        free = [
            entity
            for entity in self._entities()
            if entity.callback_group is not None and entity.callback_group.is_free()
        ]
        wanted = {id(self._guard): self._guard}
        for entity in free:
            due_ns = entity.due_ns()
            limit_ns = limit_ns if due_ns is None else min(limit_ns, max(0, due_ns))
            if entity.condition is not None:
                wanted[id(entity.condition)] = entity.condition
        try:
            self._conditions.watch(wanted)
            triggered = self._conditions.wait(0 if was_woken else limit_ns)
            self._is_waiting = False
            if id(self._guard) in triggered:
                self._guard.take()
        except DDSException:
            if self._context.ok():
                raise
            return
        self._ready.extend(
            one for one in free if one.condition is None or id(one.condition) in triggered
        )

    def _run(self, work: Work, group: CallbackGroup) -> None:
        try:
            work()
        finally:
            group.end()


class SingleThreadedExecutor(Executor):
    """Calls in the thread that spins."""

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for one callback and call it."""
        self._spin_once(timeout_sec, lambda: False)

    def _spin_once(self, timeout_sec: float | None, is_enough: Callable[[], bool]) -> None:
        found = self._next_work(timeout_sec, is_enough)
        if found is not None:
            self._run(*found)


class MultiThreadedExecutor(Executor):
    """Calls in a pool of threads, as far as callback groups allow it."""

    def __init__(self, num_threads: int | None = None, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        self._pool = ThreadPoolExecutor(num_threads or os.cpu_count() or 2)
        self._running: list[ThreadFuture[None]] = []

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for one callback and hand it to a thread; raises what earlier ones raised."""
        self._spin_once(timeout_sec, lambda: False)

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop serving and wait for the callbacks that run."""
        super().shutdown(timeout_sec)
        self._pool.shutdown(wait=True)
        return True

    def _spin_once(self, timeout_sec: float | None, is_enough: Callable[[], bool]) -> None:
        found = self._next_work(
            timeout_sec, lambda: is_enough() or any(f.done() for f in self._running)
        )
        if found is not None:
            self._running.append(self._pool.submit(self._run, *found))
        finished = [future for future in self._running if future.done()]
        self._running = [future for future in self._running if not future.done()]
        for future in finished:
            future.result()

    def _run(self, work: Work, group: CallbackGroup) -> None:
        try:
            super()._run(work, group)
        finally:
            self.wake()  # its group is free again


_global: list[SingleThreadedExecutor] = []


def get_global_executor() -> SingleThreadedExecutor:
    """Return the executor of the functions below where they are given none."""
    if not _global or not _global[0].context.ok():
        _global[:] = [SingleThreadedExecutor()]
    return _global[0]


def spin(node: Any, executor: Executor | None = None) -> None:
    """Serve a node until the context is shut down."""
    with _serving(node, executor) as chosen:
        chosen.spin()


def spin_once(
    node: Any, *, executor: Executor | None = None, timeout_sec: float | None = None
) -> None:
    """Serve a node for one callback."""
    with _serving(node, executor) as chosen:
        chosen.spin_once(timeout_sec)


def spin_until_future_complete(
    node: Any, future: Future, executor: Executor | None = None, timeout_sec: float | None = None
) -> None:
    """Serve a node until a future is done."""
    with _serving(node, executor) as chosen:
        chosen.spin_until_future_complete(future, timeout_sec)


@contextmanager
def _serving(node: Any, executor: Executor | None) -> Iterator[Executor]:
    chosen = executor or get_global_executor()
    chosen.add_node(node)
    try:
        yield chosen
    finally:
        chosen.remove_node(node)
