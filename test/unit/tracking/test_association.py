# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Association in stages, on small hand-made cost matrices."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.structures.motion import MotionState
from unsup_track_ros.tracking import association
from unsup_track_ros.tracking.association import Assignment, AssociationConfig, Candidates
from unsup_track_ros.tracking.visible_extent import VisibleExtentConfig

CONFIG = AssociationConfig()
FAR = np.inf


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    """Return upright boxes from (x, y, length, width)."""
    return np.array(
        [(x, y, 0, length, width, 2, 0) for x, y, length, width in rows], np.float64
    ).reshape(-1, 7)


def associate(
    cost: list[list[float]],
    confirmed: list[bool],
    scores: list[float],
    inside: np.ndarray | None = None,
    distance: list[list[float]] | None = None,
    motion: list[MotionState] | None = None,
) -> Assignment:
    costs = np.array(cost, np.float64).reshape(len(confirmed), len(scores))
    apart = costs if distance is None else np.array(distance, np.float64)
    states = [MotionState.MOVING] * len(scores) if motion is None else motion
    return association.associate(
        Candidates(
            distance=apart,
            overlap_cost=costs,
            recovery_cost=apart + costs,
            believed=np.zeros(len(costs), bool),
            appearance_cost=np.zeros(costs.shape),
        ),
        np.zeros((len(scores), len(confirmed))) if inside is None else inside,
        np.array(confirmed, bool),
        (np.array(scores, np.float64), np.array(states, np.int64)),
        CONFIG,
    )


def test_the_total_cost_counts_not_the_single_best_pair() -> None:
    result = associate([[0.1, 0.2], [0.2, 1.3]], [True, True], [0.9, 0.9])
    assert result.detection_of_track.tolist() == [1, 0]
    assert result.track_of_detection.tolist() == [1, 0]


def test_confirmed_tracks_choose_before_tentative_ones() -> None:
    result = associate([[0.1], [0.9]], [False, True], [0.9])
    assert result.detection_of_track.tolist() == [-1, 0]


def test_high_scores_are_given_before_low_ones_and_low_ones_only_to_confirmed_tracks() -> None:
    result = associate([[0.9, 0.1], [FAR, 0.1]], [True, False], [0.9, 0.1])
    assert result.detection_of_track.tolist() == [0, -1]
    assert associate([[0.1]], [True], [0.1]).detection_of_track.tolist() == [0]
    assert associate([[0.1]], [True], [0.01]).detection_of_track.tolist() == [-1]


def test_what_overlaps_too_little_is_recovered_by_distance() -> None:
    result = associate([[1.9]], [True], [0.9], distance=[[2.0]])
    assert result.detection_of_track.tolist() == [0]
    result = associate([[1.9]], [True], [0.1], distance=[[2.0]])
    assert result.detection_of_track.tolist() == [-1]


def test_pairs_outside_the_gates_are_never_assigned() -> None:
    result = associate([[FAR, FAR], [FAR, 0.3]], [True, True], [0.9, 0.9])
    assert result.detection_of_track.tolist() == [-1, 1]


def test_a_free_detection_inside_a_matched_track_is_a_part_of_it() -> None:
    inside = np.array([[0.9], [0.6], [0.3]])
    result = associate([[0.5, FAR, FAR]], [True], [0.9, 0.9, 0.9], inside)
    assert result.detection_of_track.tolist() == [0]
    assert result.track_of_detection.tolist() == [0, 0, -1]


@pytest.mark.parametrize("state", [MotionState.STANDING, MotionState.UNSURE])
def test_what_is_not_seen_moving_goes_on_with_a_confirmed_track_it_overlaps_and_no_other(
    state: MotionState,
) -> None:
    near = associate([[0.1]], [True], [0.9], motion=[state])
    assert near.detection_of_track.tolist() == [0]
    tentative = associate([[0.1]], [False], [0.9], motion=[state])
    assert tentative.detection_of_track.tolist() == [-1]
    only_by_distance = associate([[1.9]], [True], [0.9], distance=[[2.0]], motion=[state])
    assert only_by_distance.detection_of_track.tolist() == [-1]


def test_what_moves_is_given_before_what_does_not_however_well_that_fits() -> None:
    states = [MotionState.UNSURE, MotionState.MOVING]
    result = associate([[0.1, 0.9]], [True], [0.9, 0.9], motion=states)
    assert result.detection_of_track.tolist() == [1]


def test_looks_decide_between_places_that_are_equally_good_and_open_no_gate() -> None:
    for far, expected in ((0.9, 1), (np.inf, 0)):
        costs = np.array([[0.9, far]])
        candidates = Candidates(
            distance=costs,
            overlap_cost=costs,
            recovery_cost=2 * costs,
            believed=np.zeros(1, bool),
            appearance_cost=np.array([[0.5, -0.5]]),
        )
        seen = np.full(2, 0.9), np.full(2, int(MotionState.MOVING))
        found = association.associate(candidates, np.zeros((2, 1)), np.ones(1, bool), seen, CONFIG)
        assert found.detection_of_track.tolist() == [expected]


