# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Looks as a cue of the tracker: the memory by hand, and walkers that only looks tell apart."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.structures.tracks import Tracks
from unsup_track_ros.tracking.appearance import AppearanceConfig, AppearanceMemory
from unsup_track_ros.tracking.tracker import Tracker, TrackerConfig

RED, BLUE = [2.0, 0.0], [0.0, 3.0]
UNKNOWN = [np.nan, np.nan]
PERIOD_NS = 100_000_000


def memory(weight: float = 1.0, kept: float = 0.5) -> AppearanceMemory:
    """Return a memory for which half alike is neutral."""
    config = AppearanceConfig(weight=weight, neutral_cosine=0.5, memory=kept)
    return AppearanceMemory(config)


def rows(*values: list[float]) -> np.ndarray:
    """Return embeddings as rows."""
    return np.array(values, np.float64).reshape(-1, 2)


def test_what_looks_alike_gains_and_what_looks_different_loses() -> None:
    looks = memory(weight=2.0)
    looks.see(np.array([3, 7]), np.array([0, 1]), rows(RED, BLUE))
    costs = looks.costs(np.array([3, 5, 7]), rows(BLUE, RED, UNKNOWN))
    # Cosine 1 is half above neutral, 0 half below; track 5 was never seen.
    np.testing.assert_allclose(costs, [[1.0, -1.0, 0.0], [0.0, 0.0, 0.0], [-1.0, 1.0, 0.0]])


def test_looks_are_the_mean_of_what_was_seen_and_stay_while_nothing_is() -> None:
    looks = memory()
    looks.see(np.array([3]), np.array([0]), rows(RED))
    looks.see(np.array([3]), np.array([0]), rows(BLUE))
    looks.see(np.array([3]), np.array([-1]), rows(BLUE))
    looks.see(np.array([3]), np.array([0]), rows(UNKNOWN))
    costs = looks.costs(np.array([3]), rows(RED, BLUE))
    np.testing.assert_allclose(costs, [[0.5 - np.sqrt(0.5)] * 2])


def test_the_dead_are_forgotten() -> None:
    looks = memory()
    looks.see(np.array([3, 4]), np.array([0, 1]), rows(RED, BLUE))
    looks.see(np.array([4]), np.array([-1]), rows())
    assert looks.state()["ids"].tolist() == [4]


def test_embeddings_of_another_network_say_nothing_of_what_was_seen_before() -> None:
    looks = memory()
    looks.see(np.array([3]), np.array([0]), rows(RED))
    assert looks.costs(np.array([3]), np.ones((1, 5))).tolist() == [[0.0]]
    looks.see(np.array([3]), np.array([0]), np.ones((1, 5)))
    np.testing.assert_allclose(looks.costs(np.array([3]), np.ones((1, 5))), [[-0.5]])


def walkers(frame: int, boxes: np.ndarray) -> tuple[Detections, Egomotion]:
    """Return a frame in which people are seen."""
    stamp_ns, num = frame * PERIOD_NS, len(boxes)
    detections = Detections(
        stamp_ns=stamp_ns,
        boxes_velo=boxes,
        scores=np.full(num, 0.8),
        velocities_velo=np.full((num, 3), np.nan),
        heading_known=np.zeros(num, bool),
        motion=np.full(num, int(MotionState.MOVING)),
        num_points=np.full(num, 50, np.int64),
        boxes_pix=np.full((num, 4), np.nan),
    )
    pose = Egomotion(
        status=EgomotionStatus.OK,
        source=EgomotionSource.TF,
        stamp0_ns=0,
        stamp1_ns=stamp_ns,
        odom_T_velo1=np.eye(4),
    )
    return detections, pose


def identities(
    *, turn_back: bool, with_looks: bool = True, weight: float = AppearanceConfig().weight
) -> tuple[list[int], list[int]]:
    """Let two people meet behind a pillar; return who is red and who is blue before and after.

    What is measured is the same whether they pass each other or turn back.
    """
    config = TrackerConfig(appearance=AppearanceConfig(weight=weight))
    tracker, first, last = Tracker(config), list[int](), list[int]()
    for frame in range(1, 41):
        along = 1.4 * 0.1 * (frame - 20)
        if abs(along) < 0.3:
            continue
        boxes = np.array([[8, along, 0, 0.6, 0.6, 1.7, 0], [8, -along, 0, 0.6, 0.6, 1.7, 0]])
        looks = rows(BLUE, RED) if turn_back and frame > 20 else rows(RED, BLUE)
        tracks = tracker.step(*walkers(frame, boxes), looks if with_looks else None)
        if frame == 17:
            first = _nearest(tracks, boxes)
        last = _nearest(tracks, boxes)[:: -1 if turn_back else 1]
    return first, last


def _nearest(tracks: Tracks, boxes: np.ndarray) -> list[int]:
    apart = np.linalg.norm(tracks.boxes_odom[None, :, :2] - boxes[:, None, :2], axis=-1)
    return [int(number) for number in tracks.ids[apart.argmin(axis=1)]]


@pytest.mark.parametrize("turn_back", [False, True])
def test_people_who_meet_out_of_sight_are_told_apart_by_their_looks(turn_back: bool) -> None:
    first, last = identities(turn_back=turn_back)
    assert first == last
    assert len(set(first)) == 2


@pytest.mark.parametrize(("with_looks", "weight"), [(False, 2.0), (True, 0.0)])
def test_without_looks_people_are_taken_to_walk_on(with_looks: bool, weight: float) -> None:
    first, last = identities(turn_back=False, with_looks=with_looks, weight=weight)
    assert first == last
    first, last = identities(turn_back=True, with_looks=with_looks, weight=weight)
    assert first == last[::-1]


def test_a_tracker_goes_on_with_the_looks_that_its_state_holds() -> None:
    whole, resumed = Tracker(TrackerConfig()), Tracker(TrackerConfig())
    boxes = np.array([[8, 0, 0, 0.6, 0.6, 1.7, 0], [8, 3.0, 0, 0.6, 0.6, 1.7, 0]])
    for frame in range(1, 8):
        whole.step(*walkers(frame, boxes), rows(RED, BLUE))
    resumed.restore(whole.state())
    boxes[:, 1] += 1.4
    swapped = walkers(9, boxes)
    after = [tracker.step(*swapped, rows(RED, BLUE)).ids.tolist() for tracker in (whole, resumed)]
    assert after[0] == after[1]
    for name, value in whole.state().items():
        np.testing.assert_array_equal(value, resumed.state()[name])
