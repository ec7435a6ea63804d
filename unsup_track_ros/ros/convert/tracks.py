# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tracks to our own message and back, to vision_msgs, and to markers for RViz."""

from __future__ import annotations

from typing import Final

import numpy as np
from geometry_msgs.msg import Pose, Vector3
from std_msgs.msg import ColorRGBA
from vision_msgs.msg import Detection3DArray, ObjectHypothesis
from visualization_msgs.msg import Marker, MarkerArray

from unsup_track_ros.data.point_cloud_decoding import stamp_ns
from unsup_track_ros.msg import TrackedObject, TrackedObjectArray
from unsup_track_ros.ros.configuration import MarkerConfig
from unsup_track_ros.ros.convert.basics import (
    box_pose,
    from_box,
    to_duration,
    to_header,
    to_ns,
    to_point,
    to_vector,
)
from unsup_track_ros.ros.convert.detections import orientation_availability, to_detection3d
from unsup_track_ros.structures.tracks import Tracks, TrackState
from unsup_track_ros.visualization.colors import track_color

_STATES: Final = {
    TrackState.TENTATIVE: TrackedObject.STATE_TENTATIVE,
    TrackState.CONFIRMED: TrackedObject.STATE_CONFIRMED,
    TrackState.COASTING: TrackedObject.STATE_COASTING,
    TrackState.OCCLUDED: TrackedObject.STATE_COASTING,
}
_VISIBILITIES: Final = {
    TrackState.TENTATIVE: TrackedObject.VISIBILITY_VISIBLE,
    TrackState.CONFIRMED: TrackedObject.VISIBILITY_VISIBLE,
    TrackState.COASTING: TrackedObject.VISIBILITY_LOST,
    TrackState.OCCLUDED: TrackedObject.VISIBILITY_OCCLUDED,
}
# Without labels nothing has a class; it moved at least once.
_CLASS: Final = "unknown"
_NS_PER_S: Final = 1e9
_ID_LIMIT: Final = 2**31  # of a marker's id
_TEXT_HEIGHT_M: Final = 0.8
_SHAFT_M: Final = 0.15
_OPAQUE, _SEE_THROUGH, _FAINT = 1.0, 0.5, 0.2


def to_tracked_objects(tracks: Tracks, odom: str) -> TrackedObjectArray:
    """Build our own message."""
    return TrackedObjectArray(
        header=to_header(tracks.stamp_ns, odom),
        objects=[_to_tracked_object(tracks, row) for row in range(len(tracks))],
    )


def _to_tracked_object(tracks: Tracks, row: int) -> TrackedObject:
    state = TrackState(int(tracks.states[row]))
    return TrackedObject(
        id=int(tracks.ids[row]),
        pose=box_pose(tracks.boxes_odom[row]),
        position_covariance=tracks.position_covariances_odom[row].reshape(-1),
        size=to_vector(tracks.boxes_odom[row, 3:6]),
        velocity=to_vector(tracks.velocities_odom[row]),
        velocity_covariance=tracks.velocity_covariances_odom[row].reshape(-1),
        orientation_availability=orientation_availability(bool(tracks.heading_known[row])),
        existence_probability=float(tracks.existence[row]),
        state=_STATES[state],
        visibility=_VISIBILITIES[state],
        age=to_duration(float(tracks.ages_s[row])),
    )


def from_tracked_objects(message: TrackedObjectArray) -> Tracks:
    """Return the tracks of a message; which detections they were matched to is not in it."""
    objects = message.objects
    num = len(objects)
    states = {(value, _VISIBILITIES[state]): state for state, value in _STATES.items()}
    boxes = [from_box(o.pose, o.size) for o in objects]
    velocities = [(o.velocity.x, o.velocity.y, o.velocity.z) for o in objects]
    known = [o.orientation_availability == o.ORIENTATION_AVAILABLE for o in objects]

    def matrices(name: str) -> np.ndarray:
        rows = [np.asarray(getattr(o, name), np.float64) for o in objects]
        return np.array(rows, np.float64).reshape(num, 3, 3)

    return Tracks(
        stamp_ns=stamp_ns(message),
        ids=np.array([o.id for o in objects], np.int64),
        boxes_odom=np.array(boxes, np.float64).reshape(num, 7),
        velocities_odom=np.array(velocities, np.float64).reshape(num, 3),
        position_covariances_odom=matrices("position_covariance"),
        velocity_covariances_odom=matrices("velocity_covariance"),
        existence=np.array([o.existence_probability for o in objects], np.float64),
        states=np.array([states[o.state, o.visibility] for o in objects], np.int64),
        heading_known=np.array(known, bool),
        ages_s=np.array([to_ns(o.age) / _NS_PER_S for o in objects], np.float64),
        detection_index=np.full(num, -1, np.int64),
    )


