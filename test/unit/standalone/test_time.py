# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Times, durations, clocks, jumps and simulated time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from builtin_interfaces.msg import Time as TimeMessage
from rclpy.clock import Clock, ClockChange, JumpThreshold, ROSClock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMessage

Spin = Callable[..., bool]


def ros_time(seconds: float) -> Time:
    return Time(seconds=seconds, clock_type=ClockType.ROS_TIME)


def test_times_and_durations_add_up() -> None:
    assert (ros_time(1.5) - ros_time(1.0)).nanoseconds == 500_000_000
    assert ros_time(1.0) + Duration(seconds=2) == ros_time(3.0)
    assert ros_time(1.0) - Duration(nanoseconds=1) < ros_time(1.0)
    assert Duration(seconds=-1.5) < Duration()
    with pytest.raises(ValueError, match="negative"):
        ros_time(1.0) - Duration(seconds=2)


def test_times_of_different_clocks_are_not_compared() -> None:
    with pytest.raises(TypeError, match="different clock types"):
        assert ros_time(1.0) == Time(seconds=1.0)
    with pytest.raises(TypeError, match="different clock types"):
        ros_time(1.0) - Time(seconds=1.0)


def test_times_are_not_negative() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        Time(seconds=-1)


def test_times_travel_in_messages() -> None:
    message = Time(seconds=3, nanoseconds=5).to_msg()
    assert message == TimeMessage(sec=3, nanosec=5)
    assert Time.from_msg(message).nanoseconds == 3_000_000_005
    assert Time.from_msg(message).clock_type == ClockType.ROS_TIME
    assert Duration.from_msg(Duration(seconds=-0.5).to_msg()) == Duration(seconds=-0.5)
    with pytest.raises(TypeError):
        Time.from_msg(3)


def test_clocks_tell_their_time() -> None:
    before, now = time.time_ns(), Clock().now().nanoseconds
    assert before <= now <= time.time_ns()
    steady = Clock(clock_type=ClockType.STEADY_TIME)
    assert steady.now() <= steady.now()
    assert steady.now().clock_type == ClockType.STEADY_TIME
    assert isinstance(Clock(clock_type=ClockType.ROS_TIME), ROSClock)


def test_a_threshold_must_have_a_direction() -> None:
    with pytest.raises(ValueError, match="min_forward"):
        JumpThreshold(min_forward=Duration(seconds=-1), min_backward=None)
    with pytest.raises(ValueError, match="min_backward"):
        JumpThreshold(min_forward=None, min_backward=Duration(seconds=1))


def test_simulated_time_follows_the_clock_topic_and_tells_of_jumps(
    make_node: Callable[..., Any], spin_until: Spin
) -> None:
    node = make_node("simulated", parameter_overrides=[Parameter("use_sim_time", value=True)])
    ticking = make_node("ticking")
    publisher = ticking.create_publisher(ClockMessage, "/clock", 10)
    clock = node.get_clock()
    assert clock.ros_time_is_active
    assert clock.now().nanoseconds == 0
    assert spin_until(node, lambda: publisher.get_subscription_count() == 1)
    jumps: list[Any] = []
    back = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=False)
    handle = clock.create_jump_callback(back, post_callback=jumps.append)
    fired: list[int] = []
    node.create_timer(1.0, lambda: fired.append(clock.now().nanoseconds))

    def tick(seconds: float) -> bool:
        publisher.publish(ClockMessage(clock=ros_time(seconds).to_msg()))
        return spin_until(node, lambda: clock.now() == ros_time(seconds))

    assert tick(10.0)
    assert spin_until(node, lambda: len(fired) == 1)  # ten seconds after zero, called once
    assert tick(10.5)
    assert tick(9.8)  # too little to be a jump
    assert tick(11.5)
    assert spin_until(node, lambda: len(fired) == 2)
    assert jumps == []
    assert tick(2.0)
    assert [round(jump.delta.nanoseconds / 1e9, 3) for jump in jumps] == [-9.5]
    assert jumps[0].clock_change == ClockChange.ROS_TIME_NO_CHANGE
    assert tick(3.5)  # the timer goes on in the new time
    assert spin_until(node, lambda: len(fired) == 3)
    handle.unregister()
    assert tick(0.5)
    assert len(jumps) == 1


def test_simulated_time_can_be_switched_on_and_off(node: Any) -> None:
    changes: list[Any] = []
    threshold = JumpThreshold(min_forward=None, min_backward=None, on_clock_change=True)
    handle = node.get_clock().create_jump_callback(
        threshold, post_callback=lambda jump: changes.append(jump.clock_change)
    )
    assert node.set_parameters([Parameter("use_sim_time", value=True)])[0].successful
    assert node.get_clock().now().nanoseconds == 0
    assert node.set_parameters([Parameter("use_sim_time", value=False)])[0].successful
    assert abs(node.get_clock().now().nanoseconds - time.time_ns()) < 1e9
    assert changes == [ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED]
    handle.unregister()
