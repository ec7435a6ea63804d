# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Node `occupancy`: segmented scan, egomotion and tracks in; grids and panoptic voxels out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from sensor_msgs.msg import PointCloud2

from unsup_track_ros.msg import Egomotion, TrackedObjectArray
from unsup_track_ros.occupancy.mapper import OccupancyMapper
from unsup_track_ros.ros.base_node import run
from unsup_track_ros.ros.configuration import OccupancyNodeConfig
from unsup_track_ros.ros.convert.egomotion import from_egomotion
from unsup_track_ros.ros.convert.sensors import from_segmented_cloud
from unsup_track_ros.ros.convert.tracks import from_tracked_objects
from unsup_track_ros.ros.joined_inputs import JoinedTopic
from unsup_track_ros.ros.outputs import MAP_OUTPUTS, Mapped, OutputPublishers
from unsup_track_ros.ros.result_node import ResultNode
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.frame import SensorFrame


class OccupancyNode(ResultNode[OccupancyNodeConfig]):
    """Maps what stands and what moves."""

    def __init__(self) -> None:
        """Check the parameters.

        Raises:
            ConfigError: One of them is unknown, of the wrong type or out of its range.
        """
        super().__init__("occupancy", OccupancyNodeConfig)

    def setup(self) -> None:
        """Make the mapper and the publishers."""
        super().setup()
        self._mapper = OccupancyMapper(self.config.pipeline.occupancy, torch.device("cpu"))
        self._topics = OutputPublishers(self, MAP_OUTPUTS, self.config.qos)

    def teardown(self) -> None:
        """Remove the publishers."""
        self._topics.destroy()

    def topics(self) -> list[JoinedTopic]:
        """Return what is joined by stamp."""
        qos, points = self.config.qos, "points_segmented"
        return [
            JoinedTopic(name="egomotion", message=Egomotion, qos=qos.egomotion),
            JoinedTopic(name=points, message=PointCloud2, qos=qos.points_segmented),
            JoinedTopic(name="tracks", message=TrackedObjectArray, qos=qos.tracks),
        ]

    def reset(self) -> None:
        """Forget the map."""
        self._mapper.reset()

    def rebuild(self) -> None:
        """Go on with other parameters."""
        mapper = OccupancyMapper(self.config.pipeline.occupancy, torch.device("cpu"))
        mapper.restore(self._mapper.state())
        self._mapper = mapper

    def process(self, messages: Mapping[str, Any]) -> None:
        """Add one scan to the map."""
        posed = from_egomotion(messages["egomotion"])
        if posed.egomotion.status is EgomotionStatus.INITIAL:
            self._mapper.reset()
        cloud, regions = from_segmented_cloud(messages["points_segmented"])
        tracks = from_tracked_objects(messages["tracks"])
        frame = SensorFrame(
            stamp_ns=posed.egomotion.stamp1_ns,
            index=0,
            cloud=cloud,
            base_T_velo=posed.base_T_velo,
        )
        scan = self._mapper.read_scan(frame, posed.egomotion)
        grids = self._mapper.step(scan, regions, tracks)
        self._topics.publish(
            Mapped(
                find_grids=lambda: grids,
                odom=posed.odom,
                posed=posed,
                points_velo=cloud.points_velo,
                of_object=regions.point_region > 0,
                tracks=tracks,
                panoptic=self.config.panoptic,
            )
        )


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to end; return the exit code."""
    return run(OccupancyNode, args)
