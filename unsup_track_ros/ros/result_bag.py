# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Labels as a recording: the messages that the nodes publish, with the stamps of the scans.

`results.mcap` plays in RViz (with the package's own configuration) and in Foxglove, alone or next
to the recording that was labelled. Tracks and boxes are the completed ones where they are there.
Everything lies in `unsup_odom`, which hangs below the LiDAR's frame as the nodes hang it, so that
it fits every tree. Grids come once a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from rclpy.serialization import serialize_message
from tf2_msgs.msg import TFMessage

from unsup_track_ros.data.bag_writer import TF_TOPIC, BagWriter
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.rosbag import OfferedQos
from unsup_track_ros.errors import LabelStoreError
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.labeling.store import RESULT_BAG_NAME, LabelStore
from unsup_track_ros.ros.configuration import MarkerConfig, PipelineNodeConfig
from unsup_track_ros.ros.convert.detections import to_detection2d_array, to_detection3d_array
from unsup_track_ros.ros.convert.egomotion import (
    PosedEgomotion,
    to_egomotion,
    to_odom_transform,
)
from unsup_track_ros.ros.convert.grids import to_occupancy_grid
from unsup_track_ros.ros.convert.sensors import to_dynamic_cloud, to_motion_mask
from unsup_track_ros.ros.convert.tracks import (
    to_markers,
    to_tracked_detections,
    to_tracked_objects,
)
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.labels import FrameLabel

Layer = Literal["static", "dynamic", "combined"]
_Written: TypeAlias = tuple[str, Any, OfferedQos]

NAMESPACE: Final = "/unsup_track"  # that of the launch files and of the RViz configuration
_GRIDS: Final[tuple[tuple[str, Layer], ...]] = (
    ("occupancy_static", "static"),
    ("occupancy_dynamic", "dynamic"),
    ("occupancy", "combined"),
)
_MAP_PERIOD_NS: Final = 1_000_000_000
_QOS: Final = OfferedQos(is_reliable=True, is_latched=False, depth=10)
_MAP_QOS: Final = OfferedQos(is_reliable=True, is_latched=True, depth=1)


def write_result_bag(recording: Recording, store: LabelStore, progress: Progress) -> Path:
    """Write results.mcap of a label directory, unless it is there already; return its path.

    Raises:
        DataError: The recording cannot be read any more.
        LabelStoreError: The disk is full.
    """
    try:
        return _write(recording, store, progress)
    except OSError as error:
        raise LabelStoreError(
            f"{store.folder / RESULT_BAG_NAME} could not be written: {error.strerror or error}. "
            "The labels are complete; free some space and run the same command again."
        ) from error


def _write(recording: Recording, store: LabelStore, progress: Progress) -> Path:
    path = store.folder / RESULT_BAG_NAME
    indices = store.indices
    if path.exists() or not indices:
        return path
    is_completed = bool(store.completed_indices) and store.is_completed
    map_due_ns = 0
    with BagWriter(path, compressed=True) as writer:
        for frame in recording.frames(images=False):
            if frame.index > indices[-1]:
                break
            causal = store.read(frame.index)
            label = store.read_completed(frame.index) if is_completed else causal
            written = [*_messages(frame, label, recording)]
            if causal.grids is not None and frame.stamp_ns >= map_due_ns:
                written += _maps(causal.grids)
                map_due_ns = frame.stamp_ns + _MAP_PERIOD_NS
            for topic, message, qos in written:
                writer.write_serialized(
                    topic, _type_name(message), serialize_message(message), frame.stamp_ns, qos
                )
            progress("recording", frame.index + 1, len(indices))
    return path


def _messages(frame: SensorFrame, label: FrameLabel, recording: Recording) -> Iterator[_Written]:
    """Return topic, message and quality of service of what is known of a frame, but for maps."""
    velo, camera, odom = recording.lidar_frame, recording.camera_frame, _own_odom()
    pose = label.egomotion.odom_T_velo1
    if pose is not None:
        transform = to_odom_transform(pose, frame.stamp_ns, velo, odom)
        yield TF_TOPIC, TFMessage(transforms=[transform]), _QOS
    posed = PosedEgomotion(
        egomotion=label.egomotion, base_T_velo=label.base_T_velo, odom=odom, velo=velo
    )
    mask = to_motion_mask(label.motion, frame.stamp_ns, camera)
    header = (frame.stamp_ns, velo)
    messages = {
        "egomotion": to_egomotion(posed),
        "detections": to_detection3d_array(label.detections, velo),
        "detections_2d": to_detection2d_array(label.detections, camera),
        "tracks": to_tracked_objects(label.tracks, odom),
        "tracked_detections": to_tracked_detections(label.tracks, odom),
        "markers": to_markers(label.tracks, odom, MarkerConfig()),
        "points_dynamic": to_dynamic_cloud(frame.cloud, label.motion, header),
    }
    if mask is not None:
        messages["motion_mask"] = mask
    for topic, message in messages.items():
        yield f"{NAMESPACE}/{topic}", message, _QOS


def _maps(grids: OccupancyGrids) -> Iterator[_Written]:
    for topic, layer in _GRIDS:
        yield f"{NAMESPACE}/{topic}", to_occupancy_grid(grids, layer, _own_odom()), _MAP_QOS


def _own_odom() -> str:
    name: str = PipelineNodeConfig().own_odom_frame
    return name


def _type_name(message: Any) -> str:
    kind = type(message)
    return f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"
