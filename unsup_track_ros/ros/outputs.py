# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the nodes publish: topic, type, and how the message is made of a result.

A message is made only if somebody subscribes. Grids are kept by DDS for late subscribers: those are
made at least once a second, so that there is something to keep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from nav_msgs.msg import OccupancyGrid
from sensor_msgs.msg import Image, PointCloud2
from vision_msgs.msg import Detection2DArray, Detection3DArray
from visualization_msgs.msg import MarkerArray

from unsup_track_ros.data.live_frames import FrameNames
from unsup_track_ros.geometry.se3 import transform
from unsup_track_ros.msg import (
    DetectedObjectArray,
    PanopticVoxelGrid,
    TrackedObjectArray,
)
from unsup_track_ros.msg import Egomotion as EgomotionMessage
from unsup_track_ros.occupancy.panoptic import PanopticConfig, panoptic_voxels
from unsup_track_ros.ros.configuration import BeliefMapConfig, MarkerConfig, QosConfig
from unsup_track_ros.ros.convert.camera_voxels import to_camera_voxel_points, to_camera_voxels
from unsup_track_ros.ros.convert.detections import (
    to_detected_objects,
    to_detection2d_array,
    to_detection3d_array,
    to_tracked_detections2d,
)
from unsup_track_ros.ros.convert.egomotion import PosedEgomotion, to_egomotion
from unsup_track_ros.ros.convert.grids import (
    to_belief_image,
    to_occupancy_grid,
    to_panoptic_grid,
)
from unsup_track_ros.ros.convert.sensors import (
    to_dynamic_cloud,
    to_motion_mask,
    to_segmented_cloud,
    track_of_points,
)
from unsup_track_ros.ros.convert.tracks import (
    to_markers,
    to_tracked_detections,
    to_tracked_objects,
)
from unsup_track_ros.ros.qos import profile
from unsup_track_ros.shapes import Bool, Float32
from unsup_track_ros.structures.grids import OccupancyGrids
from unsup_track_ros.structures.result import PerceptionResult
from unsup_track_ros.structures.tracks import Tracks

