# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tracker is told about unseen objects, and what it makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.tracking.test_tracker import car, detections, drive, egomotion, stamp, step

from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.tracks import Tracks
from unsup_track_ros.tracking.permanence import (
    Permanence,
    Recognition,
    Sightings,
    UnseenTracks,
    Whereabouts,
)
from unsup_track_ros.tracking.tracker import Tracker, TrackerConfig

CONFIG = TrackerConfig()


class Told:
    """Says the same of every track, and keeps what it was asked."""

    def __init__(self, exposure: float = 1.0, position: tuple[float, ...] | None = None) -> None:
        self.exposure, self.position = exposure, position
        self.asked: list[UnseenTracks] = []

    def recognise(self, ids: np.ndarray, sightings: Sightings) -> Recognition:  # noqa: ARG002
        return Recognition.none(len(sightings))

    def whereabouts(self, tracks: UnseenTracks) -> Whereabouts:
        self.asked.append(tracks)
        told = Whereabouts.unknown(len(tracks))
        told = replace(told, exposure=np.full(len(tracks), self.exposure))
        if self.position is None:
            return told
        return replace(
            told,
            states_odom=np.tile([*self.position, 0.0, 0.0, 0.0], (len(tracks), 1)),
            covariances_odom=np.tile(np.eye(6) * 0.01, (len(tracks), 1, 1)),
        )


def lost(permanence: Permanence | None, num: int) -> tuple[Tracker, Tracks]:
    """Let a car of 8 m/s be seen ten times and then not be seen for `num` steps."""
    tracker = Tracker(CONFIG, permanence)
    tracks = drive(tracker, 10)
    for k in range(10, 10 + num):
        tracks = step(tracker, 0.1 * k)
    return tracker, tracks


def test_knowing_nothing_is_as_having_nobody_to_ask() -> None:
    _, alone = lost(None, 5)
    _, asked = lost(Told(), 5)
    np.testing.assert_array_equal(asked.boxes_odom, alone.boxes_odom)
    np.testing.assert_array_equal(asked.existence, alone.existence)


def test_only_tracks_without_a_detection_are_asked_about() -> None:
    permanence = Told()
    tracker, _ = lost(permanence, 0)
    assert permanence.asked == []
    before = drive(Tracker(CONFIG), 10)
    step(tracker, 1.0, car(40.0, -20.0))
    (asked,) = permanence.asked
    assert asked.stamp_ns == stamp(1.0)
    assert asked.ids.tolist() == before.ids.tolist()
    assert asked.seen_ns.tolist() == [stamp(0.9)]
    assert asked.confirmed.tolist() == [True]
    # At 8 m/s from where it was seen last, 7.2 m - 5 m.
    np.testing.assert_allclose(asked.boxes_odom[0, :2], [3.0, 15.0], atol=0.2)


def test_what_is_hidden_does_not_fade_and_what_is_seen_to_be_gone_fades_faster() -> None:
    _, seen = lost(None, 0)
    for exposure, num_alive in ((0.0, 1), (1.0, 1), (8.0, 0)):
        _, tracks = lost(Told(exposure), 5)
        assert len(tracks) == num_alive, exposure
        if exposure == 0.0:
            assert tracks.existence[0] == seen.existence[0]
        elif len(tracks):
            assert tracks.existence[0] < seen.existence[0]


def test_an_object_that_turned_where_nobody_saw_is_the_same_where_it_was_believed() -> None:
    # It stopped behind a wall, 8 m before where its velocity would have taken it.
    place = (3.0, 15.0, 0.0)
    for permanence, same in ((Told(0.0, place), True), (Told(0.0), False)):
        tracker, before = lost(permanence, 10)
        after = step(tracker, 2.0, car(*place[:2]))
        seen = after.ids[after.detection_index >= 0]
        assert (seen.tolist() == before.ids.tolist()) is same


def test_whereabouts_are_checked() -> None:
    told = Whereabouts.unknown(2)
    with pytest.raises(DataError, match="finite and not negative"):
        replace(told, exposure=np.array([1.0, -0.1]))


def test_an_answer_for_another_number_of_tracks_is_refused() -> None:
    class Silent(Told):
        def whereabouts(self, tracks: UnseenTracks) -> Whereabouts:
            return Whereabouts.unknown(len(tracks) - 1)

    with pytest.raises(DataError, match="asked about 1 tracks and answered for 0"):
        lost(Silent(), 1)


def test_a_lost_pose_asks_nobody_since_nothing_could_be_seen() -> None:
    permanence = Told()
    tracker, _ = lost(permanence, 0)
    tracker.step(detections(1.0), egomotion(1.0, lost=True))
    assert permanence.asked == []
