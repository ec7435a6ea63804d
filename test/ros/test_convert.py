# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Structures survive the way through their messages, and messages say what RViz and nav2 expect."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from unsup_track_ros.msg import DetectedObjectArray, TrackedObject, TrackedObjectArray
from unsup_track_ros.msg import Egomotion as EgomotionMessage
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import Marker

from unsup_track_ros.data.point_cloud_decoding import decode_columns
from unsup_track_ros.geometry.se3 import rigid, rotation_about_z
from unsup_track_ros.ros.configuration import MarkerConfig
from unsup_track_ros.ros.convert.basics import to_duration, to_ns, to_time
from unsup_track_ros.ros.convert.camera_voxels import to_camera_voxel_points, to_camera_voxels
from unsup_track_ros.ros.convert.detections import (
    from_detected_objects,
    to_detected_objects,
    to_detection2d_array,
    to_detection3d_array,
    to_tracked_detections2d,
)
from unsup_track_ros.ros.convert.egomotion import (
    PosedEgomotion,
    from_egomotion,
    to_egomotion,
    to_odom_transform,
)
from unsup_track_ros.ros.convert.grids import to_occupancy_grid, to_panoptic_grid
from unsup_track_ros.ros.convert.sensors import (
    from_segmented_cloud,
    to_dynamic_cloud,
    to_motion_mask,
    to_segmented_cloud,
    track_of_points,
)
from unsup_track_ros.ros.convert.tracks import (
    clear_markers,
    from_tracked_objects,
    to_markers,
    to_tracked_detections,
    to_tracked_objects,
)
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import PointCloud
from unsup_track_ros.structures.grids import OccupancyGrids, PanopticVoxels, VoxelClass
from unsup_track_ros.structures.image_objects import ImageObjects
from unsup_track_ros.structures.motion import (
    MotionRegions,
    MotionSegmentation,
    MotionState,
    MotionStatus,
)
from unsup_track_ros.structures.tracks import Tracks, TrackState
from unsup_track_ros.structures.voxel_scene import LABEL_FREE, CameraScene, PanopticPrediction
from unsup_track_ros.structures.voxels import VoxelGrid

STAMP_NS = 1_700_000_000_123_456_789
RNG = np.random.default_rng(5)


def detections(num: int) -> Detections:
    boxes = RNG.uniform(0.5, 5.0, (num, 7))
    boxes[:, 6] = RNG.uniform(-3, 3, num)
    velocities = RNG.normal(size=(num, 3))
    velocities[::2] = np.nan
    rectangles = np.tile([10.0, 20.0, 30.0, 60.0], (num, 1))
    rectangles[1::2] = np.nan
    return Detections(
        stamp_ns=STAMP_NS,
        boxes_velo=boxes,
        scores=RNG.uniform(size=num),
        velocities_velo=velocities,
        heading_known=np.arange(num) % 2 == 0,
        motion=np.arange(num, dtype=np.int64) % 3,
        num_points=np.arange(num, dtype=np.int64) + 7,
        boxes_pix=rectangles,
    )


def tracks(num: int) -> Tracks:
    boxes = RNG.uniform(0.5, 5.0, (num, 7))
    boxes[:, 6] = RNG.uniform(-3, 3, num)
    return Tracks(
        stamp_ns=STAMP_NS,
        ids=np.arange(num, dtype=np.int64) + 40,
        boxes_odom=boxes,
        velocities_odom=RNG.normal(size=(num, 3)),
        position_covariances_odom=RNG.normal(size=(num, 3, 3)),
        velocity_covariances_odom=RNG.normal(size=(num, 3, 3)),
        existence=RNG.uniform(size=num),
        states=np.arange(num, dtype=np.int64) % 3,
        heading_known=np.arange(num) % 2 == 0,
        ages_s=np.arange(num) * 0.25,
        detection_index=np.full(num, -1, np.int64),
    )


def same(a: object, b: object, *, without: tuple[str, ...] = ()) -> None:
    """Demand equal members; yaw travels as a quaternion, whose last digits may differ."""
    for field in dataclasses.fields(a):  # type: ignore[arg-type]
        if field.name not in without:
            one, other = getattr(a, field.name), getattr(b, field.name)
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12, err_msg=field.name)


