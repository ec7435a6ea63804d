# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracking stage: with beliefs and without, and what it goes on from."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from unit.tracking.test_hidden_objects import wall
from unit.tracking.test_tracker import car, detections, egomotion

from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.tracks import Tracks, TrackState
from unsup_track_ros.tracking.hidden_objects import HiddenObjectsConfig
from unsup_track_ros.tracking.tracker import TrackerConfig
from unsup_track_ros.tracking.tracking_stage import TrackingStage

BEFORE_THE_CAR = partial(RangeImage, wall(8.0, -60, 60))


def stage(*, believes: bool = True) -> TrackingStage:
    return TrackingStage(TrackerConfig(), HiddenObjectsConfig(enabled=believes, min_seen_s=0.3))


def seen(k: int) -> Detections:
    """A car that drives away at 5 m/s until step 5 and is not detected from then on."""
    return detections(0.1 * k, *([car(20.0 + 0.5 * k)] if k < 5 else []))


def followed(stage: TrackingStage, first: int, end: int) -> list[Tracks]:
    return [stage.step(seen(k), egomotion(0.1 * k), BEFORE_THE_CAR) for k in range(first, end)]


def test_what_vanishes_behind_something_is_occluded_and_believed_to_be_somewhere() -> None:
    tracks = followed(stage(), 0, 9)[-1]
    assert tracks.states.tolist() == [TrackState.OCCLUDED]
    assert tracks.beliefs is not None
    assert tracks.beliefs.ids.tolist() == tracks.ids.tolist()


def test_without_permanence_the_scan_is_not_asked() -> None:
    tracks = followed(stage(believes=False), 0, 9)[-1]
    assert tracks.states.tolist() == [TrackState.COASTING]
    assert tracks.beliefs is None


@pytest.mark.parametrize("believes", [True, False])
def test_a_restored_stage_goes_on_with_the_same_bytes(*, believes: bool) -> None:
    whole, broken, other = (stage(believes=believes) for _ in range(3))
    expected = followed(whole, 0, 12)[7:]
    followed(broken, 0, 7)
    other.restore(broken.state())
    for one, another in zip(expected, followed(other, 7, 12), strict=True):
        arrays, others = to_arrays(one), to_arrays(another)
        assert arrays.keys() == others.keys()
        for name, value in arrays.items():
            np.testing.assert_array_equal(value, others[name], err_msg=name)


def test_a_reset_forgets_the_hidden_ones() -> None:
    hidden = stage()
    followed(hidden, 0, 9)
    hidden.reset()
    tracks = hidden.step(detections(2.0), egomotion(2.0), BEFORE_THE_CAR)
    assert len(tracks) == 0
    assert tracks.beliefs is not None
    assert len(tracks.beliefs) == 0


def test_what_was_seen_for_too_short_a_time_is_not_believed_in() -> None:
    patient = TrackingStage(TrackerConfig(), HiddenObjectsConfig(enabled=True, min_seen_s=0.5))
    assert followed(patient, 0, 9)[-1].states.tolist() == [TrackState.COASTING]
