# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from unit.perception.motion_scenes import CAM_T_VELO, PINHOLE, make_scene

from unsup_track_ros.geometry import se3
from unsup_track_ros.geometry.ground import level_scan
from unsup_track_ros.geometry.voxels import DISCOVER_GRID, voxel_centres
from unsup_track_ros.perception.box_fitting import BoxFitter, BoxFittingConfig
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.frame import PointCloud, SensorFrame
from unsup_track_ros.structures.motion import MotionRegions, MotionState
from unsup_track_ros.structures.voxels import VoxelRegions

ROAD_Z = -1.7


def seen_sides(
    length: float, width: float, height: float, yaw: float, centre: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Return points on the near long side and the rear of a box on the road, from 0.4 m up."""
    z = np.arange(ROAD_Z + 0.4, ROAD_Z + height + 1e-9, 0.2)
    along = np.arange(-length / 2, length / 2 + 1e-9, 0.1)
    across = np.arange(-width / 2, width / 2 + 1e-9, 0.1)
    outline = np.concatenate(
        [
            np.stack([along, np.full_like(along, -width / 2)], 1),
            np.stack([np.full_like(across, -length / 2), across], 1),
        ]
    )
    c, s = np.cos(yaw), np.sin(yaw)
    xy = outline @ np.array([[c, s], [-s, c]]) + centre
    return np.concatenate([np.column_stack([xy, np.full(len(xy), h)]) for h in z])


def road(centre: Sequence[float] | np.ndarray) -> np.ndarray:
    x, y = np.meshgrid(np.arange(-6, 6.1, 0.5), np.arange(-6, 6.1, 0.5))
    return np.stack([x.ravel() + centre[0], y.ravel() + centre[1], np.full(x.size, ROAD_Z)], 1)


def fit(
    objects: list[np.ndarray],
    velocities: Sequence[Sequence[float] | np.ndarray] | None,
    config: BoxFittingConfig | None = None,
    base_T_velo: np.ndarray | None = None,
) -> Detections:
    """Fit boxes to objects standing on road; points are shuffled, regions are 1..N in order."""
    clouds = [np.zeros((0, 3)), *objects, *(road(o.mean(axis=0)[:2]) for o in objects)]
    region = np.repeat(np.arange(1, len(objects) + 1), [len(o) for o in objects])
    points = np.concatenate(clouds).astype(np.float32)
    region = np.concatenate([region, np.zeros(len(points) - len(region), np.int64)])
    order = np.random.default_rng(1).permutation(len(points))
    frame = SensorFrame(
        stamp_ns=5,
        index=0,
        cloud=PointCloud(points_velo=points[order]),
        base_T_velo=np.eye(4) if base_T_velo is None else base_T_velo,
    )
    regions = MotionRegions(
        point_region=region[order],
        scores=np.linspace(0.9, 0.5, len(objects)).astype(np.float32),
        motion=np.full(len(objects), int(MotionState.MOVING)),
        flow_velo=np.array(velocities, np.float32).reshape(-1, 3),
    )
    fitter = BoxFitter(config or BoxFittingConfig())
    return fitter.step(frame, regions, level_scan(frame.base_T_velo, frame.cloud.points_velo))


UNKNOWN = (np.nan, np.nan, np.nan)


def test_no_regions_give_no_detections() -> None:
    assert len(fit([], [])) == 0


@pytest.mark.parametrize("yaw_deg", [0, 20, 45, 77, 90, 135, 170])
def test_a_turned_l_is_recovered_up_to_half_a_turn(yaw_deg: float) -> None:
    yaw = np.radians(yaw_deg)
    detections = fit([seen_sides(4.2, 1.8, 1.5, yaw, (12.0, 3.0))], [UNKNOWN])
    x, y, z, length, width, height, found = detections.boxes_velo[0]
    np.testing.assert_allclose((x, y), (12, 3), atol=0.06)
    np.testing.assert_allclose((length, width), (4.2, 1.8), atol=0.08)
    assert np.sin(found - yaw) == pytest.approx(0, abs=np.radians(1.1))
    assert not detections.heading_known[0]
    np.testing.assert_allclose((z - height / 2, z + height / 2), (ROAD_Z, ROAD_Z + 1.4), atol=0.11)


@pytest.mark.parametrize("course_deg", [0, 35, -100, 179])
def test_motion_gives_the_heading_and_the_sides_its_exact_direction(course_deg: float) -> None:
    course = np.radians(course_deg)
    velocity = 6 * np.array([np.cos(course + 0.045), np.sin(course + 0.045), 0])
    detections = fit([seen_sides(4.2, 1.8, 1.5, course, (12.0, 3.0))], [velocity])
    error = se3.wrap_angle_rad(detections.boxes_velo[:, 6] - course)[0]
    assert abs(error) < np.radians(1.1)
    assert detections.heading_known[0]
    np.testing.assert_allclose(detections.boxes_velo[0, 3:5], (4.2, 1.8), atol=0.08)
    np.testing.assert_allclose(detections.velocities_velo[0], velocity, atol=1e-5)


def yaw_of_car(speed_mps: float, course_rad: float) -> float:
    """Fit a car along x whose velocity was measured in another direction."""
    velocity = speed_mps * np.array([np.cos(course_rad), np.sin(course_rad), 0])
    return float(fit([seen_sides(4.2, 1.8, 1.5, 0.0, (12.0, 3.0))], [velocity]).boxes_velo[0, 6])


def test_sides_turn_the_heading_as_far_as_the_velocity_is_uncertain_and_no_further() -> None:
    """Two deviations of 0.15 m/s across 6 m/s are 0.05 rad, across 2 m/s 0.15 rad."""
    assert yaw_of_car(6.0, 0.2) == pytest.approx(0.15, abs=0.0176)
    assert yaw_of_car(2.0, 0.2) == pytest.approx(0.05, abs=0.0176)


def test_what_is_too_short_to_have_a_side_faces_the_way_it_moves() -> None:
    velocity = 1.5 * np.array([np.cos(0.1), np.sin(0.1), 0])
    detections = fit([seen_sides(1.7, 0.6, 1.7, 0.0, (12.0, 3.0))], [velocity])
    assert detections.boxes_velo[0, 6] == pytest.approx(0.1, abs=1e-6)


def test_only_the_rear_seen_still_gives_length_along_the_motion() -> None:
    rear = seen_sides(0.0, 1.8, 1.5, 0.0, (12.0, 0.0))
    detections = fit([rear], [(6, 0, 0)])
    length, width = detections.boxes_velo[0, 3:5]
    assert (length, width) == (pytest.approx(0.2), pytest.approx(1.8, abs=0.05))


def test_a_slow_region_has_no_heading() -> None:
    detections = fit([seen_sides(4.2, 1.8, 1.5, 0.3, (12.0, 3.0))], [(0.6, 0, 0)])
    assert not detections.heading_known[0]
    assert detections.boxes_velo[0, 3] > detections.boxes_velo[0, 4]


def test_many_regions_are_fitted_as_if_alone() -> None:
    objects = [
        seen_sides(4.2, 1.8, 1.5, 0.3, (12.0, 3.0)),
        seen_sides(8.0, 2.4, 3.0, -0.8, (30.0, -20.0)),
        seen_sides(1.8, 0.6, 1.6, 1.2, (-15.0, 8.0)),
    ]
    velocities = [UNKNOWN, (4 * np.cos(0.8), -4 * np.sin(0.8), 0), UNKNOWN]
    together = fit(objects, velocities)
    for row, (points, velocity) in enumerate(zip(objects, velocities, strict=True)):
        alone = fit([points], [velocity])
        np.testing.assert_allclose(together.boxes_velo[row], alone.boxes_velo[0], atol=1e-4)
    assert together.num_points.tolist() == [len(o) for o in objects]
    assert together.scores.tolist() == pytest.approx([0.9, 0.7, 0.5])


def test_a_floating_region_is_not_drawn_to_the_ground() -> None:
    high = seen_sides(4.2, 1.8, 1.5, 0.0, (12.0, 0.0)) + np.array([0, 0, 3.0])
    box = fit([high], [UNKNOWN]).boxes_velo[0]
    assert box[2] - box[5] / 2 == pytest.approx(ROAD_Z + 3.4, abs=0.01)


def test_a_tilted_sensor_still_gives_the_upright_box_of_the_level_frame() -> None:
    pitch = np.radians(10)
    c, s = np.cos(pitch), np.sin(pitch)
    base_T_velo = se3.rigid(np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]), np.array([0, 0, 1.7]))
    velo_T_base = se3.inverse(base_T_velo)
    level = seen_sides(4.2, 1.8, 1.5, 0.4, (12.0, 3.0)) + np.array([0, 0, 1.7])
    detections = fit([se3.transform(velo_T_base, level)], [UNKNOWN], base_T_velo=base_T_velo)
    box_base = se3.transform_boxes(base_T_velo, detections.boxes_velo)[0]
    np.testing.assert_allclose(box_base[:2], (12, 3), atol=0.06)
    np.testing.assert_allclose(box_base[3:5], (4.2, 1.8), atol=0.08)


def voxel_frame() -> SensorFrame:
    return make_scene().frame


def fit_voxels(index_zyx: np.ndarray, **values: bool) -> tuple[Detections, np.ndarray]:
    index_zyx = np.array(index_zyx)
    voxel = np.sort(np.ravel_multi_index(tuple(index_zyx.T), DISCOVER_GRID.shape_zyx))
    regions = MotionRegions(
        point_region=np.zeros(len(voxel_frame().cloud.points_velo), np.int64),
        scores=np.ones(1, np.float32),
        motion=np.array([MotionState.MOVING]),
        flow_velo=np.full((1, 3), np.nan, np.float32),
        voxels=VoxelRegions(
            grid=DISCOVER_GRID,
            voxel=voxel,
            region=np.ones(len(voxel), np.int64),
            moving=np.ones(len(voxel), bool),
        ),
    )
    fitter, frame = BoxFitter(BoxFittingConfig.model_validate(values)), voxel_frame()
    return fitter.step(
        frame, regions, level_scan(frame.base_T_velo, frame.cloud.points_velo)
    ), voxel


def voxel_block(num_z: int, num_y: int, num_x: int) -> np.ndarray:
    z, y, x = np.meshgrid(range(num_z), range(num_y), range(num_x), indexing="ij")
    return np.stack([z.ravel() + 40, y.ravel() + 2, x.ravel() + 120], axis=1)


def test_voxels_give_the_box_of_their_outer_faces() -> None:
    """32 x 8 x 16 voxels of 0.125 m: 4 m along z of cam, 1 m high, 2 m wide."""
    detections, voxel = fit_voxels(voxel_block(32, 8, 16))
    box = detections.boxes_velo[0]
    centre_cam = voxel_centres(DISCOVER_GRID, voxel)
    centre_cam = (centre_cam.min(axis=0) + centre_cam.max(axis=0)) / 2
    np.testing.assert_allclose(
        box[:3], se3.transform(np.linalg.inv(CAM_T_VELO), centre_cam[None])[0]
    )
    np.testing.assert_allclose(box[3:6], (4, 2, 1), atol=1e-6)
    assert np.sin(box[6]) == pytest.approx(0, abs=1e-6)  # z of cam is x of velo
    assert not detections.heading_known[0]


def test_voxel_boxes_are_one_voxel_short_only_as_a_quirk() -> None:
    detections, _ = fit_voxels(voxel_block(32, 8, 16), quirk_one_voxel_short=True)
    np.testing.assert_allclose(detections.boxes_velo[0, 3:6], (3.875, 1.875, 0.875), atol=1e-6)


def test_the_long_side_across_the_view_is_the_length() -> None:
    box = fit_voxels(voxel_block(16, 8, 32))[0].boxes_velo[0]
    np.testing.assert_allclose(box[3:5], (4, 2), atol=1e-6)
    assert abs(np.sin(box[6])) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("yaw_deg", [15, 30, 60, 110, 160])
def test_a_turned_voxel_rectangle_keeps_its_direction(yaw_deg: float) -> None:
    """yaw is about z of velo: the long side points along (cos, sin) = (z of cam, -x of cam)."""
    yaw = np.radians(yaw_deg)
    along, across = np.meshgrid(np.arange(-20, 20.1, 0.5), np.arange(-6, 6.1, 0.5))
    z = along * np.cos(yaw) - across * np.sin(yaw) + 100
    x = -(along * np.sin(yaw) + across * np.cos(yaw)) + 128
    cells = np.unique(np.rint(np.stack([z.ravel(), x.ravel()], 1)).astype(int), axis=0)
    index = np.concatenate([np.insert(cells, 1, y, axis=1) for y in (4, 5, 6)])
    box = fit_voxels(index)[0].boxes_velo[0]
    assert np.sin(box[6] - yaw) == pytest.approx(0, abs=np.radians(2.5))
    np.testing.assert_allclose(box[3:5], (5.1, 1.6), atol=0.2)


def test_boxes_are_projected_into_the_first_camera() -> None:
    left, top, right, bottom = fit_voxels(voxel_block(32, 8, 16))[0].boxes_pix[0]
    assert 0 <= left < right <= PINHOLE.width_px - 1
    assert 0 <= top < bottom <= PINHOLE.height_px - 1


def test_without_a_camera_there_are_no_rectangles() -> None:
    detections = fit([seen_sides(4.2, 1.8, 1.5, 0.0, (12.0, 0.0))], [UNKNOWN])
    assert np.isnan(detections.boxes_pix).all()