@pytest.mark.parametrize("stamp_ns", [0, 1, 999_999_999, 1_000_000_000, STAMP_NS])
def test_stamps_keep_every_nanosecond(stamp_ns: int) -> None:
    assert to_ns(to_time(stamp_ns)) == stamp_ns


def test_durations_are_rounded_to_nanoseconds() -> None:
    duration = to_duration(1.25)
    assert (duration.sec, duration.nanosec) == (1, 250_000_000)


@pytest.mark.parametrize("num", [0, 1, 5])
def test_detections_come_back_from_their_message(num: int) -> None:
    given = detections(num)
    sent = serialize_message(to_detected_objects(given, "velo"))
    back = from_detected_objects(deserialize_message(sent, DetectedObjectArray))
    same(given, back, without=("boxes_pix",))
    assert np.isnan(back.boxes_pix).all()


@pytest.mark.parametrize("num", [0, 1, 5])
def test_tracks_come_back_from_their_message(num: int) -> None:
    given = tracks(num)
    sent = serialize_message(to_tracked_objects(given, "odom"))
    back = from_tracked_objects(deserialize_message(sent, TrackedObjectArray))
    same(given, back, without=("beliefs",))


def test_a_track_that_coasts_is_not_seen() -> None:
    states = [o.visibility for o in to_tracked_objects(tracks(3), "odom").objects]
    seen, lost = TrackedObject.VISIBILITY_VISIBLE, TrackedObject.VISIBILITY_LOST
    assert states == [seen, seen, lost]


def test_everybody_gets_boxes_with_their_motion_as_class() -> None:
    given = detections(3)
    message = to_detection3d_array(given, "velo")
    back = deserialize_message(serialize_message(message), Detection3DArray)
    assert back.header.frame_id == "velo"
    assert [d.results[0].hypothesis.class_id for d in back.detections] == [
        "standing",
        "unsure",
        "moving",
    ]
    assert back.detections[1].bbox.size.x == given.boxes_velo[1, 3]
    assert back.detections[1].bbox.center.position.z == given.boxes_velo[1, 2]


def test_boxes_in_the_image_are_those_the_camera_sees() -> None:
    message = to_detection2d_array(detections(3), "cam")
    assert len(message.detections) == 2
    box = message.detections[0].bbox
    assert (box.center.position.x, box.center.position.y) == (20.0, 40.0)
    assert (box.size_x, box.size_y) == (20.0, 40.0)


def test_tracked_detections_carry_the_id_of_what_is_believed() -> None:
    message = to_tracked_detections(tracks(3), "odom")
    assert [d.id for d in message.detections] == ["41", "42"]


def test_every_believed_track_has_a_box_an_arrow_and_a_text_that_vanish() -> None:
    given = tracks(3)
    markers = to_markers(given, "odom", MarkerConfig(lifetime_s=0.5)).markers
    assert [m.type for m in markers] == [Marker.CUBE, Marker.ARROW, Marker.TEXT_VIEW_FACING] * 2
    assert {m.id for m in markers} == {41, 42}
    assert all(to_ns(m.lifetime) == 500_000_000 for m in markers)
    speed_mps = float(np.linalg.norm(given.velocities_odom[1, :2]))
    assert markers[2].text == f"#41  {speed_mps:.1f} m/s"
    everything = to_markers(given, "odom", MarkerConfig(show_tentative=True)).markers
    assert {m.id for m in everything} == {40, 41, 42}


def test_a_new_odom_removes_every_marker() -> None:
    (marker,) = clear_markers(STAMP_NS, "odom").markers
    assert marker.action == Marker.DELETEALL


