# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The threads between callbacks and stages."""

from __future__ import annotations

import threading
import time

from ros.street import POINTS, moment, static_transforms

from unsup_track_ros.data.live_frames import LiveConfig, LiveFrame, LiveFrames
from unsup_track_ros.data.live_topics import live_topics
from unsup_track_ros.data.recording import RecordingConfig
from unsup_track_ros.data.topic_selection import TopicConfig
from unsup_track_ros.ros.worker import FrameWorkers, Inbox, Worker

TIMEOUT_S = 30.0
LIMITS = {POINTS: 20, "/tf": 1000}


def frames_without_camera(queue_size: int = 2) -> LiveFrames:
    topics = live_topics(TopicConfig(clouds=(POINTS,), use_cameras=False), {})
    grown = LiveFrames(topics, RecordingConfig(), LiveConfig(queue_size=queue_size))
    grown.add("/tf_static", static_transforms(), 0.0)
    return grown


def send(workers: FrameWorkers, index: int) -> None:
    made = moment(index)
    workers.put("/tf", made.transforms)
    workers.put(POINTS, made.cloud)


def test_items_are_handled_in_their_order_by_one_thread() -> None:
    handled: list[tuple[int, int]] = []
    done = threading.Event()

    def handle(item: int) -> None:
        handled.append((item, threading.get_ident()))
        if item == 99:
            done.set()

    worker = Worker("test", handle)
    worker.start()
    for item in range(100):
        worker.put(item)
    assert done.wait(TIMEOUT_S)
    worker.stop()
    assert [item for item, _ in handled] == list(range(100))
    assert len({thread for _, thread in handled}) == 1


def test_a_stopped_worker_forgets_what_waits() -> None:
    begun, go_on = threading.Event(), threading.Event()
    handled: list[int] = []

    def handle(item: int) -> None:
        begun.set()
        assert go_on.wait(TIMEOUT_S)
        handled.append(item)

    worker = Worker("test", handle)
    worker.start()
    for item in range(5):
        worker.put(item)
    assert begun.wait(TIMEOUT_S)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    while not worker.is_stopping:
        pass
    go_on.set()
    stopping.join(TIMEOUT_S)
    assert handled == [0]


def test_messages_become_frames_and_a_busy_stage_costs_the_oldest() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()
    handled: list[int] = []
    last_ns = moment(9).stamp_ns

    def handle(live: LiveFrame) -> None:
        begun.set()
        assert go_on.wait(TIMEOUT_S)
        handled.append(live.frame.stamp_ns)
        if live.frame.stamp_ns == last_ns:
            done.set()

    frames = frames_without_camera()
    complaints: list[Exception] = []
    workers = FrameWorkers(frames, handle, complaints.append, LIMITS)
    workers.start()
    for index in range(10):
        send(workers, index)
        if index == 0:
            assert begun.wait(TIMEOUT_S)
    go_on.set()
    assert done.wait(TIMEOUT_S)
    workers.stop()
    assert handled == sorted(handled)
    assert handled[0] == moment(0).stamp_ns
    assert len(handled) + workers.drops[POINTS, "overload"] == 10
    assert complaints == []


def test_a_message_that_cannot_be_read_is_complained_of_and_left_out() -> None:
    done = threading.Event()
    complaints: list[Exception] = []
    workers = FrameWorkers(frames_without_camera(), lambda _: done.set(), complaints.append, LIMITS)
    workers.start()
    workers.put(POINTS, object())
    send(workers, 0)
    assert done.wait(TIMEOUT_S)
    workers.stop()
    assert [type(error) for error in complaints] == [AttributeError]


def test_of_a_topic_that_nobody_reads_the_oldest_messages_are_dropped() -> None:
    inbox = Inbox({"/points": 2, "/tf": 100})
    for number in range(5):
        inbox.put("/points", number)
        inbox.put("/tf", -number)
    read = [(topic, message) for topic, message, _ in inbox.read(0.0)]
    assert [message for topic, message in read if topic == "/points"] == [3, 4]
    assert [message for topic, message in read if topic == "/tf"] == [0, -1, -2, -3, -4]
    assert read[-2:] == [("/points", 4), ("/tf", -4)]
    assert inbox.drops == {"/points": 3}
    assert inbox.read(0.0) == []
    inbox.put("/points", 9)
    assert [message for _, message, _ in inbox.read(0.0)] == [9]


def test_while_the_stages_are_busy_frames_do_not_pile_up() -> None:
    go_on = threading.Event()
    frames = frames_without_camera(queue_size=2)

    def handle(_: LiveFrame) -> None:
        assert go_on.wait(TIMEOUT_S)

    workers = FrameWorkers(frames, handle, lambda _: None, LIMITS)
    workers.start()
    for index in range(60):
        send(workers, index)
        # One is in work, one is decoded, one waits; what is unread is bounded as well.
        assert frames.num_waiting <= 2 + LIMITS[POINTS]
    end_s = time.monotonic() + TIMEOUT_S
    while sum(workers.drops.values()) < 60 - 3 and time.monotonic() < end_s:
        time.sleep(0.005)
    assert frames.num_waiting == 1
    go_on.set()
    workers.stop()


def test_where_one_frame_may_wait_it_is_always_the_newest() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()
    frames = frames_without_camera(queue_size=1)
    handled: list[int] = []

    def handle(live: LiveFrame) -> None:
        begun.set()
        assert go_on.wait(TIMEOUT_S)
        handled.append(live.frame.stamp_ns)
        if len(handled) == 2:
            done.set()

    workers = FrameWorkers(frames, handle, lambda _: None, LIMITS)
    workers.start()
    for index in range(10):
        send(workers, index)
        if index == 0:
            assert begun.wait(TIMEOUT_S)
    end_s = time.monotonic() + TIMEOUT_S
    while workers.drops[POINTS, "overload"] < 8 and time.monotonic() < end_s:
        time.sleep(0.005)
    go_on.set()
    assert done.wait(TIMEOUT_S)
    workers.stop()
    assert handled == [moment(0).stamp_ns, moment(9).stamp_ns]
