# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames from synchronised messages and transforms."""

from __future__ import annotations

import numpy as np
from unit.data.bags import CAMERA, START_NS, VELO_R_CAM, image_of

from unsup_track_ros.data.camera_rectification import CameraModel
from unsup_track_ros.data.frame_assembly import DecodedImage, FrameAssembler, FrameConfig
from unsup_track_ros.data.point_cloud_decoding import DecodedCloud
from unsup_track_ros.data.transforms import TransformTree
from unsup_track_ros.geometry.se3 import rigid, transform
from unsup_track_ros.structures.frame import PointCloud

MS = 1_000_000
POINTS = np.array([[10, 0, 0], [0, 10, 0]], np.float32)


def scan(
    frame_id: str = "velo", delay_ns: int = 0, time_offset_s: list[float] | None = None
) -> DecodedCloud:
    times = None if time_offset_s is None else np.array(time_offset_s, np.float32)
    return DecodedCloud(
        cloud=PointCloud(points_velo=POINTS, intensity=np.ones(2, np.float32), time_offset_s=times),
        frame_id=frame_id,
        stamp_ns=START_NS + delay_ns,
        num_invalid=0,
    )


def image(delay_ns: int = 0) -> DecodedImage:
    return DecodedImage(
        name="/cam/image_raw",
        stamp_ns=START_NS + delay_ns,
        image_rgb=image_of(1),
        model=CameraModel(camera=CAMERA, frame_id="cam", map_x=None, map_y=None),
    )


def tree(*, speed_mps: float | None = 10.0, odom: str = "odom") -> TransformTree:
    """A vehicle with two LiDARs and a camera, driving along x from the start stamp on."""
    grown = TransformTree()
    lift = rigid(np.eye(3), np.array([0.0, 0.0, 2.0]))
    behind = rigid(np.eye(3), np.array([-3.0, 0.0, 2.0]))
    grown.insert("base_link", "velo", 0, lift, static=True)
    grown.insert("base_link", "rear", 0, behind, static=True)
    grown.insert("velo", "cam", 0, rigid(VELO_R_CAM, np.zeros(3)), static=True)
    if speed_mps is not None:
        for step in (-100, 0, 100):
            odom_T_base = rigid(np.eye(3), np.array([speed_mps * step / 1000, 0.0, 0.0]))
            grown.insert(odom, "base_link", START_NS + step * MS, odom_T_base)
    return grown


def assembler(grown: TransformTree, config: FrameConfig | None = None) -> FrameAssembler:
    return FrameAssembler(config or FrameConfig(), grown)


def test_the_pose_and_the_mounting_come_from_the_transforms() -> None:
    frame = assembler(tree()).assemble(7, [scan()], [])
    assert (frame.index, frame.stamp_ns) == (7, START_NS)
    np.testing.assert_allclose(frame.base_T_velo[:3, 3], [0, 0, 2])
    assert frame.odom_T_velo is not None
    np.testing.assert_allclose(frame.odom_T_velo[:3, 3], [0, 0, 2], atol=1e-12)
    assert frame.missing_inputs == ()


def test_a_point_ahead_lies_on_the_optical_axis() -> None:
    frame = assembler(tree()).assemble(0, [scan()], [image()])
    assert frame.camera is not None
    points_cam = transform(frame.camera.cam_T_velo, POINTS)
    np.testing.assert_allclose(points_cam, [[0, 0, 10], [-10, 0, 0]], atol=1e-5)


def test_a_later_image_sees_a_static_point_from_where_the_car_is_then() -> None:
    # 50 ms at 10 m/s: the point 10 m ahead is 9.5 m ahead when the image is taken.
    frame = assembler(tree()).assemble(0, [scan()], [image(delay_ns=50 * MS)])
    assert frame.camera is not None
    points_cam = transform(frame.camera.cam_T_velo, POINTS)
    np.testing.assert_allclose(points_cam[0], [0, 0, 9.5], atol=1e-5)


def test_without_poses_the_mounting_alone_relates_camera_and_lidar() -> None:
    for grown in (tree(speed_mps=None), tree()):
        frame = assembler(grown).assemble(0, [scan()], [image(delay_ns=500 * MS)])
        assert frame.camera is not None
        points_cam = transform(frame.camera.cam_T_velo, POINTS)
        np.testing.assert_allclose(points_cam[0], [0, 0, 10], atol=1e-5)


def test_no_pose_is_a_reason_and_no_error() -> None:
    frame = assembler(tree(speed_mps=None)).assemble(0, [scan()], [])
    assert frame.odom_T_velo is None
    assert "no frame odom or map or world" in frame.odom_reason
    late = assembler(tree()).assemble(0, [scan(delay_ns=400 * MS)], [])
    assert late.odom_T_velo is None
    assert "300.0 ms earlier" in late.odom_reason


def test_map_serves_where_there_is_no_odom() -> None:
    frame = assembler(tree(odom="map")).assemble(0, [scan()], [])
    assert frame.odom_T_velo is not None


def test_frames_that_were_asked_for_are_used() -> None:
    config = FrameConfig(odom_frame="earth", base_frame="rear")
    frame = assembler(tree(odom="earth"), config).assemble(0, [scan()], [])
    assert frame.odom_T_velo is not None
    np.testing.assert_allclose(frame.base_T_velo[:3, 3], [3, 0, 0])


def test_without_any_transform_the_lidar_is_its_own_base() -> None:
    frame = assembler(TransformTree()).assemble(0, [scan()], [image()])
    np.testing.assert_array_equal(frame.base_T_velo, np.eye(4))
    assert frame.cameras == ()
    assert any("/cam/image_raw" in note for note in frame.missing_inputs)


