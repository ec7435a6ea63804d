# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""OccSTQ: figures worked out by hand, and the published vectors of STQ."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.errors import DataError
from unsup_track_ros.evaluation.occ_stq import OccStq, OccStqRules, Variant
from unsup_track_ros.structures.voxel_scene import (
    LABEL_FREE,
    PanopticPrediction,
    VoxelClasses,
    VoxelLabels,
)
from unsup_track_ros.structures.voxels import VoxelGrid

MOVABLE, GROUND, FREE = LABEL_FREE.index("movable"), LABEL_FREE.index("ground"), LABEL_FREE.free
CROWD = 9
SKY_AND_THINGS = VoxelClasses(names=("thing", "sky", "void"), things=(0,), free=2)
# deeplab2 (Apache-2.0) at 64bc1c1a: truth, prediction, STQ, AQ, IoU; one pixel a frame.
VECTORS = [
    ("11111", "11111", 1.0, 1.0, 1.0),
    ("11111", "11222", 0.72111026, 0.52, 1.0),
    ("11111", "12222", 0.82462113, 0.68, 1.0),
    ("11111", "12345", 0.447213596, 0.2, 1.0),
    ("11111", "s1111", 0.50596443, 0.64, 0.4),
    ("c11111", "222211", 0.72111026, 0.52, 1.0),
    ("c11111", "22s111", 0.40824829, 0.4, 0.41666667),
    ("s1111", "11111", 0.56568542, 0.8, 0.4),
    ("s1111", "22211", 0.42426407, 0.45, 0.4),
]


def spelt(letter: str) -> tuple[np.ndarray, np.ndarray]:
    known = {"s": (1, 0), "c": (0, CROWD)}
    values = known.get(letter, (0, int(letter) if letter.isdigit() else 0))
    return np.array([values[0]]), np.array([values[1]])


@pytest.mark.parametrize(("truth", "answer", "stq", "aq", "iou"), VECTORS)
def test_published_vectors_of_stq_are_met(
    truth: str, answer: str, stq: float, aq: float, iou: float
) -> None:
    metric = OccStq(SKY_AND_THINGS, OccStqRules(min_voxels=1, crowd=CROWD))
    for true, said in zip(truth, answer, strict=True):
        metric.add_voxels("video", spelt(true), spelt(said))
    scores = metric.scores()
    assert (scores.stq, scores.aq, scores.sq) == pytest.approx((stq, aq, iou), abs=1e-7)


def scored(
    true: list[tuple[int, int]], said: list[tuple[int, int]], variant: Variant = "corrected"
) -> OccStq:
    metric = OccStq(LABEL_FREE, OccStqRules(variant=variant))
    first, second = np.array(true), np.array(said)
    metric.add_voxels("a", (first[:, 0], first[:, 1]), (second[:, 0], second[:, 1]))
    return metric


def test_a_tube_of_10_and_an_answer_of_10_that_share_8_give_8_of_15() -> None:
    true = [(MOVABLE, 5)] * 10 + [(GROUND, 0)] * 2
    said = [(GROUND, 0)] * 2 + [(MOVABLE, 7)] * 10
    for variant in ("official", "corrected"):
        assert scored(true, said, variant).scores().aq == pytest.approx(8 * 8 / 12 / 10)


def test_a_tube_split_into_two_halves_gives_a_half() -> None:
    said = [(MOVABLE, 7)] * 5 + [(MOVABLE, 8)] * 5
    assert scored([(MOVABLE, 5)] * 10, said).scores().aq == pytest.approx(0.5)


def test_claims_in_free_space_cost_nothing_officially_and_are_counted_corrected() -> None:
    true = [(MOVABLE, 5)] * 10 + [(FREE, 0)] * 10
    said = [(MOVABLE, 7)] * 20
    official, corrected = (scored(true, said, v).scores() for v in ("official", "corrected"))
    assert (official.aq, official.sq) == (1.0, 1.0)
    assert corrected.sq == pytest.approx(0.5)
    assert corrected.aq == pytest.approx(10 * 10 / 20 / 10)


def test_identity_1_is_skipped_officially_only() -> None:
    said = [(MOVABLE, 1)] * 10
    assert scored([(MOVABLE, 5)] * 10, said, "official").scores().aq == 0.0
    assert scored([(MOVABLE, 1)] * 10, said, "official").scores().aq is None
    assert scored([(MOVABLE, 1)] * 10, said, "corrected").scores().aq == 1.0


def test_a_tube_counts_only_in_frames_with_more_than_two_voxels() -> None:
    metric = scored([(MOVABLE, 5)] * 4, [(MOVABLE, 7)] * 4)
    two = (np.full(2, MOVABLE), np.full(2, 5))
    metric.add_voxels("a", two, (np.full(2, GROUND), np.zeros(2, int)))
    assert metric.scores().aq == 1.0


def test_identities_of_two_sequences_are_two_and_their_tubes_are_pooled() -> None:
    metric = scored([(MOVABLE, 5)] * 10, [(MOVABLE, 7)] * 10)
    tube = (np.full(10, MOVABLE), np.full(10, 5))
    metric.add_voxels("b", tube, (np.full(10, GROUND), np.zeros(10, int)))
    scores = metric.scores()
    assert scores.num_tubes == 2
    assert scores.aq == pytest.approx(0.5)


def test_ignored_truth_is_not_counted() -> None:
    classes = VoxelClasses(names=("free", "road", "bike"), things=(), free=0, ignored=(2,))
    metric = OccStq(classes)
    zero = np.zeros(3, int)
    metric.add_voxels("a", (np.array([1, 2, 2]), zero), (np.array([1, 1, 1]), zero))
    assert metric.scores().ious == {"road": 1.0}
    assert metric.scores().stq is None


def frame(stamp_ns: int) -> tuple[VoxelLabels, PanopticPrediction]:
    grid = VoxelGrid(minimum_m=(0.0, 0.0, 0.0), maximum_m=(4.0, 1.0, 1.0), shape_zyx=(1, 1, 4))
    semantics = np.array([[[MOVABLE, MOVABLE, MOVABLE, GROUND]]], np.uint8)
    instances = np.array([[[3, 3, 3, 0]]], np.int32)
    visible = np.array([[[True, True, True, False]]])
    truth = VoxelLabels(
        stamp_ns=1,
        grid=grid,
        semantics=semantics,
        instances=instances,
        visible=visible,
        odom_T_base=np.eye(4),
    )
    said = PanopticPrediction(
        stamp_ns=stamp_ns,
        grid=grid,
        semantics=np.full((1, 1, 4), MOVABLE, np.uint8),
        instances=np.full((1, 1, 4), 2, np.int32),
        odom_T_base=np.eye(4),
    )
    return truth, said


def test_only_visible_voxels_count_and_the_report_names_the_scores() -> None:
    metric = OccStq(LABEL_FREE)
    metric.add("a", *frame(1))
    values = {m.key: m.value for m in metric.scores().metrics("occ")}
    assert values == {"occ.stq": 1.0, "occ.aq": 1.0, "occ.sq": 1.0, "occ.tubes": 1}


def test_an_answer_of_another_stamp_is_refused() -> None:
    with pytest.raises(DataError, match="stamp and grid"):
        OccStq(LABEL_FREE).add("a", *frame(2))


def test_without_truth_there_is_no_score_but_a_reason() -> None:
    metrics = OccStq(LABEL_FREE).scores().metrics("occ")
    assert metrics[0].value is None
    assert metrics[0].reason
