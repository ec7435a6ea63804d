# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tree of frames over time, on a tree made by hand and on a real recording."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from unsup_track_ros.data.message_encoding import encode_transform, encode_transforms
from unsup_track_ros.data.message_types import TF_MESSAGE
from unsup_track_ros.data.rosbag import Bag
from unsup_track_ros.data.transforms import (
    NotConnectedError,
    TransformConfig,
    TransformTooNewError,
    TransformTooOldError,
    TransformTree,
    UnknownFrameError,
)
from unsup_track_ros.geometry.se3 import inverse, rigid, rotation_about_z, yaw_rad

S = 1_000_000_000


def shift(x: float, y: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    return rigid(rotation_about_z(yaw), np.array([x, y, z], np.float64))


def car(config: TransformConfig | None = None) -> TransformTree:
    """Odom -> base drives 10 m along x and turns left by 90 degrees from 1 s to 3 s."""
    tree = TransformTree(config)
    tree.insert("base", "velo", 0, shift(1, 0, 2), static=True)
    tree.insert("base", "cam", 0, shift(2, 0, 1), static=True)
    tree.insert("odom", "base", 1 * S, shift(0))
    tree.insert("odom", "base", 3 * S, shift(10, yaw=np.pi / 2))
    return tree


def test_a_static_transform_holds_at_every_time() -> None:
    for stamp in (0, 17, 99 * S):
        np.testing.assert_allclose(car().lookup("base", "velo", stamp), shift(1, 0, 2))


def test_a_chain_goes_up_to_the_common_frame_and_down_again() -> None:
    # velo is 1 m behind the camera and 1 m above it.
    np.testing.assert_allclose(car().lookup("cam", "velo", 5), shift(-1, 0, 1), atol=1e-12)


def test_a_frame_seen_from_itself_does_not_move() -> None:
    np.testing.assert_allclose(car().lookup("velo", "velo", 5), np.eye(4))
    np.testing.assert_allclose(TransformTree().lookup("new", "/new", 5), np.eye(4))


def test_poses_between_two_samples_are_interpolated() -> None:
    odom_T_base = car().lookup("odom", "base", 2 * S)
    np.testing.assert_allclose(odom_T_base[:3, 3], [5, 0, 0], atol=1e-12)
    assert yaw_rad(odom_T_base) == pytest.approx(np.pi / 4)


def test_the_opposite_question_gets_the_inverse() -> None:
    tree = car()
    forward = tree.lookup("odom", "velo", 2 * S)
    np.testing.assert_allclose(tree.lookup("velo", "odom", 2 * S), inverse(forward), atol=1e-12)


def test_samples_may_arrive_in_any_order_and_repeat() -> None:
    tree = TransformTree()
    for second in (3, 1, 2, 1):
        tree.insert("odom", "base", second * S, shift(second))
    for moment in (1.0, 1.5, 2.25, 3.0):
        np.testing.assert_allclose(
            tree.lookup("odom", "base", round(moment * S))[0, 3], moment, atol=1e-12
        )


def test_between_two_stamps_the_fixed_frame_stands_still() -> None:
    # From 1 s to 2 s the base moves 5 m along x: a point ahead at 1 s is 5 m nearer at 2 s.
    tree = TransformTree()
    tree.insert("odom", "base", 1 * S, shift(0))
    tree.insert("odom", "base", 3 * S, shift(10))
    base_T_base = tree.lookup_between(("base", 2 * S), ("base", 1 * S), "odom")
    np.testing.assert_allclose(base_T_base, shift(-5), atol=1e-12)


def test_an_unknown_frame_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownFrameError, match=r"'bass' .*did you mean 'base'"):
        car().lookup("odom", "bass", 2 * S)


def test_an_empty_tree_says_that_nothing_was_received() -> None:
    with pytest.raises(UnknownFrameError, match="no transforms were received at all"):
        TransformTree().lookup("odom", "base", 0)


def test_two_trees_are_not_connected() -> None:
    tree = car()
    tree.insert("world", "drone", 0, shift(0))
    with pytest.raises(NotConnectedError, match=r"connect 'drone' to 'velo'.*'world'.*'odom'"):
        tree.lookup("velo", "drone", 0)


def test_a_loop_is_not_followed_for_ever() -> None:
    tree = TransformTree()
    tree.insert("a", "b", 0, shift(0), static=True)
    tree.insert("b", "a", 0, shift(0), static=True)
    with pytest.raises(NotConnectedError, match="a -> b -> a"):
        tree.lookup("a", "b", 0)


def test_a_stamp_before_the_first_pose_is_too_old() -> None:
    with pytest.raises(
        TransformTooOldError, match=r"'velo' to 'odom'.*'base' in 'odom'.* 250\.0 ms later.*past"
    ):
        car().lookup("odom", "velo", 750_000_000)


def test_a_stamp_after_the_last_pose_is_too_new() -> None:
    with pytest.raises(
        TransformTooNewError, match=r"'velo' to 'odom'.*'base' in 'odom'.* 4\.5 ms earlier.*future"
    ):
        car().lookup("odom", "velo", 3 * S + 4_500_000)


