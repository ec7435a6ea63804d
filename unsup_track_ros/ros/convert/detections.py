# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Detections to vision_msgs and to our own message, and back from the latter."""

from __future__ import annotations

from typing import Final

import numpy as np
from geometry_msgs.msg import PoseWithCovariance
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    BoundingBox3D,
    Detection2D,
    Detection2DArray,
    Detection3D,
    Detection3DArray,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    Point2D,
    Pose2D,
)

from unsup_track_ros.data.point_cloud_decoding import stamp_ns
from unsup_track_ros.msg import DetectedObject, DetectedObjectArray
from unsup_track_ros.ros.convert.basics import box_pose, from_box, to_header, to_vector
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.detections import Detections
from unsup_track_ros.structures.image_objects import ImageObjects
from unsup_track_ros.structures.motion import MotionState

# Without labels nothing has a class but for how it moves.
_CLASS_OF_MOTION: Final = {
    MotionState.MOVING: "moving",
    MotionState.UNSURE: "unsure",
    MotionState.STANDING: "standing",
}
_OBJECT: Final = "object"  # what a network learned from motion finds, whether it moves or not
_MOTIONS: Final = {
    MotionState.STANDING: DetectedObject.MOTION_STANDING,
    MotionState.UNSURE: DetectedObject.MOTION_UNSURE,
    MotionState.MOVING: DetectedObject.MOTION_MOVING,
}


def to_detection3d(
    header: Header,
    box: Float64[np.ndarray, " 7"],
    hypothesis: ObjectHypothesis,
    identity: str = "",
) -> Detection3D:
    """Build a Detection3D of a box (x, y, z, length, width, height, yaw) in the header's frame."""
    pose = box_pose(box)
    believed = ObjectHypothesisWithPose(hypothesis=hypothesis, pose=PoseWithCovariance(pose=pose))
    return Detection3D(
        header=header,
        results=[believed],
        bbox=BoundingBox3D(center=pose, size=to_vector(box[3:6])),
        id=identity,
    )


def to_detection3d_array(detections: Detections, velo: str) -> Detection3DArray:
    """Build the message for everybody: boxes in the LiDAR's frame, without ids.

    The class says how an object moves: moving, unsure or standing. What stands is there only
    because a track that moved before is expected at its place.
    """
    header = to_header(detections.stamp_ns, velo)
    return Detection3DArray(
        header=header,
        detections=[
            to_detection3d(header, box, _hypothesis(detections, row))
            for row, box in enumerate(detections.boxes_velo)
        ],
    )


def _hypothesis(detections: Detections, row: int) -> ObjectHypothesis:
    motion = MotionState(int(detections.motion[row]))
    return ObjectHypothesis(class_id=_CLASS_OF_MOTION[motion], score=float(detections.scores[row]))


def to_detection2d_array(detections: Detections, camera: str) -> Detection2DArray:
    """Build the boxes in the first camera's image; what it does not see is left out."""
    seen = np.flatnonzero(np.isfinite(detections.boxes_pix).all(axis=1))
    return Detection2DArray(
        header=to_header(detections.stamp_ns, camera),
        detections=[_to_detection2d(detections, int(row), camera) for row in seen],
    )


def _to_detection2d(detections: Detections, row: int, camera: str) -> Detection2D:
    return Detection2D(
        header=to_header(detections.stamp_ns, camera),
        results=[ObjectHypothesisWithPose(hypothesis=_hypothesis(detections, row))],
        bbox=_to_box2d(detections.boxes_pix[row]),
    )


def _to_box2d(box: Float64[np.ndarray, " 4"]) -> BoundingBox2D:
    left, top, right, bottom = (float(edge) for edge in box)
    centre = Point2D(x=(left + right) / 2, y=(top + bottom) / 2)
    return BoundingBox2D(
        center=Pose2D(position=centre, theta=0.0), size_x=right - left, size_y=bottom - top
    )


def to_tracked_detections2d(objects: ImageObjects, camera: str) -> Detection2DArray:
    """Build the objects followed in the image, with their identities in the image."""
    header = to_header(objects.stamp_ns, camera)
    return Detection2DArray(
        header=header,
        detections=[
            Detection2D(
                header=header,
                results=[
                    ObjectHypothesisWithPose(
                        hypothesis=ObjectHypothesis(class_id=_OBJECT, score=float(score))
                    )
                ],
                bbox=_to_box2d(box),
                id=str(identity),
            )
            for box, score, identity in zip(
                objects.boxes_pix, objects.scores, objects.ids, strict=True
            )
        ],
    )


def to_detected_objects(detections: Detections, velo: str) -> DetectedObjectArray:
    """Build the message for the tracker: all that it needs."""
    return DetectedObjectArray(
        header=to_header(detections.stamp_ns, velo),
        objects=[_to_detected_object(detections, row) for row in range(len(detections))],
    )


def _to_detected_object(detections: Detections, row: int) -> DetectedObject:
    velocity = detections.velocities_velo[row]
    is_known = bool(np.isfinite(velocity).all())
    has_heading = bool(detections.heading_known[row])
    return DetectedObject(
        pose=box_pose(detections.boxes_velo[row]),
        size=to_vector(detections.boxes_velo[row, 3:6]),
        has_velocity=is_known,
        velocity=to_vector(velocity if is_known else np.zeros(3)),
        orientation_availability=orientation_availability(has_heading),
        motion=_MOTIONS[MotionState(int(detections.motion[row]))],
        score=float(detections.scores[row]),
        num_points=int(detections.num_points[row]),
    )


def orientation_availability(has_heading: bool) -> int:
    """Say how far a yaw can be trusted; the values of both object messages are the same."""
    known, unknown = (
        DetectedObject.ORIENTATION_AVAILABLE,
        DetectedObject.ORIENTATION_SIGN_UNKNOWN,
    )
    return int(known if has_heading else unknown)


def from_detected_objects(message: DetectedObjectArray) -> Detections:
    """Return the detections of a message; their boxes in the image are not in it."""
    objects = message.objects
    num = len(objects)
    unknown = (np.nan, np.nan, np.nan)
    velocities = [
        (o.velocity.x, o.velocity.y, o.velocity.z) if o.has_velocity else unknown for o in objects
    ]
    known = [o.orientation_availability == o.ORIENTATION_AVAILABLE for o in objects]
    states = {value: state for state, value in _MOTIONS.items()}
    boxes = [from_box(o.pose, o.size) for o in objects]
    return Detections(
        stamp_ns=stamp_ns(message),
        boxes_velo=np.array(boxes, np.float64).reshape(num, 7),
        scores=np.array([o.score for o in objects], np.float64),
        velocities_velo=np.array(velocities, np.float64).reshape(num, 3),
        heading_known=np.array(known, bool),
        motion=np.array([states[o.motion] for o in objects], np.int64),
        num_points=np.array([o.num_points for o in objects], np.int64),
        boxes_pix=np.full((num, 4), np.nan),
    )
