# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The threads of a node: callbacks put messages in, one worker owns the device. No ROS in here."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
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


class Inbox:
    """Messages between callbacks and the thread that reads them, in the order of their arrival.

    It cannot grow without bound when that thread is starved: of each topic so many are kept, and
    of more the oldest are dropped.

    Attributes:
        drops: Number of dropped messages by topic.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        """Set how many messages are kept, by topic."""
        self._limits = limits
        self._items: deque[tuple[str, Any, float]] = deque()
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()
        self.drops: Counter[str] = Counter()

    def put(self, topic: str, message: Any) -> None:
        """Add a message; never waits for the reader."""
        with self._changed:
            if self._counts[topic] >= self._limits[topic]:
                oldest = next(i for i, item in enumerate(self._items) if item[0] == topic)
                del self._items[oldest]
                self._counts[topic] -= 1
                self.drops[topic] += 1
            self._items.append((topic, message, time.monotonic()))
            self._counts[topic] += 1
            self._changed.notify()

    def wake(self) -> None:
        """Let the reader look at what else there is to do."""
        with self._changed:
            self._changed.notify()

    def read(self, timeout_s: float) -> list[tuple[str, Any, float]]:
        """Wait for a message, `wake` or the timeout; return all that is there."""
        with self._changed:
            if not self._items:
                self._changed.wait(timeout_s)
            found = list(self._items)
            self._items.clear()
            self._counts.clear()
            return found


class FrameWorkers:
    """Two threads: one makes frames of messages, the other handles them.

    The next frame is decoded while the current one is being worked on, no further ahead: what else
    waits, waits undecoded and can be dropped cheaply.
    """

    def __init__(
        self,
        frames: LiveFrames,
        handle: Callable[[LiveFrame], None],
        complain: Callable[[Exception], None],
        limits: Mapping[str, int],
    ) -> None:
        """Set up the threads.

        Args:
            frames: Makes the frames; from `start` on only these threads touch it.
            handle: Processes a frame; must not raise.
            complain: Told of a message or frame that could not be read; it is left out.
            limits: Messages that may wait to be read, by topic.
        """
        self._frames = frames
        self._handle = handle
        self._complain = complain
        self._inbox = Inbox(limits)
        self._next: queue.Queue[LiveFrame | None] = queue.Queue(1)
        self._stopped = threading.Event()
        self._threads = (
            threading.Thread(target=self._make, name="frames", daemon=True),
            threading.Thread(target=self._work, name="stages", daemon=True),
        )

    @property
    def drops(self) -> Counter[tuple[str, str]]:
        """Count what was not used, by topic and reason."""
        unread = {(topic, "overload"): count for topic, count in self._inbox.drops.items()}
        return self._frames.drops + Counter(unread)

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def put(self, topic: str, message: Any) -> None:
        """Hand over a message; never blocks."""
        self._inbox.put(topic, message)

    def stop(self) -> None:
        """End after the frame in work; what waits is forgotten."""
        self._stopped.set()
        self._inbox.wake()
        self._threads[0].join()
        while self._threads[1].is_alive():
            try:
                self._next.put(None, timeout=_IDLE_S)
            except queue.Full:
                continue
            self._threads[1].join()

    def _make(self) -> None:
        while not self._stopped.is_set():
            wait_s = _WAITING_S if self._frames.num_waiting else _IDLE_S
            for item in self._inbox.read(wait_s):
                self._attempt(self._frames.add, *item)
            self._attempt(self._offer)

    def _offer(self) -> None:
        """Hand the next frame to the stages; if too many wait, it takes the place of an older."""
        now_s = time.monotonic()
        if self._next.full():
            if not self._frames.is_full(now_s):
                return
            self._withdraw()
        frame = self._frames.take(now_s)
        if frame is not None:
            self._next.put(frame)

    def _withdraw(self) -> None:
        """Take back the frame that waits for the stages, unless they were faster."""
        try:
            self._next.get_nowait()
        except queue.Empty:
            return
        self._frames.give_up()

    def _attempt(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as error:  # one bad message must not end the node
            self._complain(error)

    def _work(self) -> None:
        while not self._stopped.is_set():
            frame = self._next.get()
            self._inbox.wake()  # there is room for the next one
            if frame is not None:
                self._handle(frame)
