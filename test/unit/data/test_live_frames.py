# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames from live messages: what waits, for how long, and what is dropped."""

from __future__ import annotations

import numpy as np
import pytest
from ros.street import IMAGE, INFO, POINTS, STEP_NS, Moment, moment, static_transforms

from unsup_track_ros.data.live_frames import LiveConfig, LiveFrame, LiveFrames
from unsup_track_ros.data.live_topics import live_topics
from unsup_track_ros.data.recording import RecordingConfig
from unsup_track_ros.data.topic_selection import TopicConfig

WAIT_S = 0.3


def make(*, images: tuple[str, ...] = (IMAGE,), queue_size: int = 2) -> LiveFrames:
    chosen = TopicConfig(clouds=(POINTS,), images=images, use_cameras=bool(images))
    topics = live_topics(chosen, {})
    live = LiveConfig(transform_wait_s=WAIT_S, queue_size=queue_size)
    frames = LiveFrames(topics, RecordingConfig(), live)
    frames.add("/tf_static", static_transforms(), 0.0)
    return frames


def send(frames: LiveFrames, made: Moment, now_s: float, *, without: tuple[str, ...] = ()) -> None:
    messages = {"/tf": made.transforms, INFO: made.info, IMAGE: made.image, POINTS: made.cloud}
    for topic, message in messages.items():
        if topic not in without:
            frames.add(topic, message, now_s)


def taken(frames: LiveFrames, now_s: float) -> list[LiveFrame]:
    found = []
    while (frame := frames.take(now_s)) is not None:
        found.append(frame)
    return found


def test_a_complete_moment_is_a_frame_at_once() -> None:
    frames = make()
    made = moment(1)
    send(frames, made, 10.0)
    (live,) = taken(frames, 10.0)
    assert live.frame.stamp_ns == made.stamp_ns
    assert live.frame.index == 0
    assert live.arrived_s == 10.0
    assert live.frame.odom_T_velo is not None
    assert live.frame.camera is not None
    assert (live.names.velo, live.names.odom, live.names.camera) == ("lidar", "odom", "camera")


def test_a_frame_waits_for_its_transform_and_is_whole_then() -> None:
    frames = make()
    send(frames, moment(0), 10.0)
    assert len(taken(frames, 10.0)) == 1
    late = moment(1)
    send(frames, late, 11.0, without=("/tf",))
    assert frames.take(11.0) is None
    assert "extrapolation into the future" in frames.lacking
    frames.add("/tf", late.transforms, 11.2)
    (live,) = taken(frames, 11.2)
    assert live.frame.odom_T_velo is not None
    assert frames.lacking == ""


def test_after_the_wait_a_frame_goes_on_without_a_pose_and_says_why() -> None:
    frames = make()
    send(frames, moment(0), 10.0)
    taken(frames, 10.0)
    send(frames, moment(1), 11.0, without=("/tf",))
    assert frames.take(11.0 + WAIT_S - 0.01) is None
    (live,) = taken(frames, 11.0 + WAIT_S)
    assert live.frame.odom_T_velo is None
    assert "extrapolation into the future" in live.frame.odom_reason


def test_without_any_transform_only_the_start_is_waited_for() -> None:
    frames = make()
    send(frames, moment(0), 10.0, without=("/tf",))
    assert frames.take(10.1) is None
    assert len(taken(frames, 10.0 + WAIT_S)) == 1
    send(frames, moment(1), 10.5, without=("/tf",))
    assert len(taken(frames, 10.5)) == 1


def test_the_calibration_is_waited_for_at_the_start_only() -> None:
    frames = make()
    made = moment(0)
    send(frames, made, 10.0, without=(INFO,))
    assert frames.take(10.0) is None
    assert frames.lacking == f"No camera_info has come on '{INFO}'."
    frames.add(INFO, made.info, 10.1)
    (live,) = taken(frames, 10.1)
    assert live.frame.camera is not None


