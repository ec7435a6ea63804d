# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The shape annotations are checked in every test run: a wrong shape raises."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from unsup_track_ros.geometry.camera import backproject, project
from unsup_track_ros.structures.detections import Detections


def test_a_wrong_shape_raises() -> None:
    with pytest.raises(TypeCheckError):
        project(np.zeros((4, 2)), np.eye(3))


def test_two_arguments_that_disagree_on_one_letter_raise() -> None:
    with pytest.raises(TypeCheckError):
        backproject(np.zeros((4, 2)), np.ones(5), np.eye(3))


def test_a_wrong_shape_in_a_structure_raises() -> None:
    good = Detections.none(0)
    with pytest.raises(TypeCheckError):
        Detections(
            stamp_ns=0,
            boxes_velo=np.zeros((0, 6)),
            scores=good.scores,
            velocities_velo=good.velocities_velo,
            heading_known=good.heading_known,
            motion=good.motion,
            num_points=good.num_points,
            boxes_pix=good.boxes_pix,
        )
