# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Read the next frames while the current one is being worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Final, TypeVar

Item = TypeVar("Item")

# Two frames hide an uneven reader; more would only hold memory.
_DEPTH: Final = 2
_POLL_S: Final = 0.1
_END: Final = object()


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items in order; they are made by a second thread, at most two ahead.

    An exception of the iterator is raised here, at its place in the order. Closing the generator
    stops the thread.
    """
    ready: queue.Queue[object] = queue.Queue(_DEPTH)
    stopped = threading.Event()
    thread = threading.Thread(target=_produce, args=(items, ready, stopped), daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _produce(items: Iterator[Item], ready: queue.Queue[object], stopped: threading.Event) -> None:
    try:
        for item in items:
            if not _put(item, ready, stopped):
                return
        _put(_END, ready, stopped)
    except BaseException as error:
        _put(_Failure(error), ready, stopped)


def _put(item: object, ready: queue.Queue[object], stopped: threading.Event) -> bool:
    """Hand an item over; return False when the consumer has gone."""
    while not stopped.is_set():
        try:
            ready.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False