def test_an_unknown_mounting_is_said() -> None:
    config = FrameConfig(base_frame="chassis")
    frame = assembler(tree(), config).assemble(0, [scan()], [])
    np.testing.assert_array_equal(frame.base_T_velo, np.eye(4))
    assert "mounting" in frame.missing_inputs[0]


def test_a_second_lidar_is_moved_to_the_reference_in_space_and_time() -> None:
    # It sits 3 m behind and scans 50 ms later, when the car is 0.5 m further.
    frame = assembler(tree()).assemble(0, [scan(), scan("rear", delay_ns=50 * MS)], [])
    expected = np.concatenate([POINTS, np.array([[7.5, 0, 0], [-2.5, 10, 0]])])
    np.testing.assert_allclose(frame.cloud.points_velo, expected, atol=1e-5)
    np.testing.assert_array_equal(frame.cloud.intensity, np.ones(4))


def test_a_second_lidar_without_transforms_is_left_out_with_a_reason() -> None:
    frame = assembler(tree()).assemble(0, [scan(), scan("roof")], [])
    assert len(frame.cloud.points_velo) == 2
    assert "'roof'" in frame.missing_inputs[0]


def test_a_scan_with_point_times_is_compensated() -> None:
    frame = assembler(tree()).assemble(0, [scan(time_offset_s=[0.0, 0.05])], [])
    expected = np.array([[10, 0, 0], [0.5, 10, 0]])
    np.testing.assert_allclose(frame.cloud.points_velo, expected, atol=1e-5)


def test_a_scan_that_cannot_be_compensated_keeps_its_times_and_says_why() -> None:
    frame = assembler(tree()).assemble(0, [scan(time_offset_s=[0.0, 0.3])], [])
    np.testing.assert_array_equal(frame.cloud.points_velo, POINTS)
    assert frame.cloud.time_offset_s is not None
    assert "Motion compensation" in frame.missing_inputs[0]


def test_times_of_a_second_lidar_count_from_the_reference_stamp() -> None:
    grown = tree(speed_mps=None)
    clouds = [scan(time_offset_s=[0, 0.01]), scan("rear", 50 * MS, time_offset_s=[0, 0.01])]
    frame = assembler(grown).assemble(0, clouds, [])
    assert frame.cloud.time_offset_s is not None
    expected = np.array([0, 0.01, 0.05, 0.06])
    np.testing.assert_allclose(frame.cloud.time_offset_s, expected, atol=1e-6)


def test_known_gaps_and_an_empty_scan_are_handed_on() -> None:
    empty = DecodedCloud(
        cloud=PointCloud(points_velo=np.empty((0, 3), np.float32)),
        frame_id="velo",
        stamp_ns=START_NS,
        num_invalid=3,
        reason="all 3 points are NaN",
    )
    frame = assembler(tree()).assemble(0, [empty], [], ["The radar is off."])
    assert frame.missing_inputs == ("The radar is off.", "The scan: all 3 points are NaN.")


def test_a_turn_that_tf_lacks_is_made_up_for() -> None:
    # The camera looks 0.1 rad farther to the left than TF says: a point straight ahead of the LiDAR
    # is 1 m to the right of its axis, at 10 m.
    config = FrameConfig(camera_yaw_correction_rad=0.1)
    frame = assembler(tree(), config).assemble(0, [scan()], [image()])
    assert frame.camera is not None
    seen_cam = transform(frame.camera.cam_T_velo, POINTS)[0]
    np.testing.assert_allclose(seen_cam, [10 * np.sin(0.1), 0, 10 * np.cos(0.1)], atol=1e-5)
    np.testing.assert_allclose(frame.base_T_velo[:3, :3], np.eye(3))


def test_a_turned_lidar_takes_its_pose_along_and_leaves_the_camera_where_it_is() -> None:
    config = FrameConfig(lidar_yaw_correction_rad=0.1)
    frame = assembler(tree(), config).assemble(0, [scan()], [image()])
    assert frame.camera is not None
    assert frame.odom_T_velo is not None
    # Ahead of the LiDAR is 0.1 rad to the left of the vehicle and of the camera.
    left = [10 * np.cos(0.1), 10 * np.sin(0.1), 2]
    np.testing.assert_allclose(transform(frame.base_T_velo, POINTS)[0], left, atol=1e-5)
    np.testing.assert_allclose(transform(frame.odom_T_velo, POINTS)[0], left, atol=1e-5)
    seen_cam = transform(frame.camera.cam_T_velo, POINTS)[0]
    np.testing.assert_allclose(seen_cam, [-10 * np.sin(0.1), 0, 10 * np.cos(0.1)], atol=1e-5)


def test_a_camera_beside_the_lidar_is_turned_where_it_is() -> None:
    grown = tree()
    grown.insert("velo", "cam", 0, rigid(VELO_R_CAM, np.array([1.0, 0.5, 0.0])), static=True)
    config = FrameConfig(camera_yaw_correction_rad=0.1)
    frame = assembler(grown, config).assemble(0, [scan()], [image()])
    assert frame.camera is not None
    np.testing.assert_allclose(
        transform(frame.camera.cam_T_velo, np.array([[1.0, 0.5, 0.0]])), [[0, 0, 0]], atol=1e-12
    )


def test_a_turned_reference_leaves_the_points_of_the_other_lidar_where_they_are() -> None:
    config = FrameConfig(lidar_yaw_correction_rad=0.1)
    frame = assembler(tree(), config).assemble(0, [scan(), scan("rear")], [])
    # It sits 3 m behind: its point 10 m ahead is 7 m ahead of the vehicle.
    points_base = transform(frame.base_T_velo, frame.cloud.points_velo)
    np.testing.assert_allclose(points_base[2:], [[7, 0, 2], [-3, 10, 2]], atol=1e-5)