def test_refused_pairs_are_outside_the_gates() -> None:
    both = Candidates(
        distance=np.ones((1, 2)),
        overlap_cost=np.full((1, 2), 0.5),
        recovery_cost=np.full((1, 2), 1.5),
        believed=np.zeros(1, bool),
        appearance_cost=np.zeros((1, 2)),
    )
    left = association.without(both, np.array([[True, False]]))
    assert left.distance.tolist() == [[np.inf, 1.0]]
    assert left.overlap_cost.tolist() == [[np.inf, 0.5]]
    assert left.recovery_cost.tolist() == [[np.inf, 1.5]]
    assert both.distance.tolist() == [[1.0, 1.0]]


def test_nothing_on_either_side_is_answered() -> None:
    assert associate([], [], [0.9]).track_of_detection.tolist() == [-1]
    assert associate([[]], [True], []).detection_of_track.tolist() == [-1]
    assert associate([], [], []).track_of_detection.tolist() == []


def find(tracks: np.ndarray, seen: np.ndarray, deviation_m: float = 0.2) -> Candidates:
    covariances = np.broadcast_to(np.eye(3) * deviation_m**2, (len(tracks), 3, 3))
    configs = (CONFIG, VisibleExtentConfig())
    return association.find_candidates(tracks, covariances, seen, np.zeros(3), 0.15, configs)


def test_the_gate_is_four_deviations_of_prediction_and_measurement() -> None:
    track = boxes((20, 0, 4, 2))
    limit = 4 * np.hypot(0.2, 0.15)
    assert np.isfinite(find(track, boxes((20 + limit - 0.01, 0, 4, 2))).distance).all()
    assert np.isinf(find(track, boxes((20 + limit + 0.01, 0, 4, 2))).distance).all()


def test_the_gate_ends_at_a_distance_however_unsure_the_prediction() -> None:
    track = boxes((20, 0, 4, 2))
    assert np.isfinite(find(track, boxes((24.9, 0, 4, 2)), 5.0).distance).all()
    assert np.isinf(find(track, boxes((25.1, 0, 4, 2)), 5.0).distance).all()


def test_a_fragment_at_the_far_end_of_a_truck_is_no_distance_from_it() -> None:
    truck, part = boxes((20, 0, 12, 2.5)), boxes((25, 0, 2, 2.5))
    assert find(truck, part).distance[0, 0] < 1.0


def test_the_cost_of_the_same_box_is_zero() -> None:
    same = boxes((20, 0, 4, 2))
    assert find(same, same).overlap_cost[0, 0] == pytest.approx(0.0)
    assert find(same, boxes()).distance.shape == (1, 0)


def test_the_share_inside_is_that_of_the_inner_box() -> None:
    inner, outer = boxes((0, 0, 2, 2), (3, 0, 2, 2)), boxes((0, 0, 6, 4))
    np.testing.assert_allclose(association.share_inside(inner, outer), [[1.0], [0.5]])


def test_a_hidden_track_is_found_where_it_is_believed_to_be_denser_than_strangers_are() -> None:
    nothing = np.full((2, 2), np.inf)
    blank = Candidates(
        distance=nothing,
        overlap_cost=nothing,
        recovery_cost=nothing,
        believed=np.zeros(2, bool),
        appearance_cost=np.zeros((2, 2)),
    )
    stranger = np.log(CONFIG.emergences_per_m2)
    densities = np.array([[stranger + 1.0, stranger - 0.1]])
    believing = association.with_beliefs(blank, np.array([1]), densities, CONFIG)
    for motion in (MotionState.MOVING, MotionState.STANDING):
        found = association.associate(
            believing,
            np.zeros((2, 2)),
            np.ones(2, bool),
            (np.full(2, 0.8), np.full(2, int(motion))),
            CONFIG,
        )
        assert found.detection_of_track.tolist() == [-1, 0]
        assert found.track_of_detection.tolist() == [1, -1]


def test_what_comes_by_at_the_likeliest_place_is_not_the_hidden_track_unless_believed() -> None:
    at_hand = np.zeros((1, 1))  # the detection lies where the track is thought to be
    overlapping = Candidates(
        distance=at_hand,
        overlap_cost=at_hand,
        recovery_cost=at_hand,
        believed=np.zeros(1, bool),
        appearance_cost=np.zeros((1, 1)),
    )
    too_large = np.full((1, 1), np.log(CONFIG.emergences_per_m2) - 5.0)
    believing = association.with_beliefs(overlapping, np.array([0]), too_large, CONFIG)
    seen = (np.full(1, 0.8), np.full(1, int(MotionState.MOVING)))
    for candidates, track in ((overlapping, 0), (believing, -1)):
        found = association.associate(candidates, np.ones((1, 1)), np.ones(1, bool), seen, CONFIG)
        assert found.track_of_detection.tolist() == [track]