def egomotion(status: EgomotionStatus) -> PosedEgomotion:
    pose = rigid(rotation_about_z(0.7), np.array([1.0, -2.0, 0.5]))
    has_motion = status is EgomotionStatus.OK
    has_pose = has_motion or status is EgomotionStatus.INITIAL
    return PosedEgomotion(
        egomotion=Egomotion(
            status=status,
            source=EgomotionSource.LIDAR,
            stamp0_ns=STAMP_NS - 100_000_000 if has_motion else 0,
            stamp1_ns=STAMP_NS,
            velo1_T_velo0=pose if has_motion else None,
            odom_T_velo1=pose if has_pose else None,
            inlier_ratio=0.5,
            reason="" if has_pose else "Too few.",
        ),
        base_T_velo=rigid(np.eye(3), np.array([0.0, 0.0, 1.7])),
        odom="odom",
        velo="velo",
    )


@pytest.mark.parametrize("status", list(EgomotionStatus))
def test_egomotion_comes_back_from_its_message(status: EgomotionStatus) -> None:
    given = egomotion(status)
    message = deserialize_message(serialize_message(to_egomotion(given)), EgomotionMessage)
    back = from_egomotion(message)
    assert (back.odom, back.velo) == ("odom", "velo")
    np.testing.assert_allclose(back.base_T_velo, given.base_T_velo, atol=1e-12)
    for name in ("status", "source", "stamp0_ns", "stamp1_ns", "reason", "inlier_ratio"):
        assert getattr(back.egomotion, name) == getattr(given.egomotion, name)
    for name in ("odom_T_velo1", "velo1_T_velo0"):
        one, other = getattr(given.egomotion, name), getattr(back.egomotion, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, atol=1e-12)


def test_odom_hangs_below_the_lidar() -> None:
    odom_T_velo = rigid(np.eye(3), np.array([3.0, 0.0, 1.0]))
    message = to_odom_transform(odom_T_velo, STAMP_NS, "velo", "odom")
    assert (message.header.frame_id, message.child_frame_id) == ("velo", "odom")
    assert message.transform.translation.x == -3.0


def motion(moving: list[bool]) -> MotionSegmentation:
    flags = np.array(moving, bool)
    return MotionSegmentation(
        status=MotionStatus.OK,
        moving_points=flags,
        judged_points=np.ones(len(flags), bool),
        moving_pixels=np.array([[True, False, False]]),
        judged_pixels=np.array([[True, True, False]]),
    )


def cloud(num: int) -> PointCloud:
    points = RNG.normal(size=(num, 3)).astype(np.float32)
    return PointCloud(points_velo=points, intensity=np.ones(num, np.float32))


def regions(point_region: list[int]) -> MotionRegions:
    num = max(point_region, default=0)
    return MotionRegions(
        point_region=np.array(point_region, np.int64),
        scores=np.ones(num, np.float32),
        motion=np.full(num, MotionState.MOVING, np.int64),
        flow_velo=np.zeros((num, 3), np.float32),
    )


def test_the_motion_mask_has_three_levels() -> None:
    message = to_motion_mask(motion([]), STAMP_NS, "cam")
    assert message is not None
    assert (message.encoding, message.height, message.width) == ("mono8", 1, 3)
    assert list(message.data) == [255, 128, 0]


@pytest.mark.parametrize("num", [0, 4])
def test_a_segmented_scan_comes_back_from_its_message(num: int) -> None:
    given, numbered = cloud(num), regions([0, 2, 1, 2][:num])
    message = to_segmented_cloud(
        given, motion([False, True, True, True][:num]), numbered, np.full(num, -1), (1, "velo")
    )
    back, found = from_segmented_cloud(message)
    np.testing.assert_array_equal(back.points_velo, given.points_velo)
    np.testing.assert_array_equal(found.point_region, numbered.point_region)
    assert message.point_step % 4 == 0
    assert len(message.data) == message.row_step == message.point_step * num


def test_only_what_moves_is_in_the_dynamic_scan() -> None:
    given = cloud(4)
    message = to_dynamic_cloud(given, motion([False, True, False, True]), (1, "velo"))
    assert message.width == 2
    assert [field.name for field in message.fields] == ["x", "y", "z", "intensity"]


