# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Vocabularies and volumes of panoptic occupancy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.arrays import from_arrays, to_arrays
from unsup_track_ros.structures.voxel_scene import (
    OCC3D_WAYMO,
    VOCABULARIES,
    OccupancyFrame,
    VoxelClasses,
    VoxelLabels,
    panoptic_of,
)
from unsup_track_ros.structures.voxels import VoxelGrid

GRID = VoxelGrid(minimum_m=(-2.0, -1.0, 0.0), maximum_m=(2.0, 1.0, 1.0), shape_zyx=(1, 2, 4))


def labels(**members: np.ndarray) -> VoxelLabels:
    values: dict[str, Any] = {
        "stamp_ns": 5,
        "grid": GRID,
        "semantics": np.zeros((1, 2, 4), np.uint8),
        "instances": np.zeros((1, 2, 4), np.int32),
        "visible": np.ones((1, 2, 4), bool),
        "odom_T_base": np.eye(4),
    }
    return VoxelLabels(**(values | members))


def frame() -> OccupancyFrame:
    return OccupancyFrame(
        stamp_ns=5,
        images=np.zeros((2, 4, 6, 3), np.uint8),
        pix_T_cam=np.tile(np.eye(3), (2, 1, 1)),
        base_T_cam=np.tile(np.eye(4), (2, 1, 1)),
        depth_m=np.zeros((2, 2, 3), np.float32),
        odom_T_base=np.eye(4),
        labels=labels(),
    )


def test_stuff_is_what_is_neither_thing_nor_free_nor_ignored() -> None:
    assert OCC3D_WAYMO.stuff == (0, 3, 5, 6, 7, 8, 10, 11, 12, 13, 14)
    assert len(OCC3D_WAYMO) == len(OCC3D_WAYMO.weights) == 16
    assert OCC3D_WAYMO.names[OCC3D_WAYMO.index("road")] == "road"
    assert all(classes.names[classes.free] == "free" for classes in VOCABULARIES.values())


@pytest.mark.parametrize(
    "members", [{"things": (2,)}, {"free": 2}, {"things": (0,)}, {"weights": (1.0,)}]
)
def test_a_vocabulary_that_contradicts_itself_is_refused(members: dict[str, Any]) -> None:
    values: dict[str, Any] = {"names": ("free", "car"), "things": (1,), "free": 0, **members}
    with pytest.raises(DataError):
        VoxelClasses(**values)


def test_an_unknown_class_is_named_with_those_that_exist() -> None:
    with pytest.raises(DataError, match="'tram'; there are general_object"):
        OCC3D_WAYMO.index("tram")


def test_volumes_of_another_shape_than_their_grid_are_refused() -> None:
    with pytest.raises(DataError, match="semantics of a grid of"):
        labels(
            semantics=np.zeros((1, 2, 3), np.uint8),
            instances=np.zeros((1, 2, 3), np.int32),
            visible=np.ones((1, 2, 3), bool),
        )


def test_a_frame_with_its_labels_survives_the_way_to_flat_arrays_and_back() -> None:
    arrays = to_arrays(frame())
    back = from_arrays(OccupancyFrame, arrays)
    assert back.labels is not None
    assert back.labels.grid == GRID
    again = to_arrays(back)
    assert again.keys() == arrays.keys()
    for key, value in arrays.items():
        np.testing.assert_array_equal(again[key], value)


def test_labels_as_an_answer_keep_their_volumes() -> None:
    truth = labels()
    answer = panoptic_of(truth)
    assert answer.semantics is truth.semantics
    assert answer.stamp_ns == 5
