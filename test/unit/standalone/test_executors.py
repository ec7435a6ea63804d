# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Executors, timers, guard conditions, futures; how spinning ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.exceptions import InvalidHandle
from rclpy.executors import (
    ExternalShutdownException,
    MultiThreadedExecutor,
    SingleThreadedExecutor,
)
from rclpy.task import Future
from std_msgs.msg import String
from std_srvs.srv import Trigger

Spin = Callable[..., bool]


def test_a_timer_calls_at_its_period(node: Any, spin_until: Spin) -> None:
    called: list[float] = []
    node.create_timer(0.02, lambda: called.append(time.monotonic()))
    start = time.monotonic()
    assert spin_until(node, lambda: len(called) == 5)
    assert called[-1] - start >= 0.08
    assert called[0] - start >= 0.015


def test_a_cancelled_timer_is_silent_until_it_is_reset(node: Any, spin_until: Spin) -> None:
    called: list[int] = []
    timer = node.create_timer(0.01, lambda: called.append(1))
    timer.cancel()
    assert timer.is_canceled()
    assert not spin_until(node, lambda: bool(called), timeout_s=0.06)
    timer.reset()
    assert spin_until(node, lambda: bool(called))
    assert node.destroy_timer(timer)


def test_a_slow_callback_does_not_make_a_timer_catch_up(node: Any, spin_until: Spin) -> None:
    called: list[float] = []

    def slow() -> None:
        called.append(time.monotonic())
        if len(called) == 1:
            time.sleep(0.11)

    node.create_timer(0.02, slow, clock=Clock(clock_type=ClockType.STEADY_TIME))
    start = time.monotonic()
    assert spin_until(node, lambda: time.monotonic() > start + 0.2)
    assert len(called) <= 7  # ten periods, five of them slept through


def test_spin_once_comes_back_when_nothing_happens(node: Any) -> None:
    start = time.monotonic()
    rclpy.spin_once(node, timeout_sec=0.05)
    assert time.monotonic() - start < 2.0


def test_a_guard_condition_wakes_from_another_thread(node: Any, spin_until: Spin) -> None:
    called: list[str] = []
    guard = node.create_guard_condition(lambda: called.append(threading.current_thread().name))
    thread = threading.Thread(target=guard.trigger)
    thread.start()
    assert spin_until(node, lambda: bool(called))
    thread.join()
    assert called == [threading.main_thread().name]


def test_a_topic_that_never_rests_does_not_keep_others_waiting(node: Any, spin_until: Spin) -> None:
    heard: list[str] = []
    flood = node.create_publisher(String, "flood", 10)
    quiet = node.create_publisher(String, "quiet", 10)

    def again(message: String) -> None:
        heard.append("flood")
        flood.publish(message)
        if len(heard) == 20:
            quiet.publish(message)
            guard.trigger()
            node.create_timer(0.0, lambda: heard.append("timer"))

    guard = node.create_guard_condition(lambda: heard.append("guard"))
    node.create_subscription(String, "flood", again, 10)
    node.create_subscription(String, "quiet", lambda _: heard.append("quiet"), 10)
    assert spin_until(node, lambda: flood.get_subscription_count() == 1)
    assert spin_until(node, lambda: quiet.get_subscription_count() == 1)
    for _ in range(3):
        flood.publish(String(data="on and on"))
    assert spin_until(node, lambda: {"quiet", "guard", "timer"} <= set(heard))
    assert len(heard) < 200


def test_what_a_callback_raises_comes_out_of_spinning(node: Any, spin_until: Spin) -> None:
    def fail() -> None:
        raise ValueError("broken callback")

    node.create_timer(0.01, fail)
    with pytest.raises(ValueError, match="broken callback"):
        spin_until(node, lambda: False)


def test_a_future_ends_the_spinning_that_waits_for_it(node: Any) -> None:
    future: Any = Future()
    node.create_timer(0.01, lambda: future.done() or future.set_result("done"))
    rclpy.spin_until_future_complete(node, future, timeout_sec=5.0)
    assert future.result() == "done"


def test_a_future_that_does_not_come_is_waited_for_in_vain(node: Any) -> None:
    future: Any = Future()
    rclpy.spin_until_future_complete(node, future, timeout_sec=0.05)
    assert not future.done()


def test_futures_tell_when_they_are_done() -> None:
    future: Any = Future()
    told: list[Any] = []
    future.add_done_callback(lambda done: told.append(done.result()))
    future.set_result(1)
    future.add_done_callback(lambda done: told.append(done.result()))
    assert told == [1, 1]
    failed: Any = Future()
    failed.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        failed.result()


def test_callbacks_of_one_group_exclude_each_other_and_reentrant_ones_do_not(node: Any) -> None:
    executor = MultiThreadedExecutor(num_threads=4)
    executor.add_node(node)
    together = threading.Barrier(2)
    running: list[int] = []
    seen: list[int] = []
    met: list[int] = []
    done: Any = Future()

    def alone() -> None:
        running.append(1)
        seen.append(len(running))
        time.sleep(0.005)
        running.pop()
        if len(seen) >= 6 and len(met) == 2 and not done.done():
            done.set_result(True)

    def meet() -> None:
        met.append(together.wait(timeout=10.0))

    exclusive, reentrant = MutuallyExclusiveCallbackGroup(), ReentrantCallbackGroup()
    timers = [node.create_timer(0.002, alone, exclusive) for _ in range(2)]
    guards = [node.create_guard_condition(meet, reentrant) for _ in range(2)]
    for guard in guards:
        guard.trigger()
    executor.spin_until_future_complete(done, timeout_sec=10.0)
    for timer in timers:
        timer.cancel()
    assert done.done()
    assert set(seen) == {1}
    executor.shutdown()


