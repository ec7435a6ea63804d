# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What each witness says of an object, on eight points counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unit.labeling.label_scenes import make_frame, make_label

from unsup_track_ros.deferred import Deferred
from unsup_track_ros.labeling.cues import detection_cues, flow_cue, object_cues
from unsup_track_ros.structures.flow import FlowStatus, OpticalFlow
from unsup_track_ros.structures.image_objects import ImageObjects
from unsup_track_ros.structures.motion import MotionRegions, MotionSegmentation, MotionStatus
from unsup_track_ros.structures.result import PerceptionResult

# Four points on object 1, two on object 2, none on object 3, two on nothing.
OBJECT = np.array([1, 1, 1, 1, 2, 2, 0, 0])
YES, NO = True, False
MOTION = MotionSegmentation(
    status=MotionStatus.OK,
    moving_points=np.array([YES, YES, YES, NO, NO, NO, YES, YES]),
    judged_points=np.ones(8, bool),
    free_space=np.array([0.5, 0.5, 0.5, 0.1, 0, 0, 1, 1], np.float32),
    flow_moving_points=np.array([YES, NO, NO, YES, NO, NO, YES, YES]),
    flow_judged_points=np.array([YES, YES, NO, NO, NO, NO, YES, YES]),
)
NOBODY = np.full(3, np.nan)


def test_every_value_is_a_share_of_the_points_on_the_object() -> None:
    cues = object_cues(OBJECT, MOTION, np.array([0.7, np.nan, np.nan]))
    np.testing.assert_allclose(cues.motion, [0.75, 0.0, np.nan])
    np.testing.assert_allclose(cues.free_space, [0.4, 0.0, np.nan])
    np.testing.assert_allclose(cues.appearance, [0.7, np.nan, np.nan])


def test_flow_counts_only_the_points_that_the_camera_judged() -> None:
    np.testing.assert_allclose(flow_cue(OBJECT, MOTION, 3), [0.5, np.nan, np.nan])


def test_a_witness_that_is_not_there_says_nothing() -> None:
    blind = replace(MOTION, free_space=None, flow_moving_points=None, flow_judged_points=None)
    cues = object_cues(OBJECT, blind, NOBODY)
    assert np.isnan([cues.free_space, cues.flow, cues.appearance]).all()
    assert np.isfinite(cues.motion[:2]).all()
    assert len(object_cues(np.zeros(8, np.int64), MOTION, np.zeros(0))) == 0


def result(num_regions: int) -> PerceptionResult:
    """One box in front of the vehicle; its region holds the first five points of the scan."""
    label = make_label(0)
    motion = replace(label.motion, moving_points=np.arange(1000) < 4)
    region = np.where(np.arange(1000) < 5, min(num_regions, 1), 0)
    return PerceptionResult(
        frame=make_frame(0),
        flow=OpticalFlow(status=FlowStatus.NO_CAMERA),
        egomotion=label.egomotion,
        motion=motion,
        regions=MotionRegions(
            point_region=region,
            scores=np.ones(num_regions, np.float32),
            motion=np.ones(num_regions, np.int64),
            flow_velo=np.zeros((num_regions, 3), np.float32),
        ),
        detections=label.detections,
        tracks=label.tracks,
        mapping=Deferred(lambda: None),
        checking=Deferred(lambda: None),
    )


def test_the_points_are_those_of_the_region_and_without_regions_those_in_the_box() -> None:
    assert detection_cues(result(1), network_found=False).motion.tolist() == [0.8]
    points = make_frame(0).cloud.points_velo - np.array([12.0, 0.5, -1.0])
    turned = points[:, :2] @ np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]])
    inside = (np.abs(turned) <= [2.1, 0.9]).all(axis=1) & (np.abs(points[:, 2]) <= 0.75)
    assert inside.any()
    share = inside[:4].sum() / inside.sum()
    assert detection_cues(result(0), network_found=False).motion.tolist() == [share]


@pytest.mark.parametrize(("right_px", "expected"), [(60.0, 0.6), (30.0, np.nan)])
def test_appearance_is_what_is_followed_in_the_image_at_its_place(
    right_px: float, expected: float
) -> None:
    """The object's box is 40 x 40 px: the narrow one covers a quarter of it."""
    seen = ImageObjects(
        stamp_ns=0,
        ids=np.array([5]),
        boxes_pix=np.array([[20.0, 30.0, right_px, 70.0]]),
        scores=np.array([0.6]),
        embeddings=np.zeros((1, 4)),
    )
    cues = detection_cues(replace(result(1), image_objects=seen), network_found=False)
    np.testing.assert_array_equal(cues.appearance, [expected])


def test_of_a_network_s_detections_the_score_is_its_word() -> None:
    cues = detection_cues(result(1), network_found=True)
    np.testing.assert_array_equal(cues.appearance, [1 / 3])
