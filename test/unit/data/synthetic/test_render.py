# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from unsup_track_ros.data.synthetic.ground import ground_height
from unsup_track_ros.data.synthetic.lidar import build_lidar
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.solids import Kind, Solids
from unsup_track_ros.data.synthetic.world import World
from unsup_track_ros.geometry.camera import project
from unsup_track_ros.geometry.se3 import inverse, rotation_about_z, transform
from unsup_track_ros.shapes import Bool, Float64
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.truth import FrameTruth

Rendered = tuple[SensorFrame, FrameTruth]


def stamp(world: World, k: int) -> int:
    return world.config.start_ns + k * world.period_ns


def with_lidar(world: World, **changes: float) -> World:
    """The same street, driven through with another LiDAR."""
    lidar = world.config.lidar.model_copy(update=changes)
    config = world.config.model_copy(update={"lidar": lidar})
    return dataclasses.replace(world, config=config, lidar=build_lidar(lidar))


@pytest.fixture(scope="module")
def now(tiny_world: World) -> Rendered:
    return render(tiny_world, stamp(tiny_world, 20))


@pytest.fixture(scope="module")
def later(tiny_world: World) -> Rendered:
    return render(tiny_world, stamp(tiny_world, 21))


def inside_box(
    points_velo: Float64[np.ndarray, "P 3"], box: Float64[np.ndarray, " 7"], margin_m: float
) -> Bool[np.ndarray, " P"]:
    local = (points_velo - box[:3]) @ rotation_about_z(box[6])
    inside: Bool[np.ndarray, " P"] = np.all(np.abs(local) <= box[3:6] / 2 + margin_m, axis=1)
    return inside


def test_a_frame_is_complete_and_its_truth_fits_it(tiny_world: World, now: Rendered) -> None:
    frame, truth = now
    assert frame.stamp_ns == truth.stamp_ns == stamp(tiny_world, 20)
    assert frame.index == 20
    assert frame.camera is not None
    assert frame.camera.image_rgb.shape == (64, 208, 3)
    assert len(frame.cloud.points_velo) > 5000
    assert truth.moving_points is not None
    assert len(truth.moving_points) == len(frame.cloud.points_velo)
    np.testing.assert_array_equal(frame.odom_T_velo, truth.odom_T_velo)
    assert {"car", "pedestrian"} <= set(truth.classes)


def test_points_on_an_object_lie_in_its_box_and_reach_its_faces(now: Rendered) -> None:
    frame, truth = now
    assert truth.point_objects is not None
    assert truth.num_points is not None
    points = frame.cloud.points_velo.astype(np.float64)
    for row, box in enumerate(truth.boxes_velo):
        own = points[truth.point_objects == row]
        assert len(own) == truth.num_points[row]
        # The ego leans with the slope, the box stays upright: 3 % of a van's height.
        assert inside_box(own, box, 0.08).all()
    # Points of nobody inside a box are ground below it, at most.
    nobody = points[truth.point_objects == -1]
    for box in truth.boxes_velo:
        body = box.copy()
        body[3:6] -= 0.3
        assert inside_box(nobody, body, 0.0).sum() == 0


def test_the_projected_box_covers_the_object_in_the_image(now: Rendered) -> None:
    frame, truth = now
    assert frame.camera is not None
    assert truth.moving is not None
    assert truth.moving_pixels is not None
    covered = np.zeros(truth.moving_pixels.shape, bool)
    rows, columns = np.indices(covered.shape)
    for box in truth.boxes_velo[truth.moving]:
        signs = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])
        corners = signs * (box[3:6] / 2 + 0.08) @ rotation_about_z(box[6]).T + box[:3]
        corners_cam = transform(frame.camera.cam_T_velo, corners)
        if corners_cam[:, 2].min() < 0.1:
            continue
        pixels = project(corners_cam, frame.camera.camera.pix_T_cam)
        (left, top), (right, bottom) = pixels.min(0) - 1, pixels.max(0) + 1
        covered |= (columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)
    assert truth.moving_pixels.sum() > 50
    assert not (truth.moving_pixels & ~covered).any()