def test_a_service_can_be_called_from_a_callback_of_another_group(node: Any) -> None:
    executor = MultiThreadedExecutor(num_threads=3)
    executor.add_node(node)
    answered: Any = Future()

    def answer(_: Any, response: Any) -> Any:
        response.success, response.message = True, "yes"
        return response

    node.create_service(Trigger, "trigger", answer, callback_group=ReentrantCallbackGroup())
    client = node.create_client(Trigger, "trigger", callback_group=ReentrantCallbackGroup())
    assert client.wait_for_service(timeout_sec=10.0)

    def ask() -> None:
        if not answered.done():
            answered.set_result(client.call(Trigger.Request()).message)

    node.create_timer(0.01, ask, MutuallyExclusiveCallbackGroup())
    executor.spin_until_future_complete(answered, timeout_sec=10.0)
    assert answered.result() == "yes"
    executor.shutdown()


def test_a_client_that_leaves_does_not_stop_the_service(
    make_node: Callable[..., Any], spin_until: Spin
) -> None:
    server = make_node("server")
    answered: list[int] = []

    def answer(_: Any, response: Any) -> Any:
        answered.append(1)
        return response

    server.create_service(Trigger, "trigger", answer)
    for asked in (1, 2):
        asking = make_node(f"asking_{asked}")
        client = asking.create_client(Trigger, "trigger")
        assert spin_until([server, asking], client.service_is_ready)
        future = client.call_async(Trigger.Request())
        assert spin_until([server, asking], future.done)
        asking.destroy_client(client)
        asking.destroy_node()
        spin_until(server, lambda: False, timeout_s=0.1)  # hears that the client has left
    assert len(answered) == 2


def test_a_service_that_nobody_answers_is_not_ready(node: Any) -> None:
    client = node.create_client(Trigger, "nobody")
    assert not client.service_is_ready()
    assert not client.wait_for_service(timeout_sec=0.05)


def test_a_shut_down_executor_spins_no_more(node: Any) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    called: list[int] = []
    node.create_timer(0.0, lambda: called.append(1))
    executor.shutdown()
    executor.spin_once(timeout_sec=0.1)
    executor.spin()
    assert called == []


def test_an_executor_can_be_shut_down_from_another_thread(node: Any) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinning = threading.Thread(target=executor.spin)
    spinning.start()
    executor.shutdown()
    spinning.join(timeout=10.0)
    assert not spinning.is_alive()
    assert rclpy.ok()


def test_endpoints_come_and_go_while_a_node_is_spinning(node: Any) -> None:
    executor = MultiThreadedExecutor(num_threads=2)
    executor.add_node(node)
    spinning = threading.Thread(target=executor.spin)
    spinning.start()
    heard: list[str] = []
    for number in range(20):
        publisher = node.create_publisher(String, "words", 1)
        subscription = node.create_subscription(
            String, "words", lambda message: heard.append(message.data), 1
        )
        publisher.publish(String(data=str(number)))
        node.destroy_subscription(subscription)
        node.destroy_publisher(publisher)
    executor.shutdown()
    spinning.join(timeout=10.0)
    assert not spinning.is_alive()
    with pytest.raises(InvalidHandle):
        publisher.publish(String())


def test_shutdown_from_another_thread_ends_spinning(node: Any) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    timer = threading.Timer(0.05, rclpy.try_shutdown)
    timer.start()
    with pytest.raises(ExternalShutdownException):
        executor.spin_once()
    assert not rclpy.ok()
    timer.join()


# Whoever runs the tests in the background has SIGINT ignored.
RESTORED = "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
PROGRAM = """
import signal, sys
handler = signal.SIG_IGN if sys.argv[1] == "ignored" else signal.default_int_handler
signal.signal(signal.SIGINT, handler)
from unsup_track_ros.standalone import provide_ros
provide_ros()
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
rclpy.init(args=[])
node = Node("waiting")
def tell():
    timer.cancel()
    print("spinning", flush=True)
timer = node.create_timer(0.01, tell)
try:
    rclpy.spin(node)
    print("returned")
except KeyboardInterrupt:
    print("KeyboardInterrupt")
except ExternalShutdownException:
    print("ExternalShutdownException")
node.destroy_node()
rclpy.try_shutdown()
print(rclpy.ok())
"""


@pytest.mark.parametrize(
    ("handler", "number", "ends"),
    [
        ("default", signal.SIGINT, "KeyboardInterrupt"),
        ("ignored", signal.SIGINT, "ExternalShutdownException"),
        ("default", signal.SIGTERM, "ExternalShutdownException"),
    ],
)
def test_signals_end_a_waiting_node(
    repository: Path, handler: str, number: signal.Signals, ends: str
) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{repository}:{os.environ.get('PYTHONPATH', '')}"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, handler],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "spinning\n"
    process.send_signal(number)
    said, _ = process.communicate(timeout=20)
    # A signal that comes between two waits lets `spin` return, in rclpy too.
    returned = ends != "KeyboardInterrupt" and said.split()[0] == "returned"
    assert said.split() == ["returned" if returned else ends, "False"]
    assert process.returncode == 0