_KEEP_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Perceived:
    """What the pipeline says of a frame, with the names of the coordinate frames."""

    result: PerceptionResult
    names: FrameNames
    odom: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tracked:
    """Tracks, the pose of the scan they belong to, and how to show them."""

    tracks: Tracks
    posed: PosedEgomotion
    markers: MarkerConfig
    belief: BeliefMapConfig

    @property
    def odom(self) -> str:
        """Name of the frame they are in."""
        return self.posed.odom


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mapped:
    """Grids and what the panoptic voxels are made of; without a pose there are none.

    Attributes:
        find_grids: Returns the occupancy; asked only where somebody wants it.
        odom: Frame it is in.
        posed: Pose of the scan.
        points_velo: (P, 3) the scan.
        of_object: (P,) points that belong to a detected object.
        tracks: Tracks at the stamp.
        panoptic: Volume and voxels.
    """

    find_grids: Callable[[], OccupancyGrids | None]
    odom: str
    posed: PosedEgomotion
    points_velo: Float32[np.ndarray, "P 3"]
    of_object: Bool[np.ndarray, " P"]
    tracks: Tracks
    panoptic: PanopticConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One topic.

    Attributes:
        topic: Relative name, which is also that of its group in the parameters `qos`.
        message: Type.
        build: Makes the message of a Perceived, Tracked or Mapped; None where there is nothing.
    """

    topic: str
    message: type
    build: Callable[[Any], Any]


def _segmented(seen: Perceived) -> PointCloud2:
    result = seen.result
    ids = track_of_points(result.regions, result.detections, result.tracks)
    header = (result.frame.stamp_ns, seen.names.velo)
    return to_segmented_cloud(result.frame.cloud, result.motion, result.regions, ids, header)


def _dynamic(seen: Perceived) -> PointCloud2:
    frame = seen.result.frame
    return to_dynamic_cloud(frame.cloud, seen.result.motion, (frame.stamp_ns, seen.names.velo))


def _tracks_2d(seen: Perceived) -> Detection2DArray | None:
    objects = seen.result.image_objects
    return None if objects is None else to_tracked_detections2d(objects, seen.names.camera)


def _camera_voxels(seen: Perceived) -> PanopticVoxelGrid | None:
    scene = seen.result.panoptic
    return None if scene is None else to_camera_voxels(scene, seen.names.base)


def _camera_voxel_points(seen: Perceived) -> PointCloud2 | None:
    scene = seen.result.panoptic
    return None if scene is None else to_camera_voxel_points(scene, seen.names.base)


def _egomotion(seen: Perceived) -> EgomotionMessage:
    return to_egomotion(posed_egomotion(seen))


def posed_egomotion(seen: Perceived) -> PosedEgomotion:
    """Return the egomotion of a result with the names of its frames."""
    return PosedEgomotion(
        egomotion=seen.result.egomotion,
        base_T_velo=seen.result.frame.base_T_velo,
        odom=seen.odom,
        velo=seen.names.velo,
    )


def _grid(layer: Literal["static", "dynamic", "combined"], mapped: Mapped) -> OccupancyGrid | None:
    grids = mapped.find_grids()
    return None if grids is None else to_occupancy_grid(grids, layer, mapped.odom)


def _panoptic(mapped: Mapped) -> PanopticVoxelGrid | None:
    odom_T_velo = mapped.posed.egomotion.odom_T_velo1
    if odom_T_velo is None or mapped.find_grids() is None:
        return None
    points_odom = transform(odom_T_velo, mapped.points_velo)
    voxels = panoptic_voxels(
        points_odom, mapped.of_object, odom_T_velo[:3, 3], mapped.tracks, mapped.panoptic
    )
    return to_panoptic_grid(voxels, mapped.odom)


def _belief(tracked: Tracked) -> Image | None:
    beliefs, pose = tracked.tracks.beliefs, tracked.posed.egomotion.odom_T_velo1
    if beliefs is None or pose is None:
        return None
    return to_belief_image(beliefs, pose[:2, 3], tracked.odom, tracked.belief)


PERCEPTION_OUTPUTS: Final = (
    Output(
        topic="detections",
        message=Detection3DArray,
        build=lambda seen: to_detection3d_array(seen.result.detections, seen.names.velo),
    ),
    Output(
        topic="detections_2d",
        message=Detection2DArray,
        build=lambda seen: to_detection2d_array(seen.result.detections, seen.names.camera),
    ),
    Output(topic="tracks_2d", message=Detection2DArray, build=_tracks_2d),
    Output(topic="egomotion", message=EgomotionMessage, build=_egomotion),
    Output(
        topic="detected_objects",
        message=DetectedObjectArray,
        build=lambda seen: to_detected_objects(seen.result.detections, seen.names.velo),
    ),
    Output(
        topic="motion_mask",
        message=Image,
        build=lambda seen: to_motion_mask(
            seen.result.motion, seen.result.frame.stamp_ns, seen.names.camera
        ),
    ),
    Output(topic="points_segmented", message=PointCloud2, build=_segmented),
    Output(topic="points_dynamic", message=PointCloud2, build=_dynamic),
    Output(topic="camera_voxels", message=PanopticVoxelGrid, build=_camera_voxels),
    Output(topic="camera_voxel_points", message=PointCloud2, build=_camera_voxel_points),
)
TRACK_OUTPUTS: Final = (
    Output(
        topic="tracks",
        message=TrackedObjectArray,
        build=lambda tracked: to_tracked_objects(tracked.tracks, tracked.odom),
    ),
    Output(
        topic="tracked_detections",
        message=Detection3DArray,
        build=lambda tracked: to_tracked_detections(tracked.tracks, tracked.odom),
    ),
    Output(
        topic="markers",
        message=MarkerArray,
        build=lambda tracked: to_markers(tracked.tracks, tracked.odom, tracked.markers),
    ),
    Output(topic="belief", message=Image, build=_belief),
)
MAP_OUTPUTS: Final = (
    Output(topic="occupancy_static", message=OccupancyGrid, build=partial(_grid, "static")),
    Output(topic="occupancy_dynamic", message=OccupancyGrid, build=partial(_grid, "dynamic")),
    Output(topic="occupancy", message=OccupancyGrid, build=partial(_grid, "combined")),
    Output(topic="panoptic", message=PanopticVoxelGrid, build=_panoptic),
)


class OutputPublishers:
    """The publishers of some outputs."""

    def __init__(
        self,
        node: Any,
        outputs: Iterable[Output],
        qos: Any,
    ) -> None:
        self._node = node
        self._outputs = tuple(outputs)
        self._qos: dict[str, QosConfig] = {o.topic: getattr(qos, o.topic) for o in self._outputs}
        self.publishers = {
            output.topic: node.create_lifecycle_publisher(
                output.message, output.topic, profile(self._qos[output.topic])
            )
            for output in self._outputs
        }
        self._kept_s = dict.fromkeys(self._qos, float("-inf"))

    def publish(self, answer: Perceived | Tracked | Mapped) -> None:
        """Make and publish what somebody wants."""
        for output in self._outputs:
            if self._is_wanted(output.topic):
                message = output.build(answer)
                if message is not None:
                    self.publishers[output.topic].publish(message)

    def destroy(self) -> None:
        """Remove the publishers."""
        for publisher in self.publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def _is_wanted(self, topic: str) -> bool:
        if self.publishers[topic].get_subscription_count() > 0:
            return True
        now_s = time.monotonic()
        is_kept = self._qos[topic].durability == "transient_local"
        if not is_kept or now_s - self._kept_s[topic] < _KEEP_S:
            return False
        self._kept_s[topic] = now_s
        return True