def test_within_the_tolerance_the_nearest_pose_is_held() -> None:
    tree = car(TransformConfig(tolerance_s=0.01))
    np.testing.assert_allclose(tree.lookup("odom", "base", 3 * S + 10_000_000)[:3, 3], [10, 0, 0])
    np.testing.assert_allclose(tree.lookup("odom", "base", 1 * S - 10_000_000)[:3, 3], [0, 0, 0])
    with pytest.raises(TransformTooNewError):
        tree.lookup("odom", "base", 3 * S + 10_000_001)


def test_a_single_pose_answers_at_its_stamp_only() -> None:
    tree = TransformTree()
    tree.insert("odom", "base", S, shift(4))
    np.testing.assert_allclose(tree.lookup("odom", "base", S), shift(4))
    with pytest.raises(TransformTooNewError):
        tree.lookup("odom", "base", S + 1)


def test_a_second_parent_is_reported_and_ignored() -> None:
    tree = car()
    tree.insert("map", "base", 2 * S, shift(100))
    assert "'odom' counts" in tree.conflicts["base"]
    np.testing.assert_allclose(tree.lookup("odom", "base", 2 * S)[0, 3], 5)


def test_leading_slashes_of_ros_1_do_not_matter() -> None:
    tree = TransformTree()
    tree.insert("/odom", "/base", S, shift(4), static=True)
    np.testing.assert_allclose(tree.lookup("odom", "/base", 0), shift(4))


def test_old_poses_are_forgotten_when_a_buffer_is_set() -> None:
    tree = TransformTree(TransformConfig(buffer_s=2.0))
    for second in range(11):
        tree.insert("odom", "base", second * S, shift(second))
    np.testing.assert_allclose(tree.lookup("odom", "base", 8 * S)[0, 3], 8)
    with pytest.raises(TransformTooOldError):
        tree.lookup("odom", "base", 5 * S)


def test_clearing_forgets_all_frames() -> None:
    tree = car()
    tree.clear()
    assert tree.frames == ()


def test_unusable_rotations_are_skipped() -> None:
    good = encode_transform("odom", "base", S, shift(4))
    bad = encode_transform("odom", "broken", S, shift(4))
    bad.transform.rotation.w = 0.0
    tree = TransformTree()
    tree.insert_message(encode_transforms([bad, good]), static=False)
    assert tree.frames == ("base", "odom")


def test_the_newest_common_stamp_is_that_of_the_link_that_lags_most() -> None:
    tree = car()
    assert tree.newest_common_stamp("odom", "velo") == 3 * S
    assert tree.newest_common_stamp("cam", "velo") == 0  # always
    tree.insert("base", "wheel", 2 * S, shift(1))
    assert tree.newest_common_stamp("odom", "wheel") == 2 * S
    with pytest.raises(UnknownFrameError):
        tree.newest_common_stamp("odom", "moon")


def test_a_refusal_says_where_the_known_time_ends() -> None:
    with pytest.raises(TransformTooNewError) as late:
        car().lookup("odom", "base", 4 * S)
    assert (late.value.limit_ns, late.value.is_single) == (3 * S, False)
    with pytest.raises(TransformTooOldError) as early:
        car().lookup("odom", "base", 0)
    assert early.value.limit_ns == 1 * S


def test_the_transforms_of_a_real_recording_answer_in_its_whole_span(shared_data: Path) -> None:
    file = next((shared_data / "nav2_tf_mcap").rglob("*.mcap"))
    tree = TransformTree()
    stamps = []
    with Bag(file) as bag:
        for raw in bag.messages(["/tf", "/tf_static"]):
            message = bag.decode(raw, TF_MESSAGE)
            tree.insert_message(message, static=raw.topic == "/tf_static")
            stamps += [
                item.header.stamp.sec * S + item.header.stamp.nanosec
                for item in message.transforms
                if item.header.frame_id == "odom"
            ]
    stamps = sorted(stamps)
    assert len(stamps) > 1000
    poses = [tree.lookup("odom", "base_link", stamp) for stamp in stamps[:: len(stamps) // 50]]
    assert all(np.isfinite(pose).all() for pose in poses)
    with pytest.raises(TransformTooNewError):
        tree.lookup("odom", "base_link", stamps[-1] + 60 * S)
    with pytest.raises(TransformTooOldError):
        tree.lookup("odom", "base_link", stamps[0] - 60 * S)
    with pytest.raises(UnknownFrameError, match="did you mean 'base_link'"):
        tree.lookup("odom", "baselink", stamps[0])


def test_after_a_backward_jump_a_link_starts_anew_where_this_is_wanted() -> None:
    second = 1_000_000_000
    ahead, here = rigid(np.eye(3), np.array([9.0, 0, 0])), rigid(np.eye(3), np.array([1.0, 0, 0]))
    for jump_s, expected_m in ((1.0, 1.0), (math.inf, None)):
        tree = TransformTree(jump_s=jump_s)
        tree.insert("odom", "base", 10 * second, ahead)
        tree.insert("odom", "base", 2 * second, here)
        if expected_m is not None:
            with pytest.raises(TransformTooNewError):
                tree.lookup("odom", "base", 3 * second)
            assert tree.lookup("odom", "base", 2 * second)[0, 3] == expected_m
        else:
            assert tree.lookup("odom", "base", 10 * second)[0, 3] == 9.0