def test_points_know_the_confirmed_track_they_were_seen_on() -> None:
    known = dataclasses.replace(
        tracks(3),
        states=np.array([TrackState.CONFIRMED, TrackState.TENTATIVE, TrackState.COASTING]),
        detection_index=np.array([1, 0, -1]),
    )
    found = track_of_points(regions([0, 1, 2, 2]), detections(2), known)
    assert found.tolist() == [-1, -1, 40, 40]


def test_a_grid_is_what_nav2_reads() -> None:
    cells = np.array([[0, 100, -1], [50, 0, 0]], np.int8)
    grids = OccupancyGrids(
        stamp_ns=STAMP_NS,
        resolution_m=0.25,
        origin_odom=np.array([-3.0, 4.0]),
        static=cells,
        dynamic=np.zeros_like(cells),
        combined=cells,
    )
    message = to_occupancy_grid(grids, "static", "odom")
    assert (message.info.width, message.info.height) == (3, 2)
    assert list(message.data) == [0, 100, -1, 50, 0, 0]
    assert (message.info.origin.position.x, message.info.origin.position.y) == (-3.0, 4.0)
    assert message.info.origin.orientation.w == 1.0


def test_voxels_are_sent_sparse() -> None:
    voxels = PanopticVoxels(
        stamp_ns=STAMP_NS,
        origin_odom=np.array([-4.0, -4.0, -2.0]),
        voxel_m=0.5,
        shape_zyx=(2, 3, 4),
        voxel=np.array([3, 17]),
        voxel_class=np.array([VoxelClass.STATIC, VoxelClass.DYNAMIC], np.uint8),
        instance=np.array([-1, 42]),
    )
    message = to_panoptic_grid(voxels, "odom")
    assert (message.size_x, message.size_y, message.size_z) == (4, 3, 2)
    assert list(message.voxel) == [3, 17]
    assert list(message.voxel_class) == [message.CLASS_STATIC, message.CLASS_DYNAMIC]
    assert list(message.instance) == [-1, 42]


def test_what_cameras_say_is_sent_where_they_see_and_something_is() -> None:
    grid = VoxelGrid(minimum_m=(-2.0, -3.0, -1.0), maximum_m=(2.0, 3.0, 1.0), shape_zyx=(1, 3, 2))
    semantics = np.array(
        [[[1, 2], [3, 0], [3, 2]]], np.uint8
    )  # ground, structure; movable, free ..
    seen = np.array([[[True, True], [True, True], [False, False]]])
    prediction = PanopticPrediction(
        stamp_ns=STAMP_NS,
        grid=grid,
        semantics=semantics,
        instances=np.array([[[0, 0], [9, 0], [9, 0]]], np.int32),
        odom_T_base=np.eye(4),
    )
    scene = CameraScene(prediction=prediction, seen=seen, classes=LABEL_FREE)
    message = to_camera_voxels(scene, "base_link")
    assert (message.size_x, message.size_y, message.size_z) == (2, 3, 1)
    assert message.header.frame_id == "base_link"
    assert list(message.voxel) == [0, 1, 2]
    kinds = [message.CLASS_GROUND, message.CLASS_STATIC, message.CLASS_DYNAMIC]
    assert list(message.voxel_class) == kinds
    assert list(message.instance) == [-1, -1, 9]
    points = decode_columns(
        to_camera_voxel_points(scene, "base_link"), ("x", "y", "instance", "class")
    )
    assert points["x"].tolist() == [-1.0, 1.0, -1.0]
    assert points["y"].tolist() == [-2.0, -2.0, 0.0]
    assert points["instance"].tolist() == [-1, -1, 9]
    assert points["class"].tolist() == kinds


def test_the_message_carries_box_score_and_identity() -> None:
    objects = ImageObjects(
        stamp_ns=1_500_000_000,
        ids=np.array([7]),
        boxes_pix=np.array([[10.0, 20.0, 30.0, 60.0]]),
        scores=np.array([0.75]),
        embeddings=np.zeros((1, 4)),
    )
    message = to_tracked_detections2d(objects, "camera")
    found = message.detections[0]
    assert (message.header.frame_id, found.id) == ("camera", "7")
    assert (found.bbox.center.position.x, found.bbox.size_y) == (20.0, 40.0)
    assert found.results[0].hypothesis.score == 0.75