def test_flow_carries_points_of_an_object_into_its_next_box(now: Rendered, later: Rendered) -> None:
    frame, truth = now
    _, next_truth = later
    assert truth.point_objects is not None
    assert truth.flow_points_velo is not None
    assert truth.odom_T_velo is not None
    assert next_truth.odom_T_velo is not None
    velo1_T_odom = inverse(next_truth.odom_T_velo)
    velo1_T_velo0 = velo1_T_odom @ truth.odom_T_velo
    moved = transform(
        velo1_T_velo0, (frame.cloud.points_velo + truth.flow_points_velo).astype(float)
    )
    rows = {int(k): row for row, k in enumerate(next_truth.ids)}
    checked = 0
    for row, k in enumerate(truth.ids):
        own = truth.point_objects == row
        if own.any() and int(k) in rows:
            assert inside_box(moved[own], next_truth.boxes_velo[rows[int(k)]], 0.08).all()
            checked += int(own.sum())
    assert checked > 200


def test_flow_of_a_moving_object_is_its_velocity_times_the_period(now: Rendered) -> None:
    _, truth = now
    assert truth.moving is not None
    assert truth.velocities_velo is not None
    assert truth.flow_points_velo is not None
    assert truth.point_objects is not None
    assert truth.moving_points is not None
    for row in np.flatnonzero(truth.moving):
        own = truth.point_objects == row
        assert truth.moving_points[own].all()
        if own.any():
            mean = truth.flow_points_velo[own].mean(0)[:2]
            np.testing.assert_allclose(mean, 0.1 * truth.velocities_velo[row, :2], atol=0.05)
    still = ~truth.moving_points & (truth.point_objects == -1)
    assert not truth.flow_points_velo[still].any()


def test_moving_points_land_on_the_surface_of_the_next_scan(tiny_world: World) -> None:
    world = with_lidar(tiny_world, beams=128, azimuth_steps=1440)
    (frame, truth), (next_frame, next_truth) = (render(world, stamp(world, k)) for k in (20, 21))
    assert truth.odom_T_velo is not None
    assert next_truth.odom_T_velo is not None
    assert truth.flow_points_velo is not None
    assert truth.moving_points is not None
    near = np.linalg.norm(frame.cloud.points_velo, axis=1) < 15.0
    velo1_T_odom = inverse(next_truth.odom_T_velo)
    velo1_T_velo0 = velo1_T_odom @ truth.odom_T_velo
    moved = transform(
        velo1_T_velo0, (frame.cloud.points_velo + truth.flow_points_velo).astype(float)
    )
    stayed = transform(velo1_T_velo0, frame.cloud.points_velo.astype(float))
    chosen = near & truth.moving_points
    assert chosen.sum() > 100
    tree = cKDTree(next_frame.cloud.points_velo)
    with_flow, without = tree.query(moved[chosen])[0], tree.query(stayed[chosen])[0]
    assert np.median(with_flow) < 0.06  # the spacing of the rays
    assert np.median(without) > 2 * np.median(with_flow)


def test_optical_flow_warps_the_next_image_onto_this_one(now: Rendered, later: Rendered) -> None:
    frame, truth = now
    next_frame, _ = later
    assert frame.camera is not None
    assert next_frame.camera is not None
    assert truth.flow_pix is not None
    rows, columns = np.indices(truth.flow_pix.shape[1:])
    to = np.rint(np.stack([columns, rows]) + truth.flow_pix)
    inside = (to[0] >= 0) & (to[0] < 208) & (to[1] >= 0) & (to[1] < 64)
    u, v = np.where(inside, to, 0).astype(int)
    image = frame.camera.image_rgb.astype(float)
    following = next_frame.camera.image_rgb.astype(float)
    warped = np.abs(following[v, u] - image).mean(-1)[inside]
    frozen = np.abs(following - image).mean(-1)[inside]
    assert inside.mean() > 0.7
    assert np.median(warped) < 5.0
    assert np.median(warped) < 0.7 * np.median(frozen)