def test_a_camera_without_calibration_is_missing_with_the_reason() -> None:
    frames = make()
    send(frames, moment(0), 10.0, without=(INFO,))
    (live,) = taken(frames, 10.0 + WAIT_S)
    assert live.frame.camera is None
    assert any("camera_info" in text for text in live.frame.missing_inputs)


def test_of_too_many_complete_frames_the_oldest_are_dropped_and_counted() -> None:
    frames = make(queue_size=2)
    for index in range(5):
        send(frames, moment(index), 10.0)
    stamps = [live.frame.stamp_ns for live in taken(frames, 10.0)]
    assert stamps == [moment(3).stamp_ns, moment(4).stamp_ns]
    assert frames.drops[POINTS, "overload"] == 3


def test_a_clock_that_was_set_back_begins_a_new_timeline() -> None:
    frames = make()
    for index in range(2):
        send(frames, moment(20 + index), 10.0)
    before = taken(frames, 10.0)
    again = moment(0)
    send(frames, again, 11.0)
    (live,) = taken(frames, 11.0)
    assert {frame.timeline for frame in before} == {0}
    assert live.timeline == frames.timeline == 1
    assert live.frame.index == 0
    # The pose is that of the new timeline: no old ones are left to interpolate with.
    assert live.frame.odom_T_velo is not None
    np.testing.assert_allclose(live.frame.odom_T_velo[:2, 3], [0.0, 0.0], atol=1e-12)


def test_what_never_came_is_not_waited_for_again_when_the_clock_is_set_back() -> None:
    frames = make()
    send(frames, moment(20), 10.0, without=("/tf",))
    assert len(taken(frames, 10.0 + WAIT_S)) == 1
    send(frames, moment(0), 11.0, without=("/tf",))
    (live,) = taken(frames, 11.0)
    assert live.timeline == 1
    assert live.frame.odom_T_velo is None


def test_what_came_before_is_waited_for_again_when_the_clock_is_set_back() -> None:
    frames = make()
    send(frames, moment(20), 10.0)
    taken(frames, 10.0)
    made = moment(0)
    send(frames, made, 11.0, without=("/tf",))
    assert frames.take(11.0) is None
    frames.add("/tf", made.transforms, 11.1)
    (live,) = taken(frames, 11.1)
    assert live.timeline == 1
    assert live.frame.odom_T_velo is not None


def test_what_waits_when_the_clock_is_set_back_is_dropped_and_counted() -> None:
    frames = make()
    send(frames, moment(20), 10.0)
    taken(frames, 10.0)
    send(frames, moment(21), 10.1, without=("/tf",))
    send(frames, moment(0), 10.2)
    assert [live.timeline for live in taken(frames, 10.2)] == [1]
    assert frames.drops[POINTS, "time_jump"] == 1


def test_a_scan_without_frame_id_is_dropped_and_counted() -> None:
    frames = make()
    made = moment(0)
    made.cloud.header.frame_id = ""
    send(frames, made, 10.0)
    assert taken(frames, 10.0 + WAIT_S) == []
    assert frames.drops[POINTS, "empty_frame_id"] == 1


def test_a_camera_that_falls_silent_delays_the_frames_once_only() -> None:
    frames = make(queue_size=50)
    counts = []
    for index in range(12):
        send(frames, moment(index), 10.0, without=(IMAGE,) if index else ())
        counts.append(len(taken(frames, 10.0)))
    # More than half a second is waited for the first image, and for no later one.
    assert counts == [1, 0, 0, 0, 0, 0, 0, 7, 1, 1, 1, 1]


@pytest.mark.parametrize("stamp_step", [0, -STEP_NS])
def test_a_stamp_that_does_not_rise_is_no_frame(stamp_step: int) -> None:
    frames = make(images=())
    for index in (5, 5 + stamp_step // STEP_NS):
        send(frames, moment(index), 10.0, without=(IMAGE, INFO))
    assert len(taken(frames, 10.0)) == 1
    assert sum(frames.drops.values()) == 1
