# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""tf2_ros: lookups and why they fail, listeners and broadcasters, a clock that is set back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMessage
from tf2_ros import (
    Buffer,
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    StaticTransformBroadcaster,
    TransformBroadcaster,
    TransformException,
    TransformListener,
)

from unsup_track_ros.geometry.se3 import from_quaternion, interpolate, inverse, rotation_about_z

Spin = Callable[..., bool]


def at(seconds: float) -> Time:
    return Time(nanoseconds=round(seconds * 1e9))


def moved(parent: str, child: str, seconds: float, x: float = 0.0, yaw: float = 0.0) -> Any:
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = parent, child
    message.header.stamp = at(seconds).to_msg()
    message.transform.translation.x = x
    message.transform.rotation.z = float(np.sin(yaw / 2))
    message.transform.rotation.w = float(np.cos(yaw / 2))
    return message


def matrix(message: Any) -> Any:
    shift, turn = message.transform.translation, message.transform.rotation
    return from_quaternion(
        np.array([turn.x, turn.y, turn.z, turn.w]), np.array([shift.x, shift.y, shift.z])
    )


@pytest.fixture
def buffer() -> Any:
    """odom -> base moves and turns, base -> velo is fixed."""
    filled = Buffer()
    filled.set_transform(moved("odom", "base", 10.0, 1.0, 0.2), "test")
    filled.set_transform(moved("odom", "base", 11.0, 3.0, 0.8), "test")
    filled.set_transform_static(moved("base", "velo", 0.0, 0.5), "test")
    return filled


def pose(x: float, yaw: float) -> Any:
    odom_T_base = np.eye(4)
    odom_T_base[:3, :3] = rotation_about_z(yaw)
    odom_T_base[0, 3] = x
    return odom_T_base


def test_a_lookup_interpolates_as_the_project_does(buffer: Any) -> None:
    found = buffer.lookup_transform("odom", "base", at(10.25))
    expected = interpolate(pose(1.0, 0.2), pose(3.0, 0.8), 0.25)
    np.testing.assert_allclose(matrix(found), expected, atol=1e-9)
    assert (found.header.frame_id, found.child_frame_id) == ("odom", "base")
    assert Time.from_msg(found.header.stamp).nanoseconds == 10_250_000_000


def test_a_lookup_goes_up_and_down_the_tree(buffer: Any) -> None:
    odom_T_velo = matrix(buffer.lookup_transform("odom", "velo", at(10.0)))
    np.testing.assert_allclose(odom_T_velo, pose(1.0, 0.2) @ pose(0.5, 0.0), atol=1e-9)
    velo_T_odom = matrix(buffer.lookup_transform("velo", "odom", at(10.0)))
    np.testing.assert_allclose(velo_T_odom, inverse(odom_T_velo), atol=1e-9)


def test_time_zero_is_the_newest(buffer: Any) -> None:
    found = buffer.lookup_transform("odom", "velo", Time())
    assert Time.from_msg(found.header.stamp).nanoseconds == 11_000_000_000
    assert found.transform.translation.x == pytest.approx(3.0 + 0.5 * np.cos(0.8))


def test_points_can_be_moved_between_two_times(buffer: Any) -> None:
    found = buffer.lookup_transform_full("base", at(11.0), "base", at(10.0), "odom")
    expected = inverse(pose(3.0, 0.8)) @ pose(1.0, 0.2)
    np.testing.assert_allclose(matrix(found), expected, atol=1e-9)


def test_a_frame_that_never_appeared_is_named(buffer: Any) -> None:
    with pytest.raises(LookupException) as raised:
        buffer.lookup_transform("odom", "camera", at(10.0))
    text = '"camera" passed to lookupTransform argument source_frame does not exist. '
    assert str(raised.value) == text


def test_frames_of_two_trees_are_not_connected(buffer: Any) -> None:
    buffer.set_transform(moved("map", "other", 10.0), "test")
    with pytest.raises(ConnectivityException, match="not part of the same tree"):
        buffer.lookup_transform("odom", "other", at(10.0))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (
            11.5,
            "Lookup would require extrapolation into the future.  Requested time 11.500000 but the "
            "latest data is at time 11.000000, when looking up transform from frame [base] to "
            "frame [odom]",
        ),
        (
            9.5,
            "Lookup would require extrapolation into the past.  Requested time 9.500000 but the "
            "earliest data is at time 10.000000, when looking up transform from frame [base] to "
            "frame [odom]",
        ),
    ],
)
def test_nothing_is_extrapolated(buffer: Any, seconds: float, text: str) -> None:
    with pytest.raises(ExtrapolationException) as raised:
        buffer.lookup_transform("odom", "base", at(seconds))
    assert str(raised.value) == text


