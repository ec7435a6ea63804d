# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Deferred work is done once, by whoever needs it first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from unsup_track_ros.deferred import Deferred


def test_nothing_happens_before_somebody_asks_and_then_once() -> None:
    calls: list[int] = []
    deferred = Deferred(lambda: calls.append(len(calls)))
    assert not calls
    deferred()
    deferred()
    assert calls == [0]


def test_it_runs_on_the_thread_that_asks_first_and_the_others_wait_for_it() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        assert go_on.wait(10)
        return threading.get_ident()

    deferred = Deferred(work)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(lambda: (threading.get_ident(), deferred()))
        assert begun.wait(10)
        second = threads.submit(deferred)
        assert not second.done()
        go_on.set()
        worker, answer = first.result(10)
        assert answer == worker
        assert second.result(10) == worker


def test_a_failure_is_told_at_every_call_and_not_tried_again() -> None:
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        raise ValueError("The map is torn.")

    deferred = Deferred(work)
    for _ in range(2):
        with pytest.raises(ValueError, match="torn"):
            deferred()
    assert len(calls) == 1
