# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Laws of box overlap."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unsup_track_ros.geometry import box_iou, se3

SIZES = st.sampled_from([0.0, 1e-4, 0.3, 1.8, 4.5, 12.0])
PLACES = st.floats(-6, 6).map(lambda value: round(value, 3))
ANGLES = st.one_of(st.sampled_from([0.0, np.pi / 2, np.pi]), st.floats(-7, 7))
BOX = st.tuples(PLACES, PLACES, PLACES, SIZES, SIZES, SIZES, ANGLES)
BOXES = st.lists(BOX, min_size=1, max_size=4).map(lambda rows: np.array(rows, np.float64))
FEW = settings(max_examples=60, deadline=None)


@FEW
@given(BOXES, BOXES)
def test_overlap_is_symmetric_and_a_ratio(boxes0: np.ndarray, boxes1: np.ndarray) -> None:
    for function in (box_iou.bev_iou, box_iou.iou_3d):
        overlap = function(boxes0, boxes1)
        assert np.isfinite(overlap).all()
        assert (overlap >= 0).all()
        assert (overlap <= 1).all()
        np.testing.assert_allclose(overlap, function(boxes1, boxes0).T, atol=1e-9)


@FEW
@given(BOXES)
def test_a_box_with_extent_overlaps_itself_completely(boxes: np.ndarray) -> None:
    solid = boxes[(boxes[:, 3:6] > 0.1).all(1)]
    np.testing.assert_allclose(box_iou.iou_3d(solid, solid).diagonal(), 1.0, atol=1e-9)
    flat = boxes[(boxes[:, 3:6] == 0).any(1)]
    np.testing.assert_array_equal(box_iou.iou_3d(flat, flat).diagonal(), 0.0)


@FEW
@given(BOXES, BOXES, st.floats(-3.2, 3.2), PLACES, PLACES)
def test_overlap_does_not_change_when_both_move_together(
    boxes0: np.ndarray, boxes1: np.ndarray, yaw_rad: float, x_m: float, y_m: float
) -> None:
    odom_T_velo = se3.rigid(se3.rotation_about_z(yaw_rad), np.array([x_m, y_m, 3.0]))
    moved0, moved1 = (
        se3.transform_boxes(odom_T_velo, boxes0),
        se3.transform_boxes(odom_T_velo, boxes1),
    )
    large = np.minimum(boxes0[:, None, 3:6], boxes1[None, :, 3:6]).min(-1) > 1e-3
    for function in (box_iou.bev_iou, box_iou.iou_3d, box_iou.ro_gdiou):
        np.testing.assert_allclose(
            function(moved0, moved1)[large], function(boxes0, boxes1)[large], atol=1e-6
        )


@FEW
@given(BOXES, st.randoms(use_true_random=False))
def test_suppression_is_idempotent(boxes: np.ndarray, random: object) -> None:
    scores = np.array([random.random() for _ in boxes])  # type: ignore[attr-defined]
    kept = box_iou.nms(boxes, scores, 0.3)
    np.testing.assert_array_equal(box_iou.nms(boxes[kept], scores[kept], 0.3), np.arange(len(kept)))
