# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What counts on the KITTI tracking benchmark, on cubes along a line."""

from __future__ import annotations

import numpy as np
import pytest
from unit.evaluation.kitti_boxes import boxes, together

from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.association_scores import AssociationFrame
from unsup_track_ros.evaluation.kitti_rules import Space, counted_sequence, ruled_sequence
from unsup_track_ros.structures.tracked_boxes import TrackedBoxes


def counted(
    truth: TrackedBoxes, answer: TrackedBoxes, space: Space = Space.VOLUME
) -> list[AssociationFrame]:
    return counted_sequence(ruled_sequence(truth, answer, "Car", space), 0.5)


@pytest.mark.parametrize("space", list(Space))
def test_an_object_of_the_class_and_its_answer_count_and_overlap(space: Space) -> None:
    # Moved by 0.5 of 2 m: shared 1.5, joined 2.5.
    (frame,) = counted(boxes((0, 3, "Car", 2.0)), boxes((0, 8, "Car", 2.5)), space)
    assert frame.truth_ids.tolist() == [3]
    assert frame.track_ids.tolist() == [8]
    np.testing.assert_allclose(frame.similarity, [[0.6]])


@pytest.mark.parametrize(
    "ignored",
    [
        boxes((0, 3, "Van", 2.0)),
        boxes((0, 3, "Car", 2.0), occlusion=3),
        boxes((0, 3, "Car", 2.0), truncation=1),
    ],
    ids=["neighbour", "hidden", "cut off"],
)
def test_what_is_to_be_ignored_is_neither_missed_nor_wrong_to_find(ignored: TrackedBoxes) -> None:
    (frame,) = counted(ignored, boxes((0, 8, "Car", 2.0), (0, 9, "Car", 20.0)))
    assert frame.truth_ids.tolist() == []
    assert frame.track_ids.tolist() == [9]


def test_other_classes_are_as_nothing() -> None:
    (frame,) = counted(boxes((0, 3, "Truck", 2.0)), boxes((0, 8, "Car", 2.0)))
    assert frame.truth_ids.tolist() == []
    assert frame.track_ids.tolist() == [8]
    (frame,) = counted(boxes((0, 3, "Car", 2.0)), boxes((0, 8, "Pedestrian", 2.0)))
    assert frame.truth_ids.tolist() == [3]
    assert frame.track_ids.tolist() == []


def test_small_answers_are_wrong_only_where_they_match_nothing() -> None:
    truth = boxes((0, 3, "Car", 2.0))
    small = boxes((0, 8, "Car", 2.0), (0, 9, "Car", 20.0), height_px=25.0)
    (frame,) = counted(truth, small)
    assert frame.track_ids.tolist() == [8]
    (frame,) = counted(truth, boxes((0, 9, "Car", 20.0), height_px=25.5))
    assert frame.track_ids.tolist() == [9]


def test_answers_mostly_within_a_region_nobody_labelled_are_excused() -> None:
    region = boxes((0, -1, "DontCare", 20.0))
    answers = boxes((0, 8, "Car", 20.5), (0, 9, "Car", 21.5))  # 75 px and 25 px of 100 in it
    (frame,) = counted(together(boxes((0, 3, "Car", 2.0)), region), answers)
    assert frame.track_ids.tolist() == [9]


def test_every_frame_is_there_also_empty_ones() -> None:
    frames = counted(boxes((1, 3, "Car", 2.0)), boxes((3, 8, "Car", 2.0)))
    assert [len(frame.truth_ids) for frame in frames] == [0, 1, 0, 0]
    assert [len(frame.track_ids) for frame in frames] == [0, 0, 0, 1]


def test_a_class_the_benchmark_does_not_score_is_refused() -> None:
    with pytest.raises(DataError, match="scores Car and Pedestrian, got 'Tram'"):
        ruled_sequence(boxes(), boxes(), "Tram", Space.VOLUME)


def test_boxes_are_checked() -> None:
    with pytest.raises(DataError, match="sorted by frame"):
        boxes((1, 3, "Car", 2.0), (0, 3, "Car", 2.0))
    with pytest.raises(DataError, match="got 3 2 times in frame 1"):
        boxes((1, 3, "Car", 2.0), (1, 3, "Car", 9.0))
