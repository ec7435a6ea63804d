# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The occupancy mapper on analytic scans: a plane, walls and boxes seen by a spinning LiDAR."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.occupancy.mapper import OccupancyConfig, OccupancyMapper
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import PointCloud, SensorFrame
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.motion import MotionRegions, MotionState
from unsup_track_ros.structures.tracks import Tracks, TrackState

CONFIG = OccupancyConfig(size_m=40.0)
SENSOR_HEIGHT_M = 1.7
BASE_T_VELO = se3.rigid(np.eye(3), np.array([0.0, 0.0, SENSOR_HEIGHT_M]))
Box = tuple[float, float, float, float]  # lowest x, y, highest x, y in odom; 2 m high


@functools.lru_cache(maxsize=64)
def scan(position_odom: tuple[float, ...], *boxes: Box) -> tuple[np.ndarray, np.ndarray]:
    """Cast the rays of a level LiDAR at `position_odom` on the ground z = 0 and on boxes.

    Returns the returns relative to the sensor and the number of the box each one is on, 0 for none.
    """
    azimuth, elevation = np.meshgrid(
        np.arange(-np.pi, np.pi, np.radians(0.3)), np.radians(np.arange(-25, 3, 0.5))
    )
    level = np.cos(elevation)
    direction = np.stack([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)], -1)
    direction = direction.reshape(-1, 3)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(direction[:, 2] < 0, -SENSOR_HEIGHT_M / direction[:, 2], np.inf)
        owner = np.zeros(len(direction), np.int64)
        for number, (x0, y0, x1, y1) in enumerate(boxes, 1):
            low = (np.array([x0, y0, 0.0]) - np.array(position_odom)) / direction
            high = (np.array([x1, y1, 2.0]) - np.array(position_odom)) / direction
            enter = np.nanmax(np.minimum(low, high), 1)
            leave = np.nanmin(np.maximum(low, high), 1)
            nearer = (enter <= leave) & (enter > 0) & (enter < distance)
            distance[nearer], owner[nearer] = enter[nearer], number
    seen = distance < 60
    return (direction[seen] * distance[seen, None]).astype(np.float32), owner[seen]


def pose(x_m: float, y_m: float = 0.0) -> np.ndarray:
    return se3.rigid(np.eye(3), np.array([x_m, y_m, SENSOR_HEIGHT_M]))


def step(
    mapper: OccupancyMapper,
    odom_T_velo: np.ndarray | None,
    *boxes: Box,
    moving: int | None = None,
    tracks: Tracks | None = None,
    empty: bool = False,
) -> OccupancyGrids | None:
    """Step a mapper with a scan of boxes of which number `moving` is segmented as moving."""
    position = pose(0.0)[:3, 3] if odom_T_velo is None else odom_T_velo[:3, 3]
    points, owner = scan(tuple(position), *boxes)
    if empty:
        points, owner = points[:0], owner[:0]
    lost = odom_T_velo is None
    return mapper.step(
        mapper.read_scan(
            SensorFrame(
                stamp_ns=1,
                index=0,
                cloud=PointCloud(points_velo=points),
                base_T_velo=BASE_T_VELO,
            ),
            Egomotion(
                status=EgomotionStatus.MISSING_TRANSFORM if lost else EgomotionStatus.OK,
                source=EgomotionSource.TF,
                stamp0_ns=0,
                stamp1_ns=1,
                odom_T_velo1=odom_T_velo,
            ),
        ),
        MotionRegions(
            point_region=(owner == moving).astype(np.int64),
            scores=np.ones(1, np.float32),
            motion=np.array([MotionState.MOVING]),
            flow_velo=np.full((1, 3), np.nan, np.float32),
        ),
        Tracks.none(1) if tracks is None else tracks,
    )


def track(state: TrackState, *box: float) -> Tracks:
    one = np.ones(1)
    return Tracks(
        stamp_ns=1,
        ids=np.ones(1, np.int64),
        boxes_odom=np.array([box], np.float64),
        velocities_odom=np.zeros((1, 3)),
        position_covariances_odom=np.eye(3)[None],
        velocity_covariances_odom=np.eye(3)[None],
        existence=one,
        states=np.array([state], np.int64),
        heading_known=np.ones(1, bool),
        ages_s=one,
        detection_index=np.full(1, -1),
    )


