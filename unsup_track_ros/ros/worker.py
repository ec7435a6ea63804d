# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The threads of a node: callbacks put messages in, one worker owns the device. No ROS in here."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from unsup_track_ros.data.live_frames import LiveFrame, LiveFrames

Item = TypeVar("Item")

_IDLE_S: Final = 0.1
# How often a frame that waits for a transform or for its time to be up is looked at again.
_WAITING_S: Final = 0.005


class Worker(Generic[Item]):
    """A thread that handles items one by one, in the order they were put in.

    It never ends by an exception of the handler: the handler must not raise.
    """

    def __init__(self, name: str, handle: Callable[[Item], None]) -> None:
        self._handle = handle
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand over an item; never blocks."""
        self._items.put(item)

    def stop(self) -> None:
        """End after the item in work; the others are forgotten."""
        self._stopped.set()
        self._items.put(None)
        self._thread.join()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stopped.is_set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            item = self._items.get()
            if item is not None:
                self._handle(item)


class FrameWorkers:
    """Two threads: one makes frames of messages, the other handles them.

    The next frame is decoded while the current one is being worked on, no further ahead: what
    waits, waits undecoded and can be dropped cheaply.
    """

    def __init__(
        self,
        frames: LiveFrames,
        handle: Callable[[LiveFrame], None],
        complain: Callable[[Exception], None],
    ) -> None:
        """Set up the threads.

        Args:
            frames: Makes the frames; from `start` on only these threads touch it.
            handle: Processes a frame; must not raise.
            complain: Told of a message or frame that could not be read; it is left out.
        """
        self._frames = frames
        self._handle = handle
        self._complain = complain
        self._messages: queue.SimpleQueue[tuple[str, Any, float] | None] = queue.SimpleQueue()
        self._next: queue.Queue[LiveFrame | None] = queue.Queue(1)
        self._stopped = threading.Event()
        self._threads = (
            threading.Thread(target=self._make, name="frames", daemon=True),
            threading.Thread(target=self._work, name="stages", daemon=True),
        )

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def put(self, topic: str, message: Any) -> None:
        """Hand over a message; never blocks."""
        self._messages.put((topic, message, time.monotonic()))

    def stop(self) -> None:
        """End after the frame in work; what waits is forgotten."""
        self._stopped.set()
        self._messages.put(None)
        self._threads[0].join()
        while self._threads[1].is_alive():
            try:
                self._next.put(None, timeout=_IDLE_S)
            except queue.Full:
                continue
            self._threads[1].join()

    def _make(self) -> None:
        while not self._stopped.is_set():
            self._make_one()

    def _make_one(self) -> None:
        try:
            self._read_messages()
            frame = None if self._next.full() else self._frames.take(time.monotonic())
        except Exception as error:  # one bad message must not end the node
            self._complain(error)
        else:
            if frame is not None:
                self._next.put(frame)

    def _read_messages(self) -> None:
        """Wait for a message or until it is time to look again, then read all that are there."""
        wait_s = _WAITING_S if self._frames.num_waiting else _IDLE_S
        with suppress(queue.Empty):
            item = self._messages.get(timeout=wait_s)
            while item is not None:
                self._frames.add(*item)
                item = self._messages.get_nowait()

    def _work(self) -> None:
        while not self._stopped.is_set():
            frame = self._next.get()
            self._messages.put(None)  # there is room for the next one
            if frame is not None:
                self._handle(frame)
