# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Voxels with class and instance."""

from __future__ import annotations

import dataclasses

import numpy as np

from unsup_track_ros.occupancy.panoptic import PanopticConfig, panoptic_voxels
from unsup_track_ros.structures.grids import PanopticVoxels, VoxelClass
from unsup_track_ros.structures.tracks import Tracks, TrackState

CONFIG = PanopticConfig(size_m=8.0, below_m=2.0, above_m=2.0, voxel_m=1.0, box_margin_m=0.0)
SENSOR = np.array([0.5, 0.5, 0.5])


def tracks(*boxes: list[float], state: TrackState = TrackState.CONFIRMED) -> Tracks:
    num = len(boxes)
    return dataclasses.replace(
        Tracks.none(7),
        ids=np.arange(10, 10 + num),
        boxes_odom=np.array(boxes, np.float64).reshape(num, 7),
        velocities_odom=np.zeros((num, 3)),
        position_covariances_odom=np.zeros((num, 3, 3)),
        velocity_covariances_odom=np.zeros((num, 3, 3)),
        existence=np.ones(num),
        states=np.full(num, state, np.int64),
        heading_known=np.ones(num, bool),
        ages_s=np.ones(num),
        detection_index=np.full(num, -1, np.int64),
    )


def voxels(points: list[list[float]], of_object: list[bool], known: Tracks) -> PanopticVoxels:
    places = np.array(points, np.float32).reshape(-1, 3)
    return panoptic_voxels(places, np.array(of_object, bool), SENSOR, known, CONFIG)


def index_of(found: PanopticVoxels, place: list[float]) -> int:
    """Work out the index of a place by hand."""
    x, y, z = (int(np.floor(p - o)) for p, o in zip(place, found.origin_odom, strict=True))
    _, num_y, num_x = found.shape_zyx
    return (z * num_y + y) * num_x + x


def test_an_empty_scan_fills_nothing() -> None:
    found = voxels([], [], tracks())
    assert len(found.voxel) == 0
    assert found.shape_zyx == (4, 8, 8)
    assert found.stamp_ns == 7


def test_the_volume_lies_on_whole_voxels_of_odom() -> None:
    np.testing.assert_array_equal(voxels([], [], tracks()).origin_odom, [-4.0, -4.0, -2.0])


def test_two_points_of_one_voxel_fill_it_once() -> None:
    found = voxels([[2.1, 1.1, 0.1], [2.9, 1.9, 0.9]], [False, False], tracks())
    assert found.voxel.tolist() == [index_of(found, [2.5, 1.5, 0.5])]
    assert found.voxel_class.tolist() == [VoxelClass.STATIC]
    assert found.instance.tolist() == [-1]


def test_what_lies_outside_is_left_out() -> None:
    assert len(voxels([[4.1, 0, 0], [0, 0, 2.1], [-4.1, 0, 0]], [False] * 3, tracks()).voxel) == 0


def test_a_moving_point_makes_its_voxel_dynamic() -> None:
    found = voxels([[2.1, 1.1, 0.1], [2.9, 1.9, 0.9]], [False, True], tracks())
    assert found.voxel_class.tolist() == [VoxelClass.DYNAMIC]
    assert found.instance.tolist() == [-1]


def test_points_in_the_box_of_a_track_get_its_id() -> None:
    known = tracks([2.5, 1.5, 0.5, 1.0, 1.0, 1.0, 0.0])
    found = voxels([[2.5, 1.5, 0.5], [-2.5, 1.5, 0.5]], [False, False], known)
    assert found.instance.tolist() == [-1, 10]
    assert found.voxel_class.tolist() == [VoxelClass.STATIC, VoxelClass.DYNAMIC]


def test_a_tentative_track_gives_no_id() -> None:
    known = tracks([2.5, 1.5, 0.5, 1.0, 1.0, 1.0, 0.0], state=TrackState.TENTATIVE)
    assert voxels([[2.5, 1.5, 0.5]], [False], known).instance.tolist() == [-1]


def test_indices_rise() -> None:
    rng = np.random.default_rng(3)
    places = rng.uniform(-4, 4, (500, 3)).tolist()
    found = voxels(places, [False] * 500, tracks())
    assert (np.diff(found.voxel) > 0).all()