def values(grids: OccupancyGrids | None, layer: str, *places: tuple[float, float]) -> list[int]:
    """Return the cells of a layer at places in odom."""
    assert grids is not None
    cells = np.floor((np.array(places) - grids.origin_odom) / grids.resolution_m).astype(int)
    return [int(getattr(grids, layer)[row, column]) for column, row in cells]


def log_odds_of(grids: OccupancyGrids | None) -> np.ndarray:
    assert grids is not None
    assert grids.log_odds is not None
    return grids.log_odds


def new_mapper(config: OccupancyConfig = CONFIG) -> OccupancyMapper:
    return OccupancyMapper(config, torch.device("cpu"))


WALL: Box = (10.0, -5.0, 10.4, 5.0)
CAR: Box = (5.0, -1.0, 9.0, 1.0)


def test_before_a_wall_is_free_at_the_wall_occupied_and_behind_it_unknown() -> None:
    mapper = new_mapper()
    for _ in range(5):
        grids = step(mapper, pose(0.0), WALL)
    free, occupied, unknown = values(grids, "static", (7.0, 0.5), (10.1, 0.5), (14.0, 0.5))
    assert free < 20
    assert occupied > 80
    assert unknown == -1


def test_layers_have_the_types_and_limits_of_the_message() -> None:
    mapper = new_mapper()
    grids = step(mapper, pose(0.0), WALL, CAR, moving=2)
    assert grids is not None
    for layer in (grids.static, grids.dynamic, grids.combined):
        assert layer.dtype == np.int8
        assert layer.shape == (160, 160)
        assert layer.min() == -1
        assert layer.max() <= 100
    np.testing.assert_array_equal(grids.combined, np.maximum(grids.static, grids.dynamic))
    np.testing.assert_array_equal(grids.origin_odom, [-20.0, -20.0])


def test_a_moving_thing_hides_what_is_behind_it_but_is_no_static_evidence() -> None:
    mapper = new_mapper()
    grids = step(mapper, pose(0.0), CAR, moving=1)
    assert values(grids, "static", (5.05, 0.1), (12.0, 0.1)) == [-1, -1]
    assert values(grids, "dynamic", (5.05, 0.1), (12.0, 0.1)) == [100, -1]
    assert values(grids, "combined", (5.05, 0.1)) == [100]
    assert values(grids, "dynamic", (4.0, 3.0)) == [0]


def test_a_passing_object_leaves_no_trail() -> None:
    mapper = new_mapper()
    for shift in np.arange(0.0, 12.0, 0.5):
        grids = step(mapper, pose(0.0), (6.0, shift - 6, 8.0, shift - 4), moving=1)
    assert grids is not None
    row = slice(60, 100)  # y from -5 to 5
    column = slice(105, 111)  # x from 6.25 to 7.75
    assert grids.static[row, column].max() < 50
    assert values(grids, "static", (6.1, -2.0))[0] < 50


def test_evidence_of_an_object_that_stood_is_cleared_after_it_left() -> None:
    mapper = new_mapper()
    for _ in range(3):
        grids = step(mapper, pose(0.0), CAR)
    assert values(grids, "static", (5.1, 0.1))[0] > 80
    for _ in range(10):
        grids = step(mapper, pose(0.0))
    assert values(grids, "static", (5.1, 0.1))[0] < 50


@pytest.mark.parametrize("state", [TrackState.CONFIRMED, TrackState.COASTING])
def test_points_in_a_track_box_are_dynamic_and_so_is_its_footprint(state: TrackState) -> None:
    grids = step(new_mapper(), pose(0.0), CAR, tracks=track(state, 7, 0, 1, 4, 2, 2, 0))
    assert values(grids, "static", (5.1, 0.1)) == [-1]
    assert values(grids, "dynamic", (5.1, 0.1), (7.0, 0.0)) == [100, 100]


