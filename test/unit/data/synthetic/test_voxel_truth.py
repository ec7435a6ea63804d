# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Exact panoptic occupancy: hand-made solids, and a street against its own LiDAR."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from unsup_track_ros.data.synthetic.camera import SurroundConfig, build_surround
from unsup_track_ros.data.synthetic.ground import ground_height, ground_heights
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.solids import Kind, Material, Part, Solids, placed, solids_of
from unsup_track_ros.data.synthetic.voxel_truth import (
    VoxelTruthConfig,
    touched_voxels,
    voxel_truth,
)
from unsup_track_ros.data.synthetic.world import World
from unsup_track_ros.geometry.base_voxels import OUTSIDE, EgoGridConfig, base_voxel_of
from unsup_track_ros.geometry.se3 import transform
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.truth import FrameTruth
from unsup_track_ros.structures.voxel_scene import STREET, VoxelLabels
from unsup_track_ros.structures.voxels import VoxelGrid

GRID = VoxelGrid(minimum_m=(0.0, 0.0, 0.0), maximum_m=(8.0, 8.0, 4.0), shape_zyx=(4, 8, 8))
Seen = tuple[SensorFrame, FrameTruth, VoxelLabels]


def solid(kind: Kind, half_m: tuple[float, float, float], yaw_rad: float = 0.0) -> Solids:
    part = Part(kind=kind, material=Material.WALL, centre_m=(0.0, 0.0, 0.0), half_m=half_m)
    return placed(solids_of([[part]], [0]), np.array([[4.1, 4.1, 1.5, yaw_rad]]))


def sampled_voxels(solids: Solids) -> set[int]:
    """The voxels that places inside a box, cylinder or ellipsoid fall into."""
    fine, coarse = np.linspace(-1.0, 1.0, 301), np.linspace(-1.0, 1.0, 31)
    unit = np.stack(np.meshgrid(fine, fine, coarse), -1).reshape(-1, 3)
    if solids.kind[0] == Kind.CYLINDER:
        unit = unit[np.hypot(unit[:, 0], unit[:, 1]) <= 1.0]
    if solids.kind[0] == Kind.ELLIPSOID:
        unit = unit[np.linalg.norm(unit, axis=1) <= 1.0]
    half = solids.half[0].copy()
    if solids.kind[0] == Kind.CYLINDER:
        half[1] = half[0]
    local = unit * half
    cosine, sine = solids.axis[0]
    x = cosine * local[:, 0] - sine * local[:, 1]
    y = sine * local[:, 0] + cosine * local[:, 1]
    flat = base_voxel_of(GRID, np.stack([x, y, local[:, 2]], 1) + solids.centre[0])
    return set(flat[flat != OUTSIDE].tolist())


@pytest.mark.parametrize("yaw_rad", [0.0, 0.5])
@pytest.mark.parametrize("kind", [Kind.BOX, Kind.CYLINDER])
def test_boxes_and_cylinders_touch_the_voxels_that_hold_a_part_of_them(
    kind: Kind, yaw_rad: float
) -> None:
    solids = solid(kind, (2.3, 0.7, 1.3), yaw_rad)
    _, voxel = touched_voxels(GRID, solids)
    assert set(voxel.tolist()) >= sampled_voxels(solids)
    # What is touched by less than a step of the samples may be missing from them.
    assert len(set(voxel.tolist()) - sampled_voxels(solids)) <= 4


def test_an_ellipsoid_touches_no_voxel_outside_of_it() -> None:
    solids = solid(Kind.ELLIPSOID, (2.0, 1.0, 1.0))
    _, voxel = touched_voxels(GRID, solids)
    assert set(voxel.tolist()) == sampled_voxels(solids)


def test_a_tapered_box_leaves_the_voxels_that_it_leans_away_from() -> None:
    part = Part(
        kind=Kind.BOX,
        material=Material.ROOF,
        centre_m=(0.0, 0.0, 0.0),
        half_m=(1.4, 1.4, 1.5),
        taper=(0.0, 0.0, 0.8),
    )
    solids = placed(solids_of([[part]], [0]), np.array([[4.5, 4.5, 1.5, 0.0]]))
    _, voxel = touched_voxels(GRID, solids)
    volume = np.zeros(GRID.shape_zyx, bool)
    volume.reshape(-1)[voxel] = True
    np.testing.assert_array_equal(volume[:3, 4].sum(1), [3, 3, 3])  # along x it does not lean
    np.testing.assert_array_equal(volume[:3, :, 4].sum(1), [3, 3, 1])  # 1.4, 0.6, -0.2


def test_a_pole_thinner_than_a_voxel_is_not_lost() -> None:
    _, voxel = touched_voxels(GRID, solid(Kind.CYLINDER, (0.05, 0.05, 1.0)))
    assert len(voxel) == 3


