# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The plain tracker that ours is compared with."""

from __future__ import annotations

import numpy as np
from unit.tracking.test_sequence_tracking import drive, frame

from benchmark.plain_tracker import track_plainly


def test_a_car_that_drives_on_keeps_its_identity_from_the_first_frames_on() -> None:
    tracks = track_plainly(drive(10))
    assert tracks.frames.tolist() == list(range(10))
    assert set(tracks.ids.tolist()) == {1}
    np.testing.assert_allclose(tracks.boxes_odom[-1, :3], [14.0, 3.0, 0.0], atol=0.1)


def test_one_missed_frame_is_bridged_and_two_are_the_end() -> None:
    one = track_plainly(drive(12, gap=range(6, 7)))
    assert one.frames.tolist() == list(range(12))
    assert one.detected[6] == -1
    assert set(one.ids.tolist()) == {1}
    two = track_plainly(drive(12, gap=range(6, 8)))
    assert set(two.ids.tolist()) == {1, 2}


def test_what_comes_late_is_reported_from_its_third_hit_on() -> None:
    frames = [frame(n) for n in range(4)] + [frame(n, (10.0, 3.0)) for n in range(4, 9)]
    assert track_plainly(frames).frames.tolist() == [6, 7, 8]


def test_what_does_not_overlap_is_another() -> None:
    frames = [frame(0, (10.0, 3.0)), frame(1, (20.0, 3.0))]
    assert set(track_plainly(frames).ids.tolist()) == {1, 2}
