# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loggers: levels, once, throttling, /rosout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import rclpy
from rcl_interfaces.msg import Log
from rclpy.logging import LoggingSeverity, get_logger
from rclpy.qos import DurabilityPolicy, QoSProfile


def said(capfd: Any) -> list[str]:
    return ["".join(line.split("]: ")[1:]) for line in capfd.readouterr().err.splitlines()]


def test_a_line_has_severity_stamp_and_name(capfd: Any) -> None:
    get_logger("some.name").warning("careful")
    line = capfd.readouterr().err
    assert line.startswith("[WARN] [")
    assert line.rstrip().endswith("[some.name]: careful")


def test_what_is_below_the_level_is_not_said(capfd: Any) -> None:
    logger = get_logger("levels")
    assert logger.get_effective_level() == LoggingSeverity.INFO
    logger.debug("hidden")
    logger.set_level(LoggingSeverity.DEBUG)
    logger.debug("shown")
    assert logger.get_child("below").is_enabled_for(LoggingSeverity.DEBUG)
    logger.set_level(LoggingSeverity.ERROR)
    logger.warning("hidden")
    logger.error("shown too")
    assert said(capfd) == ["shown", "shown too"]


def test_once_throttled_and_skipped_lines(capfd: Any) -> None:
    logger = get_logger("filters")
    for number in range(3):
        logger.info(f"once {number}", once=True)
        logger.info(f"throttled {number}", throttle_duration_sec=60.0)
        logger.info(f"skipped {number}", skip_first=True)
    assert said(capfd) == ["once 0", "throttled 0", "skipped 1", "skipped 2"]


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(TypeError, match="not one of the recognized logging options"):
        get_logger("filters").info("text", twice=True)


def test_the_command_line_sets_levels() -> None:
    rclpy.init(args=["--ros-args", "--log-level", "chatty:=debug"])
    try:
        assert get_logger("chatty").get_effective_level() == LoggingSeverity.DEBUG
        assert get_logger("quiet").get_effective_level() == LoggingSeverity.INFO
    finally:
        rclpy.shutdown()


def test_what_a_node_says_is_published_too(
    make_node: Callable[..., Any], spin_until: Callable[..., bool]
) -> None:
    heard: list[Any] = []
    late = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node, listening = make_node("speaking"), make_node("listening")
    node.get_logger().error("before anybody listened")
    listening.create_subscription(Log, "/rosout", heard.append, late)
    assert spin_until(listening, lambda: any(m.name == "speaking" for m in heard))
    (message,) = [m for m in heard if m.name == "speaking"]
    assert (message.msg, message.level) == ("before anybody listened", 40)
    assert message.file.endswith("test_logging.py")
    assert message.function.startswith("test_what_a_node_says")
