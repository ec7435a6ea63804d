# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""These tests are written against rclpy: on ROS 2 they test it, elsewhere the stand-in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from unsup_track_ros.standalone import provide_ros

PROVIDER = provide_ros()

import rclpy  # noqa: E402 - there is one now
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402

TIMEOUT_S = 10.0
# About the stand-in itself.
collect_ignore = ["test_modules.py", "test_wire.py"] if PROVIDER == "ROS 2" else []


@pytest.fixture
def ros() -> Iterator[None]:
    """An initialised default context."""
    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


@pytest.fixture
def make_node(ros: None) -> Iterator[Callable[..., Any]]:  # noqa: ARG001
    """A maker of nodes, which are destroyed afterwards."""
    made: list[Any] = []

    def make(name: str = "tested", **options: Any) -> Any:
        made.append(Node(name, **options))
        return made[-1]

    yield make
    for node in made:
        node.destroy_node()


@pytest.fixture
def node(make_node: Callable[..., Any]) -> Any:
    """One node."""
    return make_node()


@pytest.fixture
def spin_until(ros: None) -> Iterator[Callable[..., bool]]:  # noqa: ARG001
    """Serves nodes until a condition holds; tells whether it does after 10 s."""
    executor = SingleThreadedExecutor()

    def spin(nodes: Any, condition: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> bool:
        served = nodes if isinstance(nodes, list) else [nodes]
        for one in served:
            executor.add_node(one)
        end_s = time.monotonic() + timeout_s
        while not condition() and time.monotonic() < end_s:
            executor.spin_once(timeout_sec=0.05)
        for one in served:
            executor.remove_node(one)
        return condition()

    yield spin
    executor.shutdown()