@pytest.fixture(scope="module")
def surround_world(tiny_world: World) -> World:
    cameras = build_surround(SurroundConfig(enabled=True, width_px=80, height_px=48), 0.0)
    return dataclasses.replace(tiny_world, cameras=cameras)


@pytest.fixture(scope="module")
def seen(surround_world: World) -> Seen:
    stamp_ns = surround_world.config.start_ns + 2_000_000_000
    config = VoxelTruthConfig(grid=EgoGridConfig(half_size_m=16.0, layers=16), vocabulary="street")
    return *render(surround_world, stamp_ns), voxel_truth(surround_world, stamp_ns, config)


def voxels_of(frame: SensorFrame, labels: VoxelLabels, nearer_m: float = 0.0) -> np.ndarray:
    """Flat voxels of the returns, each drawn to the sensor by some metres."""
    points = frame.cloud.points_velo.astype(np.float64)
    range_m = np.linalg.norm(points, axis=1, keepdims=True)
    drawn = points * np.maximum(range_m - nearer_m, 0.0) / range_m
    return base_voxel_of(labels.grid, transform(frame.base_T_velo, drawn))


def test_every_return_lies_in_a_voxel_of_what_it_was_reflected_by(seen: Seen) -> None:
    frame, truth, labels = seen
    assert truth.point_objects is not None
    # Rounding may put a return a hair before the face that it lies on: look a hair behind it.
    voxel = voxels_of(frame, labels, nearer_m=-1e-3)
    inside = voxel != OUTSIDE
    semantics = labels.semantics.reshape(-1)[voxel[inside]]
    assert (semantics != STREET.free).mean() > 0.995  # ground at kerbs is told by its middle
    on_actor = truth.point_objects[inside] >= 0
    instances = labels.instances.reshape(-1)[voxel[inside]][on_actor]
    expected = truth.ids[truth.point_objects[inside][on_actor]] + 1
    assert len(expected) > 100
    assert (instances == expected).mean() > 0.98  # two things may share a voxel
    assert np.isin(semantics[on_actor], STREET.things).mean() > 0.98


def test_what_the_lidar_hits_it_has_seen(seen: Seen) -> None:
    frame, _, labels = seen
    assert labels.seen_by_lidar is not None
    voxel = voxels_of(frame, labels)
    assert labels.seen_by_lidar.reshape(-1)[voxel[voxel != OUTSIDE]].mean() > 0.999
    assert not labels.seen_by_lidar[labels.semantics == STREET.index("building")].all()


def test_cameras_see_nothing_behind_the_vehicle_nor_inside_of_houses(seen: Seen) -> None:
    labels = seen[2]
    num_x = labels.grid.shape_zyx[2]
    assert not labels.visible[:, :, : num_x // 8].any()
    assert labels.visible[:, :, -num_x // 8 :].any()
    houses = labels.semantics == STREET.index("building")
    assert 0 < labels.visible[houses].mean() < 0.5


def test_an_actor_keeps_its_instance_from_frame_to_frame(surround_world: World, seen: Seen) -> None:
    config = VoxelTruthConfig(grid=EgoGridConfig(half_size_m=16.0, layers=16), vocabulary="street")
    later = voxel_truth(surround_world, seen[2].stamp_ns + 500_000_000, config)
    both = np.intersect1d(np.unique(later.instances), np.unique(seen[2].instances))
    for instance in both[both > 0]:
        classes = {
            int(labels.semantics[labels.instances == instance][0]) for labels in (later, seen[2])
        }
        assert len(classes) == 1
    assert len(both) > 2


def test_without_labels_only_what_moves_is_a_thing(surround_world: World) -> None:
    stamp_ns = surround_world.config.start_ns + 2_000_000_000
    everything = voxel_truth(surround_world, stamp_ns, VoxelTruthConfig())
    moving = voxel_truth(surround_world, stamp_ns, VoxelTruthConfig(only_moving=True))
    standing = [
        row + 1
        for row, actor in enumerate(surround_world.actors)
        if not actor.route.profile.speeds_mps.any()
    ]
    assert np.isin(everything.instances, standing).any()
    assert not np.isin(moving.instances, standing).any()
    structure = VoxelTruthConfig().classes.index("structure")
    assert (moving.semantics[np.isin(everything.instances, standing)] == structure).all()


def test_heights_of_many_places_are_those_of_each(tiny_world: World) -> None:
    places = np.random.default_rng(0).uniform(0.0, 60.0, (20, 2))
    expected = [ground_height(tiny_world.ground, *place) for place in places.tolist()]
    np.testing.assert_array_equal(ground_heights(tiny_world.ground, places), expected)
