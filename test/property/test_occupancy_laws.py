# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the occupancy grid."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unsup_track_ros.geometry import se3
from unsup_track_ros.occupancy.mapper import OccupancyConfig, OccupancyMapper
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import PointCloud, SensorFrame
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.motion import MotionRegions, MotionState
from unsup_track_ros.structures.tracks import Tracks

CONFIG = OccupancyConfig(size_m=20.0, resolution_m=0.5)
FEW = settings(max_examples=15, deadline=None)


def run(seed: int, order: int, place_odom: np.ndarray) -> list[OccupancyGrids]:
    """Step through random scans along a random path that starts at a place."""
    generator = np.random.default_rng(seed)
    mapper = OccupancyMapper(CONFIG, torch.device("cpu"))
    answers = []
    for index in range(4):
        points = generator.normal(0, 6, (400, 3)).astype(np.float32)
        points[:, 2] = np.where(generator.random(400) < 0.7, -1.7, points[:, 2])
        region = (generator.random(400) < 0.1).astype(np.int64)
        shift = generator.normal(0, 2, 3)
        shuffle = np.random.default_rng(order).permutation(400) if order else np.arange(400)
        grids = mapper.step(
            mapper.read_scan(
                SensorFrame(
                    stamp_ns=index,
                    index=index,
                    cloud=PointCloud(points_velo=points[shuffle]),
                    base_T_velo=se3.rigid(np.eye(3), np.array([0, 0, 1.7])),
                ),
                Egomotion(
                    status=EgomotionStatus.OK,
                    source=EgomotionSource.TF,
                    stamp0_ns=0,
                    stamp1_ns=index,
                    odom_T_velo1=se3.rigid(np.eye(3), place_odom + shift),
                ),
            ),
            MotionRegions(
                point_region=region[shuffle],
                scores=np.ones(1, np.float32),
                motion=np.array([MotionState.MOVING]),
                flow_velo=np.zeros((1, 3), np.float32),
            ),
            Tracks.none(index),
        )
        assert grids is not None
        answers.append(grids)
    return answers


@FEW
@given(st.integers(0, 1000))
def test_evidence_is_bounded_and_layers_agree(seed: int) -> None:
    bound = np.log(CONFIG.max_probability / (1 - CONFIG.max_probability)) + 1e-5
    for grids in run(seed, 0, np.zeros(3)):
        assert grids.log_odds is not None
        assert np.abs(grids.log_odds).max() <= bound
        assert grids.static.min() >= -1
        assert grids.static.max() <= 100
        np.testing.assert_array_equal(grids.combined, np.maximum(grids.static, grids.dynamic))
        np.testing.assert_array_equal(grids.static == -1, grids.log_odds == 0)


@FEW
@given(st.integers(0, 1000), st.integers(1, 1000))
def test_the_order_of_the_points_does_not_matter(seed: int, order: int) -> None:
    for first, second in zip(run(seed, 0, np.zeros(3)), run(seed, order, np.zeros(3)), strict=True):
        assert first.combined.tobytes() == second.combined.tobytes()


@FEW
@given(st.integers(0, 1000), st.integers(-400, 400), st.integers(-400, 400))
def test_the_map_is_the_same_wherever_the_drive_starts(seed: int, column: int, row: int) -> None:
    place = np.array([column, row, 0]) * CONFIG.resolution_m
    for first, second in zip(run(seed, 0, np.zeros(3)), run(seed, 0, place), strict=True):
        np.testing.assert_allclose(second.origin_odom - first.origin_odom, place[:2])
        # Rounding may move a point on the border of a cell to the next one.
        assert (first.static != second.static).mean() < 0.01
