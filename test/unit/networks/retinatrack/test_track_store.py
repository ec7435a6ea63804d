# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The track store: overlap and looks, memory, death, identities."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.networks.retinatrack.track_store import (
    TrackStore,
    TrackStoreConfig,
    greedy_matches,
)

LEFT = [0.0, 0.0, 10.0, 10.0]
RIGHT = [100.0, 0.0, 110.0, 10.0]
RED, BLUE = [1.0, 0.0], [0.0, 1.0]
STEP_NS = 100_000_000


def seen(
    store: TrackStore,
    frame: int,
    boxes: list[list[float]],
    looks: list[list[float]],
    scores: list[float] | None = None,
) -> list[int]:
    """Step with boxes of one frame; return their identities."""
    num = len(boxes)
    ids: list[int] = store.step(
        frame * STEP_NS,
        np.array(boxes, np.float64).reshape(num, 4),
        np.ones(num) if scores is None else np.array(scores),
        np.array(looks, np.float64).reshape(num, 2),
    ).tolist()
    return ids


def test_looks_tell_two_that_changed_places() -> None:
    store = TrackStore(TrackStoreConfig())
    assert seen(store, 0, [LEFT, RIGHT], [RED, BLUE]) == [0, 1]
    assert seen(store, 1, [LEFT, RIGHT], [BLUE, RED]) == [1, 0]


def test_the_iou_tracker_is_fooled_by_it() -> None:
    store = TrackStore(TrackStoreConfig(cues="iou"))
    assert seen(store, 0, [LEFT, RIGHT], [RED, BLUE]) == [0, 1]
    assert seen(store, 1, [LEFT, RIGHT], [BLUE, RED]) == [0, 1]


def test_place_decides_between_equals() -> None:
    store = TrackStore(TrackStoreConfig())
    seen(store, 0, [LEFT, RIGHT], [RED, RED])
    assert seen(store, 1, [RIGHT, LEFT], [RED, RED]) == [1, 0]


@pytest.mark.parametrize(("shift", "same"), [(4.2, True), (4.4, False)])
def test_an_overlap_below_the_threshold_counts_as_none(shift: float, same: bool) -> None:
    # Shifted by s of 10 px the IoU is (10 - s) / (10 + s): 0.408 and 0.389.
    store = TrackStore(TrackStoreConfig(cues="iou"))
    seen(store, 0, [LEFT], [RED])
    moved = [shift, 0.0, 10.0 + shift, 10.0]
    assert (seen(store, 1, [moved], [RED]) == [0]) is same


def test_similarity_is_the_mean_of_overlap_and_cosine() -> None:
    store = TrackStore(TrackStoreConfig(min_cosine=0.0))
    seen(store, 0, [LEFT], [RED])
    half = np.array([[0.0, 0.0, 10.0, 5.0]])
    found = store.similarity(half, np.array([[0.6, 0.8]]))
    assert found[0, 0] == pytest.approx(0.5 * (0.5 + 0.6))


def test_a_pair_that_looks_different_is_refused_however_much_it_overlaps() -> None:
    store = TrackStore(TrackStoreConfig(min_cosine=0.5))
    seen(store, 0, [LEFT], [RED])
    assert seen(store, 1, [LEFT], [BLUE]) == [1]


def test_only_the_latest_place_counts_however_many_looks_are_remembered() -> None:
    # Half of the box further each time: its first place is left to the one that comes after it.
    store = TrackStore(TrackStoreConfig(cues="iou", num_observations=5, min_iou=0.3))
    seen(store, 0, [LEFT], [RED])
    for frame, shift in enumerate((5.0, 10.0), start=1):
        assert seen(store, frame, [[shift, 0.0, shift + 10.0, 10.0]], [RED]) == [0]
    assert seen(store, 3, [LEFT], [RED]) == [1]


def test_any_of_the_last_looks_may_match() -> None:
    # Looks turn by 20 degrees at a time; 20 degrees are alike enough, 40 are not.
    for depth, expected in ((2, 0), (1, 1)):
        store = TrackStore(TrackStoreConfig(num_observations=depth, min_cosine=0.9))
        seen(store, 0, [LEFT], [RED])
        for frame, angle in enumerate(np.deg2rad([20, 40]), start=1):
            assert seen(store, frame, [LEFT], [[np.cos(angle), np.sin(angle)]]) == [0]
        assert seen(store, 3, [LEFT], [RED]) == [expected]


def test_a_track_dies_when_it_is_unseen_for_longer_than_the_limit() -> None:
    for gap, expected in ((40, 0), (41, 1)):
        store = TrackStore(TrackStoreConfig())
        seen(store, 0, [LEFT], [RED])
        assert seen(store, gap, [LEFT], [RED]) == [expected]


def test_unsure_detections_and_those_beyond_the_number_are_not_tracked() -> None:
    store = TrackStore(TrackStoreConfig(min_score=0.5, max_detections=1))
    assert seen(store, 0, [LEFT, RIGHT], [RED, BLUE], [0.4, 0.6]) == [-1, 0]
    assert seen(store, 1, [LEFT, RIGHT], [RED, BLUE], [0.9, 0.6]) == [1, -1]


def test_frames_without_detections_change_nothing() -> None:
    store = TrackStore(TrackStoreConfig())
    assert seen(store, 0, [], []) == []
    assert seen(store, 1, [LEFT], [RED]) == [0]
    assert seen(store, 2, [], []) == []
    assert seen(store, 3, [LEFT], [RED]) == [0]


def test_no_identity_is_used_twice_after_a_reset() -> None:
    store = TrackStore(TrackStoreConfig())
    seen(store, 0, [LEFT], [RED])
    store.reset()
    assert seen(store, 1, [LEFT], [RED]) == [1]


def test_a_restored_store_goes_on_as_the_one_before() -> None:
    first = TrackStore(TrackStoreConfig())
    seen(first, 0, [LEFT, RIGHT], [RED, BLUE])
    second = TrackStore(TrackStoreConfig())
    second.restore(first.state())
    for store in (first, second):
        assert seen(store, 1, [RIGHT, LEFT, LEFT], [BLUE, RED, BLUE]) == [1, 0, 2]


def test_greedy_matching_takes_the_best_pair_first() -> None:
    # The best total would be 0.8 + 0.7; greedy takes 0.9 and what is left.
    similarity = np.array([[0.9, 0.8], [0.7, 0.1]])
    assert greedy_matches(similarity, similarity > 0).tolist() == [0, 1]
    assert greedy_matches(similarity, similarity > 0.2).tolist() == [0, -1]