def test_a_single_pose_holds_at_its_own_time_only(buffer: Any) -> None:
    buffer.set_transform(moved("odom", "lonely", 10.0), "test")
    assert buffer.lookup_transform("odom", "lonely", at(10.0)) is not None
    with pytest.raises(ExtrapolationException, match=r"but only time 10\.000000 is in"):
        buffer.lookup_transform("odom", "lonely", at(10.1))


@pytest.mark.parametrize("name", ["", "/base"])
def test_a_name_that_is_none_is_refused(buffer: Any, name: str) -> None:
    with pytest.raises(InvalidArgumentException, match="in tf2 frame_ids cannot"):
        buffer.lookup_transform("odom", name, at(10.0))


def test_one_can_ask_whether_and_why_not(buffer: Any) -> None:
    assert buffer.can_transform("odom", "velo", at(10.5))
    assert not buffer.can_transform("odom", "velo", at(12.0))
    is_there, reason = buffer.can_transform("odom", "x", at(10.0), return_debug_tuple=True)
    assert not is_there
    assert reason
    assert issubclass(LookupException, TransformException)


def test_poses_older_than_the_cache_are_forgotten() -> None:
    buffer = Buffer(cache_time=Duration(seconds=2.0))
    for second in range(10, 16):
        buffer.set_transform(moved("odom", "base", float(second)), "test")
    assert buffer.can_transform("odom", "base", at(14.5))
    assert not buffer.can_transform("odom", "base", at(11.5))


def test_a_transform_to_come_is_waited_for_without_blocking(buffer: Any) -> None:
    future = buffer.wait_for_transform_async("odom", "base", at(11.5))
    assert not future.done()
    buffer.set_transform(moved("odom", "base", 12.0, 4.0, 0.8), "test")
    assert future.done()
    assert future.result().transform.translation.x == pytest.approx(3.5)


def test_transforms_travel_from_broadcasters_to_listeners(
    make_node: Callable[..., Any], spin_until: Spin
) -> None:
    sender, receiver = make_node("sender"), make_node("receiver")
    fixed, moving = StaticTransformBroadcaster(sender), TransformBroadcaster(sender)
    fixed.sendTransform(moved("base", "velo", 0.0, 0.5))
    fixed.sendTransform([moved("base", "cam", 0.0, 0.7)])
    buffer = Buffer(node=receiver)
    listener = TransformListener(buffer, receiver)
    assert spin_until(receiver, lambda: moving.pub_tf.get_subscription_count() == 1)
    moving.sendTransform([moved("odom", "base", 10.0, 1.0), moved("odom", "base", 11.0, 2.0)])
    assert spin_until(receiver, lambda: buffer.can_transform("odom", "velo", at(10.5)))
    assert buffer.can_transform("velo", "cam", at(99.0))
    assert listener.buffer is buffer


def test_a_clock_that_is_set_back_empties_the_buffer(
    make_node: Callable[..., Any], spin_until: Spin
) -> None:
    from rclpy.parameter import Parameter

    node = make_node("looped", parameter_overrides=[Parameter("use_sim_time", value=True)])
    ticking = make_node("ticking")
    publisher = ticking.create_publisher(ClockMessage, "/clock", 10)
    buffer = Buffer(node=node)
    assert spin_until(node, lambda: publisher.get_subscription_count() >= 1)

    def tick(seconds: float) -> bool:
        publisher.publish(ClockMessage(clock=at(seconds).to_msg()))
        return spin_until(node, lambda: node.get_clock().now().nanoseconds == round(seconds * 1e9))

    assert tick(100.0)
    buffer.set_transform(moved("odom", "base", 99.9), "test")
    assert tick(99.5)  # less than a second: a clock may jitter
    assert buffer.can_transform("odom", "base", at(99.9))
    assert tick(10.0)
    assert not buffer.can_transform("odom", "base", at(99.9))
