# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Node `tracker`: detected objects and egomotion in; tracks with identities out.

What is hidden is judged by the scan, so with `permanence.enabled` the segmented cloud of the same
stamp is joined too; it holds every point of the scan.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sensor_msgs.msg import PointCloud2

from unsup_track_ros.geometry.range_image import RangeImage
from unsup_track_ros.msg import DetectedObjectArray, Egomotion
from unsup_track_ros.ros.base_node import run
from unsup_track_ros.ros.configuration import TrackerNodeConfig
from unsup_track_ros.ros.convert.detections import from_detected_objects
from unsup_track_ros.ros.convert.egomotion import from_egomotion
from unsup_track_ros.ros.convert.sensors import from_segmented_cloud
from unsup_track_ros.ros.convert.tracks import clear_markers
from unsup_track_ros.ros.joined_inputs import JoinedTopic
from unsup_track_ros.ros.outputs import TRACK_OUTPUTS, OutputPublishers, Tracked
from unsup_track_ros.ros.result_node import ResultNode
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.tracking.tracking_stage import TrackingStage

_SCAN: Final = "points_segmented"


class TrackerNode(ResultNode[TrackerNodeConfig]):
    """Follows what the perception node detects."""

    def __init__(self) -> None:
        """Check the parameters.

        Raises:
            ConfigError: One of them is unknown, of the wrong type or out of its range.
        """
        super().__init__("tracker", TrackerNodeConfig)

    def setup(self) -> None:
        """Make the tracker and the publishers."""
        super().setup()
        self._tracking = self._stage()
        self._topics = OutputPublishers(self, TRACK_OUTPUTS, self.config.qos)

    def teardown(self) -> None:
        """Remove the publishers."""
        self._topics.destroy()

    def topics(self) -> list[JoinedTopic]:
        """Return what is joined by stamp."""
        qos, objects = self.config.qos, DetectedObjectArray
        scan = JoinedTopic(name=_SCAN, message=PointCloud2, qos=qos.points_segmented)
        return [
            JoinedTopic(name="egomotion", message=Egomotion, qos=qos.egomotion),
            JoinedTopic(name="detected_objects", message=objects, qos=qos.detected_objects),
            *([scan] if self.config.pipeline.permanence.enabled else []),
        ]

    def reset(self) -> None:
        """Forget all tracks."""
        self._tracking.reset()

    def rebuild(self) -> None:
        """Go on with other parameters."""
        stage = self._stage()
        stage.restore(self._tracking.state())
        self._tracking = stage

    def process(self, messages: Mapping[str, Any]) -> None:
        """Advance the tracks by one frame."""
        posed = from_egomotion(messages["egomotion"])
        if posed.egomotion.status is EgomotionStatus.INITIAL:
            self._tracking.reset()
            cleared = clear_markers(posed.egomotion.stamp1_ns, posed.odom)
            self._topics.publishers["markers"].publish(cleared)
        detections = from_detected_objects(messages["detected_objects"])
        scan = messages.get(_SCAN)
        ranges = None
        if scan is not None:
            ranges = partial(RangeImage, from_segmented_cloud(scan)[0].points_velo)
        tracks = self._tracking.step(detections, posed.egomotion, ranges)
        self._topics.publish(
            Tracked(
                tracks=tracks, posed=posed, markers=self.config.markers, belief=self.config.belief
            )
        )

    def _stage(self) -> TrackingStage:
        return TrackingStage(self.config.pipeline.tracker, self.config.pipeline.permanence)


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to end; return the exit code."""
    return run(TrackerNode, args)