def test_a_tentative_track_does_not_count() -> None:
    box = track(TrackState.TENTATIVE, 7, 0, 1, 4, 2, 2, 0)
    grids = step(new_mapper(), pose(0.0), CAR, tracks=box)
    assert values(grids, "static", (5.1, 0.1))[0] > 50
    assert values(grids, "dynamic", (7.0, 0.0)) == [-1]


def test_evidence_stays_in_its_place_when_the_grid_moves() -> None:
    mapper = new_mapper()
    first = step(mapper, pose(0.0), WALL)
    position = np.array([2.6, -1.1])
    second = step(mapper, pose(*position), empty=True)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(second.origin_odom, [-17.5, -21.25])
    dx, dy = np.round((second.origin_odom - first.origin_odom) / 0.25).astype(int)
    before, after = log_odds_of(first)[: 160 + dy, dx:], log_odds_of(second)[-dy:, : 160 - dx]
    np.testing.assert_array_equal(before, after)
    assert not log_odds_of(second)[:-dy].any()
    assert not log_odds_of(second)[:, 160 - dx :].any()
    assert values(second, "static", (10.1, 0.5)) == values(first, "static", (10.1, 0.5)) == [70]


def test_a_jump_further_than_the_grid_forgets_everything() -> None:
    mapper = new_mapper()
    step(mapper, pose(0.0), WALL)
    step(mapper, pose(500.0))
    grids = step(mapper, pose(0.0))
    assert grids is not None
    assert log_odds_of(grids).max() <= 0


def test_without_a_pose_there_is_no_grid_and_nothing_is_forgotten() -> None:
    mapper = new_mapper()
    step(mapper, pose(0.0), WALL)
    before = mapper.state()["log_odds"]
    assert step(mapper, None, WALL) is None
    np.testing.assert_array_equal(mapper.state()["log_odds"], before)


def test_evidence_is_bounded() -> None:
    mapper = new_mapper()
    for _ in range(12):
        grids = step(mapper, pose(0.0), WALL)
    assert grids is not None
    bound = np.float32(np.log(0.97 / 0.03))
    assert log_odds_of(grids).max() == pytest.approx(bound)
    assert log_odds_of(grids).min() == pytest.approx(-bound)
    assert grids.static.max() == 97


def test_a_cell_is_either_hit_or_free_in_a_scan_and_gains_accordingly() -> None:
    poles = [(4.02 + 0.5 * n, 3.02 + n, 4.1 + 0.5 * n, 3.1 + n) for n in range(8)]
    grids = step(new_mapper(), pose(0.0), *poles)
    gains = np.array([np.log(0.4 / 0.6), 0.0, np.log(0.7 / 0.3)])
    np.testing.assert_allclose(np.unique(log_odds_of(grids)), gains, atol=1e-6)


def test_an_empty_scan_says_nothing() -> None:
    grids = step(new_mapper(), pose(0.0), empty=True)
    assert grids is not None
    assert (grids.combined == -1).all()


def test_a_restored_mapper_goes_on_byte_for_byte() -> None:
    straight, broken = new_mapper(), new_mapper()
    for x_m in (0.0, 0.7, 1.4):
        step(straight, pose(x_m), WALL)
        step(broken, pose(x_m), WALL)
    other = new_mapper()
    other.restore(broken.state())
    step(broken, pose(9.0), CAR)  # the state must not share memory with the mapper it came from
    for x_m in (2.1, 2.8):
        expected, got = step(straight, pose(x_m), CAR), step(other, pose(x_m), CAR)
        assert expected is not None
        assert got is not None
        for name in ("static", "dynamic", "combined", "log_odds", "origin_odom"):
            assert getattr(expected, name).tobytes() == getattr(got, name).tobytes()


def test_reset_forgets_and_a_state_of_another_size_is_refused() -> None:
    mapper = new_mapper()
    step(mapper, pose(0.0), WALL)
    state = mapper.state()
    mapper.reset()
    assert len(mapper.state()["origin_cell"]) == 0
    assert not mapper.state()["log_odds"].any()
    with pytest.raises(DataError, match="expected"):
        new_mapper(OccupancyConfig(size_m=20.0)).restore(state)
    fresh = new_mapper()
    fresh.restore(new_mapper().state())
    assert step(fresh, pose(0.0), WALL) is not None
