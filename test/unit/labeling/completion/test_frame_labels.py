# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The completed label of one frame, from objects and looks made up by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from unit.labeling.completion.stretches import Sighting, cues_of, detections_of
from unit.labeling.label_scenes import NUM_POINTS, make_label

from unsup_track_ros.labeling.completion.frame_labels import (
    FrameObjects,
    completed_label,
    uncompleted_label,
)
from unsup_track_ros.labeling.completion.objects import Objects
from unsup_track_ros.labeling.completion.second_look import SecondLook
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.motion import MotionState, MotionStatus
from unsup_track_ros.structures.tracks import TrackState
from unsup_track_ros.tracking.trajectories import Trajectories

INDEX = 4  # of the frame: its LiDAR is at x = 2 m in odom
DRIVING, BRAKED, DOUBTFUL, PARKED = range(4)
BOXES = np.array([(12.0 + 5 * n, 3.0 * n, 0.0, 4.5, 1.8, 1.5, 0.1 * n) for n in range(4)])
SPEEDS_MPS = np.array([5.0, 0.1, 6.0, 0.0])


def objects() -> Objects:
    """Four objects: one that drives, one that stands now, one in doubt, one that never moved."""
    num, length = 4, 3
    velocities = np.zeros((num, length, 3))
    velocities[..., 0] = SPEEDS_MPS[:, None]
    seen = np.ones((num, length), bool)
    seen[BRAKED, 1] = False
    return Objects(
        trajectories=Trajectories(
            first=np.array([3, 3, 4, 4]),
            length=np.full(num, length),
            boxes_odom=np.tile(BOXES[:, None], (1, length, 1)),
            velocities_odom=velocities,
            position_covariances_odom=np.tile(0.04 * np.eye(3), (num, length, 1, 1)),
            velocity_covariances_odom=np.tile(0.25 * np.eye(3), (num, length, 1, 1)),
            seen=seen,
            heading_known=np.array([True, True, True, False]),
            size_seen=np.ones((num, 3), bool),
        ),
        sighting_of=np.zeros(0, np.int64),
        weights=np.array([1.0, 1.0, 0.0, 0.5]),
        doubts=("", "", "It did not get far enough to be sure that it moved.", ""),
        mover=np.array([True, True, True, False]),
        sightings=np.full(num, 20),
        moving_sightings=np.array([5, 30, 1, 0]),
        travel_m=np.array([30.0, 10.0, 0.4, 0.0]),
    )


# One detection of the look per row: of the driving object, a fragment of it, of no object, of the
# one in doubt, of the parked one.
OWNER = np.array([DRIVING, DRIVING, -1, DOUBTFUL, PARKED])
POINTS = (12, 24, 8, 9, 36)
# Points 0..5 lie on detections 1..5, points 6 and 7 on none.
REGION = np.array([1, 2, 3, 3, 4, 5, 0, 0])
SEEN_MOVING = np.array([False, True, True, False, True, True, True, False])


def look() -> SecondLook:
    region = np.zeros(NUM_POINTS, np.int32)
    region[:8] = REGION
    moving = np.zeros(NUM_POINTS, bool)
    moving[:8] = SEEN_MOVING
    sightings = [Sighting(x=0, y=0, num_points=num) for num in POINTS]
    return SecondLook(
        detections=detections_of(INDEX, sightings),
        point_region=region,
        moving_points=moving,
        judged_points=np.ones(NUM_POINTS, bool),
        cues=cues_of(np.array([1.0, 0.25, 0.9, 0.8, 0.0])),
    )


def here(*shown: int) -> FrameObjects:
    them = objects()
    return FrameObjects(
        objects=them,
        shown=np.array(shown, np.int64),
        place=INDEX - them.trajectories.first[list(shown)],
        owner=OWNER,
        ids=100 + np.array(shown, np.int64),
        ages_s=np.array([0.1, 0.1, 0.0, 0.0])[list(shown)],
    )


def completed(*, with_camera: bool = True) -> FrameLabel:
    label = make_label(INDEX, with_camera=with_camera)
    return completed_label(label, look(), here(DRIVING, BRAKED, PARKED), 0.5)


