# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Node `tracker`: detected objects and egomotion in; tracks with identities out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unsup_track_ros.msg import DetectedObjectArray, Egomotion
from unsup_track_ros.ros.base_node import run
from unsup_track_ros.ros.configuration import TrackerNodeConfig
from unsup_track_ros.ros.convert.detections import from_detected_objects
from unsup_track_ros.ros.convert.egomotion import from_egomotion
from unsup_track_ros.ros.convert.tracks import clear_markers
from unsup_track_ros.ros.joined_inputs import JoinedTopic
from unsup_track_ros.ros.outputs import TRACK_OUTPUTS, OutputPublishers, Tracked
from unsup_track_ros.ros.result_node import ResultNode
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.tracking.tracker import Tracker


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
        self._tracker = Tracker(self.config.pipeline.tracker)
        self._topics = OutputPublishers(self, TRACK_OUTPUTS, self.config.qos)

    def teardown(self) -> None:
        """Remove the publishers."""
        self._topics.destroy()

    def topics(self) -> list[JoinedTopic]:
        """Return what is joined by stamp."""
        qos = self.config.qos
        objects = DetectedObjectArray
        return [
            JoinedTopic(name="egomotion", message=Egomotion, qos=qos.egomotion),
            JoinedTopic(name="detected_objects", message=objects, qos=qos.detected_objects),
        ]

    def reset(self) -> None:
        """Forget all tracks."""
        self._tracker.reset()

    def rebuild(self) -> None:
        """Go on with other parameters."""
        tracker = Tracker(self.config.pipeline.tracker)
        tracker.restore(self._tracker.state())
        self._tracker = tracker

    def process(self, messages: Mapping[str, Any]) -> None:
        """Advance the tracks by one frame."""
        posed = from_egomotion(messages["egomotion"])
        if posed.egomotion.status is EgomotionStatus.INITIAL:
            self._tracker.reset()
            cleared = clear_markers(posed.egomotion.stamp1_ns, posed.odom)
            self._topics.publishers["markers"].publish(cleared)
        detections = from_detected_objects(messages["detected_objects"])
        tracks = self._tracker.step(detections, posed.egomotion)
        self._topics.publish(Tracked(tracks=tracks, odom=posed.odom, markers=self.config.markers))


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to end; return the exit code."""
    return run(TrackerNode, args)
