# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Voxel labels from scans and tracks: against a street's truth, and by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from unsup_track_ros.data.synthetic.camera import SurroundConfig, build_surround
from unsup_track_ros.data.synthetic.lidar import LidarConfig
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.voxel_truth import VoxelTruthConfig, voxel_truth
from unsup_track_ros.data.synthetic.world import World, WorldConfig, build_world
from unsup_track_ros.geometry.se3 import inverse, rigid, transform_boxes
from unsup_track_ros.occupancy.voxel_supervision import (
    LabelledScan,
    PlacedCamera,
    VoxelSupervisionConfig,
    VoxelSupervisor,
)
from unsup_track_ros.structures.voxel_scene import LABEL_FREE, VoxelLabels

FREE, GROUND, STRUCTURE, MOVABLE = range(4)
CONFIG = VoxelSupervisionConfig()


@pytest.fixture(scope="module")
def world() -> World:
    config = WorldConfig(duration_s=6.0, lidar=LidarConfig(beams=48, azimuth_steps=900))
    built = build_world(config, seed=1)
    cameras = build_surround(SurroundConfig(enabled=True), 0.0)
    return dataclasses.replace(built, cameras=cameras)


def labelled(world: World, tenths: int) -> LabelledScan:
    """A scan with perfect labels of what moves."""
    frame, truth = render(world, world.config.start_ns + tenths * world.period_ns)
    assert truth.odom_T_velo is not None
    assert truth.moving is not None
    assert truth.moving_points is not None
    return LabelledScan(
        stamp_ns=frame.stamp_ns,
        points_velo=frame.cloud.points_velo,
        base_T_velo=frame.base_T_velo,
        odom_T_velo=truth.odom_T_velo,
        moving=truth.moving_points,
        ids=truth.ids[truth.moving],
        boxes_odom=transform_boxes(truth.odom_T_velo, truth.boxes_velo[truth.moving]),
    )


@pytest.fixture(scope="module")
def scans(world: World) -> list[LabelledScan]:
    return [labelled(world, k) for k in range(0, 60, 4)]


@pytest.fixture(scope="module")
def found(world: World, scans: list[LabelledScan]) -> tuple[VoxelLabels, VoxelLabels]:
    """Pseudo-labels of the middle of the drive, and the truth."""
    cameras: list[PlacedCamera] = [
        (rig.camera, world.base_T_velo @ inverse(rig.cam_T_velo)) for rig in world.cameras
    ]
    stamp_ns = scans[7].stamp_ns
    truth = voxel_truth(world, stamp_ns, VoxelTruthConfig(only_moving=True))
    return VoxelSupervisor(scans, CONFIG).labels(stamp_ns, cameras), truth


def test_on_a_street_the_labels_are_near_the_truth(
    found: tuple[VoxelLabels, VoxelLabels],
) -> None:
    labels, truth = found
    both = labels.visible & truth.visible
    bars = {FREE: 0.95, GROUND: 0.9, STRUCTURE: 0.6, MOVABLE: 0.4}
    for index, bar in bars.items():
        said, true = labels.semantics[both] == index, truth.semantics[both] == index
        assert (said & true).sum() / (said | true).sum() > bar, LABEL_FREE.names[index]
    assert both.sum() / truth.visible.sum() > 0.5
    assert both.sum() / labels.visible.sum() > 0.9


def test_things_carry_the_identity_of_their_track(
    found: tuple[VoxelLabels, VoxelLabels],
) -> None:
    labels, truth = found
    both = labels.visible & truth.visible & (labels.instances > 0) & (truth.instances > 0)
    assert both.sum() > 10
    assert (labels.instances[both] == truth.instances[both]).mean() > 0.95
    assert ((labels.instances > 0) == (labels.semantics == MOVABLE)).all()


def wall_scan(stamp_ns: int, wall_m: float, *, box: bool = False) -> LabelledScan:
    """A wall ahead seen by a LiDAR 2 m above the ground; perhaps a box with one return."""
    y, z = np.meshgrid(np.arange(-4, 4, 0.05), np.arange(-0.8, 3.0, 0.05))
    points = np.stack([np.full(y.size, wall_m), y.ravel(), z.ravel()], 1)
    boxes = np.array([[6.4, 0.4, 1.4, 1.6, 1.6, 1.6, 0.0]]) if box else np.zeros((0, 7))
    if box:
        points = np.concatenate([points, [[5.7, 0.9, -0.4]]])
    moving = np.zeros(len(points), bool)
    return LabelledScan(
        stamp_ns=stamp_ns,
        points_velo=points.astype(np.float32),
        base_T_velo=rigid(np.eye(3), np.array([0.0, 0.0, 2.0])),
        odom_T_velo=rigid(np.eye(3), np.array([0.0, 0.0, 2.0])),
        moving=moving,
        ids=np.arange(len(boxes)) + 4,
        boxes_odom=boxes,
    )


def at(labels: VoxelLabels, x: float, y: float, z: float) -> tuple[int, bool, int]:
    place = (np.array([z, y, x]) - np.array(labels.grid.minimum_m)[::-1]) / 0.8
    k, j, i = np.floor(place).astype(int)
    voxel = (k, j, i)
    return int(labels.semantics[voxel]), bool(labels.visible[voxel]), int(labels.instances[voxel])


def test_before_a_wall_is_free_on_it_structure_and_behind_it_unknown() -> None:
    labels = VoxelSupervisor([wall_scan(0, 10.3)], CONFIG).labels(0, ())
    assert at(labels, 6.0, 0.2, 2.0) == (FREE, True, 0)
    assert at(labels, 10.3, 0.2, 2.0) == (STRUCTURE, True, 0)
    assert not at(labels, 14.0, 0.2, 2.0)[1]


def test_a_trail_that_many_scans_look_through_is_no_structure() -> None:
    once = [wall_scan(0, 5.3), *(wall_scan(k * 10**9, 10.3) for k in range(1, 10))]
    assert at(VoxelSupervisor(once, CONFIG).labels(0, ()), 5.3, 0.2, 2.0)[0] == FREE
    often = [*(wall_scan(k * 10**9, 5.3) for k in range(5)), *once[5:]]
    assert at(VoxelSupervisor(often, CONFIG).labels(0, ()), 5.3, 0.2, 2.0)[0] == STRUCTURE


def test_an_object_is_collected_over_the_drive_and_mirrored() -> None:
    scans = [wall_scan(0, 12.3, box=True), wall_scan(10**9, 12.3)]
    labels = VoxelSupervisor(scans, CONFIG).labels(0, ())
    assert at(labels, 5.7, 0.9, 1.6) == (MOVABLE, True, 5)
    assert at(labels, 5.7, -0.1, 1.6) == (MOVABLE, True, 5)  # 0.4 is its middle
    assert at(VoxelSupervisor(scans, CONFIG).labels(10**9, ()), 5.7, 0.9, 1.6)[0] == FREE


def test_what_moves_and_no_track_claims_is_left_open() -> None:
    scan = wall_scan(0, 5.3)
    moving = dataclasses.replace(scan, moving=np.ones(len(scan.points_velo), bool))
    later = [wall_scan(k * 10**9, 10.3) for k in range(1, 4)]
    assert not at(VoxelSupervisor([moving, *later], CONFIG).labels(0, ()), 5.3, 0.2, 2.0)[1]