def test_boxes_are_those_of_the_whole_objects_seen_from_the_sensor() -> None:
    detections = completed().detections
    expected = BOXES[[DRIVING, BRAKED, PARKED]] - np.array([2.0, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(detections.boxes_velo, expected)
    np.testing.assert_allclose(detections.velocities_velo[:, 0], [5.0, 0.1, 0.0])
    assert detections.heading_known.tolist() == [True, True, False]
    assert detections.num_points.tolist() == [36, 0, 36]
    assert np.isfinite(detections.boxes_pix).all()
    assert np.isnan(completed(with_camera=False).detections.boxes_pix).all()


def test_an_object_moves_from_a_speed_on_and_stands_below_it() -> None:
    states = [MotionState.MOVING, MotionState.STANDING, MotionState.STANDING]
    assert completed().detections.motion.tolist() == states
    label = completed_label(make_label(INDEX), look(), here(DRIVING), 5.5)
    assert label.detections.motion.tolist() == [MotionState.STANDING]


def test_scores_rank_by_weight_evidence_and_points() -> None:
    """Half of ten moving sightings and 36 points: 0.5 * (0.5 + 0.5 * 36 / 48) = 0.4375."""
    scores = completed().detections.scores
    np.testing.assert_allclose(scores, [0.4375, 0.5, 0.5 * 0.875])


def test_tracks_are_the_objects_with_weights_and_what_was_seen() -> None:
    label = completed()
    tracks = label.tracks
    assert tracks.ids.tolist() == [100, 101, 103]
    np.testing.assert_allclose(tracks.boxes_odom, BOXES[[DRIVING, BRAKED, PARKED]])
    assert tracks.existence.tolist() == [1.0, 1.0, 0.5]
    assert label.track_weights is not None
    assert label.track_weights.tolist() == [1.0, 1.0, 0.5]
    states = [TrackState.CONFIRMED, TrackState.COASTING, TrackState.CONFIRMED]
    assert tracks.states.tolist() == states
    np.testing.assert_allclose(tracks.ages_s, [0.1, 0.1, 0.0])
    assert tracks.detection_index.tolist() == [0, 1, 2]


def test_objects_decide_about_their_points_and_the_evidence_about_all_others() -> None:
    """Points on the driving object move, seen or not; on standing and doubtful ones they do not."""
    expected = [True, True, True, False, False, False, True, False]
    moving = completed().motion.moving_points
    assert moving[:8].tolist() == expected
    assert not moving[8:].any()


def test_the_label_says_its_pass_keeps_the_pixels_and_has_no_grid() -> None:
    causal, label = make_label(INDEX), completed()
    assert causal.label_pass == "causal"
    assert label.label_pass == "completed"
    assert label.grids is None
    assert label.motion.status is MotionStatus.OK
    assert label.motion.moving_pixels is not None
    assert causal.motion.moving_pixels is not None
    assert label.motion.moving_pixels.tolist() == causal.motion.moving_pixels.tolist()
    assert label.egomotion is not None


def test_a_look_without_evidence_leaves_the_reason_of_the_causal_label() -> None:
    reason = "This is the first frame of its stream."
    label = make_label(INDEX)
    nothing = np.zeros(NUM_POINTS, bool)
    motion = dataclasses.replace(
        label.motion,
        status=MotionStatus.NO_PAST_FRAME,
        reason=reason,
        moving_points=nothing,
        judged_points=nothing,
    )
    blind = dataclasses.replace(look(), moving_points=nothing, judged_points=nothing)
    answer = completed_label(dataclasses.replace(label, motion=motion), blind, here(), 0.5)
    assert (answer.motion.status, answer.motion.reason) == (MotionStatus.NO_PAST_FRAME, reason)
    seen = completed_label(dataclasses.replace(label, motion=motion), look(), here(), 0.5)
    assert (seen.motion.status, seen.motion.reason) == (MotionStatus.OK, "")


@pytest.mark.parametrize("lost", [True, False])
def test_a_frame_without_pose_or_without_objects_has_only_its_points(lost: bool) -> None:
    label = make_label(INDEX)
    if lost:
        egomotion = dataclasses.replace(
            label.egomotion, status=EgomotionStatus.MISSING_TRANSFORM, odom_T_velo1=None
        )
        answer = completed_label(
            dataclasses.replace(label, egomotion=egomotion), look(), here(DRIVING), 0.5
        )
    else:
        answer = uncompleted_label(label, look())
    assert answer.label_pass == "completed"
    assert len(answer.detections) == len(answer.tracks) == 0
    assert answer.track_weights is not None
    assert len(answer.track_weights) == 0
    assert answer.motion.moving_points[:8].tolist() == SEEN_MOVING.tolist()


def test_cues_of_an_object_are_those_of_its_parts_by_their_points() -> None:
    """12 points that all move, 24 of which a quarter does: 18 of 36. The braked one is hidden."""
    cues = completed().cues
    assert cues is not None
    np.testing.assert_allclose(cues.motion, [0.5, np.nan, 0.0])
    assert np.isnan(cues.free_space).all()


def test_the_flow_that_the_causal_pass_saw_is_a_cue_of_the_whole_object() -> None:
    """Points 0 and 1 lie on the driving object, point 5 on the parked one."""
    label = make_label(INDEX)
    flow_moving, flow_judged = np.zeros((2, NUM_POINTS), bool)
    flow_moving[[0, 6]], flow_judged[[0, 1, 5, 6]] = True, True
    seen = dataclasses.replace(
        label.motion, flow_moving_points=flow_moving, flow_judged_points=flow_judged
    )
    label = dataclasses.replace(label, motion=seen)
    done = completed_label(label, look(), here(DRIVING, BRAKED, PARKED), 0.5)
    assert done.cues is not None
    np.testing.assert_allclose(done.cues.flow, [0.5, np.nan, 0.0])
    assert done.motion.flow_moving_points is flow_moving
