# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Blocks of voxels that stand and move while the vehicle drives."""

from __future__ import annotations

import numpy as np
import pytest

from unsup_track_ros.geometry.base_voxels import EgoGridConfig, base_voxel_of
from unsup_track_ros.geometry.se3 import inverse, rigid, transform
from unsup_track_ros.structures.voxel_scene import LABEL_FREE, PanopticPrediction
from unsup_track_ros.tracking.voxel_association import VoxelAssociationConfig, VoxelAssociator

GRID = EgoGridConfig(half_size_m=20.0, bottom_m=-0.5, layers=4, voxel_m=0.5).grid
MOVABLE = LABEL_FREE.index("movable")


def scene(
    step: int, places: dict[int, tuple[float, float]], ego_x: float = 0.0, step_s: float = 0.5
) -> PanopticPrediction:
    """A car-sized block for every number, around a place in odom."""
    odom_T_base = rigid(np.eye(3), np.array([ego_x, 0.0, 0.0]))
    instances = np.zeros(GRID.shape_zyx, np.int32)
    along, across, up = np.meshgrid(np.arange(-2, 2, 0.25), np.arange(-1, 1, 0.25), [0.1, 0.6, 1.1])
    block = np.stack([along, across, up], -1).reshape(-1, 3)
    for number, (x, y) in places.items():
        points = transform(inverse(odom_T_base), block + np.array([x, y, 0.0]))
        voxels = base_voxel_of(GRID, points)
        instances.reshape(-1)[voxels[voxels >= 0]] = number
    return PanopticPrediction(
        stamp_ns=round(step * step_s * 1e9),
        grid=GRID,
        semantics=np.where(instances > 0, MOVABLE, LABEL_FREE.free).astype(np.uint8),
        instances=instances,
        odom_T_base=odom_T_base,
    )


def identities(answers: list[PanopticPrediction], motion: str) -> list[set[int]]:
    associator = VoxelAssociator(VoxelAssociationConfig.model_validate({"motion": motion}))
    return [set(np.unique(associator.step(a).instances).tolist()) - {0} for a in answers]


@pytest.mark.parametrize("motion", ["none", "kalman"])
def test_what_stands_keeps_its_identity_while_the_vehicle_drives(motion: str) -> None:
    drive = [scene(k, {k + 1: (10.0, 3.0)}, ego_x=2.0 * k) for k in range(4)]
    assert identities(drive, motion) == [{2}] * 4


def test_only_the_filter_follows_what_moves_by_more_than_its_length() -> None:
    drive = [scene(k, {1: (-15.0 + 2.5 * k + 0.25 * k * k, 0.0)}) for k in range(8)]
    assert identities(drive, "kalman")[-1] == {2}
    fast = [scene(k, {1: (-15.0 + 4.5 * k, 0.0)}) for k in range(6)]
    assert identities(fast, "none")[-1] != {2}


def test_semantics_stay_and_instances_of_two_things_never_merge() -> None:
    associator = VoxelAssociator(VoxelAssociationConfig())
    first = scene(0, {1: (0.0, -3.0), 2: (0.0, 3.0)})
    named = associator.step(first)
    np.testing.assert_array_equal(named.semantics, first.semantics)
    np.testing.assert_array_equal(named.instances > 0, first.instances > 0)
    swapped = associator.step(scene(1, {2: (0.5, -3.0), 1: (0.5, 3.0)}))
    for place in (scene(1, {9: (0.5, -3.0)}), scene(1, {9: (0.5, 3.0)})):
        inside = (place.instances == 9) & (named.instances > 0)
        assert set(named.instances[inside]) == set(swapped.instances[inside])


def test_a_thing_that_is_missed_for_a_moment_comes_back_and_one_gone_for_long_does_not() -> None:
    there, gone = {1: (5.0, 0.0)}, dict[int, tuple[float, float]]()
    short = [scene(0, there), scene(1, gone), scene(2, there)]
    assert identities(short, "none") == [{2}, set(), {2}]
    long = [scene(0, there), *(scene(k, gone) for k in range(1, 6)), scene(6, there)]
    assert identities(long, "none")[-1] == {3}


def test_an_empty_frame_and_a_reset_are_no_trouble() -> None:
    associator = VoxelAssociator(VoxelAssociationConfig())
    empty = dict[int, tuple[float, float]]()
    assert not associator.step(scene(0, empty)).instances.any()
    assert associator.step(scene(1, {1: (0.0, 0.0)})).instances.max() == 2
    associator.reset()
    assert associator.step(scene(0, {1: (9.0, 9.0)})).instances.max() == 2