def test_optical_flow_is_the_projection_of_the_points_that_move(
    now: Rendered, later: Rendered
) -> None:
    frame, truth = now
    _, next_truth = later
    assert frame.camera is not None
    assert truth.flow_pix is not None
    assert truth.flow_points_velo is not None
    assert truth.odom_T_velo is not None
    assert next_truth.odom_T_velo is not None
    camera = frame.camera
    points = frame.cloud.points_velo.astype(np.float64)
    pix0 = project(transform(camera.cam_T_velo, points), camera.camera.pix_T_cam)
    velo1_T_odom = inverse(next_truth.odom_T_velo)
    velo1_T_velo0 = velo1_T_odom @ truth.odom_T_velo
    cam1_T_velo0 = camera.cam_T_velo @ velo1_T_velo0
    points_cam1 = transform(cam1_T_velo0, points + truth.flow_points_velo)
    flow = project(points_cam1, camera.camera.pix_T_cam) - pix0
    with np.errstate(invalid="ignore"):
        seen = (pix0 > 0).all(1) & (pix0 < [207, 63]).all(1) & (points[:, 0] > 4.0)
    column, row = np.rint(pix0[seen]).astype(int).T
    error = np.linalg.norm(truth.flow_pix[:, row, column].T - flow[seen], axis=1)
    # The pixel is up to half a pixel away, and the camera sees past some edges that the LiDAR hits.
    assert seen.sum() > 500
    assert np.median(error) < 0.1
    assert np.percentile(error, 90) < 1.0


def test_a_static_world_has_no_motion_but_that_of_the_ego(static_world: World) -> None:
    _, truth = render(static_world, stamp(static_world, 15))
    assert truth.moving is not None
    assert len(truth.moving) > 5
    assert not truth.moving.any()
    for member in (truth.moving_points, truth.moving_pixels, truth.flow_points_velo):
        assert member is not None
        assert not member.any()
    assert truth.velocities_velo is not None
    assert not truth.velocities_velo.any()
    assert truth.flow_pix is not None
    assert np.nanmax(np.abs(truth.flow_pix)) > 1.0


def test_a_frame_does_not_depend_on_the_frames_before_it(tiny_world: World, now: Rendered) -> None:
    render(tiny_world, stamp(tiny_world, 3))
    frame, truth = render(tiny_world, stamp(tiny_world, 20))
    np.testing.assert_array_equal(frame.cloud.points_velo, now[0].cloud.points_velo)
    assert frame.camera is not None
    assert now[0].camera is not None
    np.testing.assert_array_equal(frame.camera.image_rgb, now[0].camera.image_rgb)
    for field in dataclasses.fields(FrameTruth):
        np.testing.assert_equal(getattr(truth, field.name), getattr(now[1], field.name))


def test_noise_and_drop_out_are_as_configured(tiny_world: World, now: Rendered) -> None:
    noisy, lossy = with_lidar(tiny_world, noise_m=0.05), with_lidar(tiny_world, dropout=0.5)
    clouds = [now[0].cloud, *(render(world, now[0].stamp_ns)[0].cloud for world in (noisy, lossy))]
    ranges = [np.linalg.norm(cloud.points_velo, axis=1) for cloud in clouds]
    assert np.std(ranges[1] - ranges[0]) == pytest.approx(0.05, rel=0.05)
    assert len(ranges[2]) / len(ranges[0]) == pytest.approx(0.5, abs=0.03)