def to_tracked_detections(tracks: Tracks, odom: str) -> Detection3DArray:
    """Build the message for everybody: confirmed and coasting tracks, `id` is the track's."""
    believed = np.flatnonzero(tracks.states != TrackState.TENTATIVE)
    header = to_header(tracks.stamp_ns, odom)
    return Detection3DArray(
        header=header,
        detections=[
            to_detection3d(
                header,
                tracks.boxes_odom[row],
                ObjectHypothesis(class_id=_CLASS, score=float(tracks.existence[row])),
                str(tracks.ids[row]),
            )
            for row in believed
        ],
    )


def to_markers(tracks: Tracks, odom: str, config: MarkerConfig) -> MarkerArray:
    """Build a box, an arrow along the velocity, and a text with id and speed per track."""
    markers = []
    for row in range(len(tracks)):
        if config.show_tentative or tracks.states[row] != TrackState.TENTATIVE:
            markers += [
                _box_marker(tracks, row, odom, config),
                _arrow_marker(tracks, row, odom, config),
                _text_marker(tracks, row, odom, config),
            ]
    return MarkerArray(markers=markers)


def clear_markers(at_ns: int, odom: str) -> MarkerArray:
    """Build the message that removes every marker: a new timeline or a new odom begins."""
    marker = Marker(header=to_header(at_ns, odom), action=Marker.DELETEALL)
    return MarkerArray(markers=[marker])


def _marker(
    tracks: Tracks, row: int, odom: str, config: MarkerConfig, kind: tuple[str, int]
) -> Marker:
    namespace, shape = kind
    identity = int(tracks.ids[row])
    red, green, blue = (channel / 255 for channel in track_color(identity))
    return Marker(
        header=to_header(tracks.stamp_ns, odom),
        ns=namespace,
        id=identity % _ID_LIMIT,
        type=shape,
        action=Marker.ADD,
        pose=Pose(),
        color=ColorRGBA(r=red, g=green, b=blue, a=_OPAQUE),
        lifetime=to_duration(config.lifetime_s),
    )


def _box_marker(tracks: Tracks, row: int, odom: str, config: MarkerConfig) -> Marker:
    marker = _marker(tracks, row, odom, config, ("boxes", Marker.CUBE))
    marker.pose = box_pose(tracks.boxes_odom[row])
    marker.scale = to_vector(tracks.boxes_odom[row, 3:6])
    is_seen = tracks.states[row] == TrackState.CONFIRMED
    marker.color.a = _SEE_THROUGH if is_seen else _FAINT
    return marker


def _arrow_marker(tracks: Tracks, row: int, odom: str, config: MarkerConfig) -> Marker:
    marker = _marker(tracks, row, odom, config, ("velocities", Marker.ARROW))
    start = tracks.boxes_odom[row, :3]
    end = start + config.arrow_s * tracks.velocities_odom[row]
    marker.points = [to_point(start), to_point(end)]
    marker.scale = Vector3(x=_SHAFT_M, y=2 * _SHAFT_M, z=0.0)
    return marker


def _text_marker(tracks: Tracks, row: int, odom: str, config: MarkerConfig) -> Marker:
    marker = _marker(tracks, row, odom, config, ("texts", Marker.TEXT_VIEW_FACING))
    box = tracks.boxes_odom[row]
    above = box[:3] + np.array([0.0, 0.0, box[5] / 2 + _TEXT_HEIGHT_M])
    marker.pose.position = to_point(above)
    marker.scale = Vector3(x=0.0, y=0.0, z=_TEXT_HEIGHT_M)
    speed_mps = float(np.linalg.norm(tracks.velocities_odom[row, :2]))
    marker.text = f"#{tracks.ids[row]}  {speed_mps:.1f} m/s"
    return marker
