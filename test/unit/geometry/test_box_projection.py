# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unsup_track_ros.geometry.box_projection import boxes_in_image
from unsup_track_ros.structures.calibration import PinholeCamera

PINHOLE = PinholeCamera(
    width_px=200, height_px=100, pix_T_cam=np.array([[100.0, 0, 100], [0, 100.0, 50], [0, 0, 1]])
)
CAM_T_VELO = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])


def project(*boxes: Sequence[float]) -> np.ndarray:
    return boxes_in_image(np.array(boxes, np.float64).reshape(-1, 7), CAM_T_VELO, PINHOLE)


def test_no_boxes_give_no_rectangles() -> None:
    assert project().shape == (0, 4)


def test_a_box_ahead_is_bounded_by_its_near_face() -> None:
    """Near face at 4 m, 2 m wide, 1 m high: 100 * 1 / 4 = 25 px and 100 * 0.5 / 4 = 12.5 px."""
    np.testing.assert_allclose(project((5, 0, 0, 2, 2, 1, 0)), [[75, 37.5, 125, 62.5]])


def test_a_box_that_leaves_the_image_is_clipped_to_it() -> None:
    left, top, right, bottom = project((5, 8, 0, 2, 10, 1, 0))[0]
    assert left == 0
    assert 0 < top < bottom < 99
    assert right < 100


def test_a_box_beside_the_camera_is_cut_and_reaches_the_border() -> None:
    """A truck at the right from 2 m behind to 8 m ahead fills the image right of its front."""
    left, top, right, bottom = project((3, -2, 0, 10, 1, 4, 0))[0]
    np.testing.assert_allclose(left, 100 + 100 * 1.5 / 8)
    assert (top, right, bottom) == (0, 199, 99)


def test_boxes_behind_or_off_the_image_are_not_seen() -> None:
    assert np.isnan(project((-5, 0, 0, 2, 2, 1, 0), (5, 50, 0, 2, 2, 1, 0))).all()