def test_the_more_is_hidden_the_lower_the_visibility(tiny_world: World, now: Rendered) -> None:
    _, truth = now
    assert truth.visibility is not None
    assert truth.num_points is not None
    assert ((truth.visibility >= 0) & (truth.visibility <= 1)).all()
    assert (truth.num_points[truth.visibility == 0] == 0).all()
    free = int(np.argmax(truth.visibility * (truth.num_points > 30)))
    assert truth.visibility[free] > 0.9
    # A wall between the LiDAR and that object takes its points and its visibility.
    box = truth.boxes_velo[free]
    assert truth.odom_T_velo is not None
    middle = transform(truth.odom_T_velo, 0.5 * box[None, :3])[0]
    hidden = _with_ball_at(tiny_world, middle, radius_m=0.4 * float(np.linalg.norm(box[:2])))
    _, covered = render(hidden, truth.stamp_ns)
    assert covered.visibility is not None
    assert covered.num_points is not None
    assert covered.visibility[free] < 0.5 * truth.visibility[free]
    assert covered.num_points[free] < 0.5 * truth.num_points[free]


def _with_ball_at(world: World, centre: Float64[np.ndarray, " 3"], radius_m: float) -> World:
    """Blow up the first solid of the scenery into a ball at a place."""
    changed = Solids(*(column.copy() for column in world.scenery))
    changed.centre[0], changed.half[0] = centre, radius_m
    changed.radius[0], changed.kind[0] = 2 * radius_m, Kind.ELLIPSOID
    return dataclasses.replace(world, scenery=changed)


def test_points_on_standing_things_fall_on_occupied_cells(now: Rendered) -> None:
    frame, truth = now
    grid, origin = truth.occupied_static_odom, truth.occupancy_origin_odom
    assert grid is not None
    assert origin is not None
    assert truth.occupancy_resolution_m is not None
    assert truth.odom_T_velo is not None
    assert truth.point_objects is not None
    points = transform(truth.odom_T_velo, frame.cloud.points_velo.astype(np.float64))
    height = points[:, 2] - (truth.odom_T_velo[2, 3] - 1.73)
    near = (np.linalg.norm(frame.cloud.points_velo, axis=1) < 25) & (height > 0.8) & (height < 1.6)
    standing = near & (truth.point_objects == -1)
    cell = np.floor((points[standing, :2] - origin) / truth.occupancy_resolution_m).astype(int)
    assert standing.sum() > 100
    assert grid[cell[:, 1], cell[:, 0]].mean() > 0.99
    # The way of the ego is free.
    x, y = np.floor((truth.odom_T_velo[:2, 3] - origin) / truth.occupancy_resolution_m).astype(int)
    assert not grid[y - 3 : y + 4, x - 3 : x + 4].any()


def test_a_rolling_scan_tells_when_each_point_was_taken(tiny_world: World) -> None:
    world = with_lidar(tiny_world, rolling=True)
    frame, truth = render(world, stamp(world, 20))
    offsets = frame.cloud.time_offset_s
    assert offsets is not None
    assert -0.05 <= offsets.min() < -0.04
    assert 0.04 < offsets.max() <= 0.05
    points = frame.cloud.points_velo.astype(np.float64)
    assert np.abs(offsets[np.abs(np.arctan2(points[:, 1], points[:, 0])) < 0.2]).max() < 0.02
    # Put where the LiDAR was at its time, a point of the road lies on the road.
    assert truth.point_objects is not None
    assert truth.odom_T_velo is not None
    road = (truth.point_objects == -1) & (np.abs(points[:, 1] - 1.75) < 3.0) & (points[:, 2] < -1.2)
    height = {}
    for name in ("own time", "stamp"):
        errors: list[float] = []
        for t in np.unique(offsets):
            time_s = 2.0 + (float(t) if name == "own time" else 0.0)
            odom_T_velo = world.odom_T_base(time_s) @ world.base_T_velo
            placed = transform(odom_T_velo, points[road & (offsets == t)])
            errors += [abs(z - ground_height(world.ground, x, y)) for x, y, z in placed]
        height[name] = float(np.median(errors))
    assert height["own time"] < 1e-4
    assert height["stamp"] > 5 * height["own time"]
