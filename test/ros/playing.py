# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plays the street to a node, frame by frame: the next one when the answer to the last is there."""

from __future__ import annotations

from typing import Any, Final

from ros.probe import Probe
from ros.street import IMAGE, INFO, POINTS, START_NS, Moment, moment, static_transforms

from unsup_track_ros.data.message_types import CAMERA_INFO, POINT_CLOUD, TF_MESSAGE
from unsup_track_ros.data.message_types import IMAGE as IMAGE_TYPE

EGOMOTION: Final = "/egomotion"
TRACKS: Final = "/tracks"
DIAGNOSTICS: Final = "/diagnostics"
MARKERS: Final = "/markers"
GRID: Final = "/occupancy"
SEGMENTED: Final = "/points_segmented"
# Nothing gets lost, and nothing is waited for in real time.
PARAMETERS: Final = {
    "recording.topics.clouds": [POINTS],
    "recording.topics.images": [IMAGE],
    "qos.points.reliability": "reliable",
    "qos.images.reliability": "reliable",
    "node.diagnostics_period_s": 0.1,
    "live.queue_size": 50,
}
_HEARD: Final = {
    EGOMOTION: "unsup_track_ros/msg/Egomotion",
    TRACKS: "unsup_track_ros/msg/TrackedObjectArray",
    DIAGNOSTICS: "diagnostic_msgs/msg/DiagnosticArray",
    MARKERS: "visualization_msgs/msg/MarkerArray",
    GRID: "nav_msgs/msg/OccupancyGrid",
    SEGMENTED: "sensor_msgs/msg/PointCloud2",
}


class Player:
    """Sends moments of the street and waits for what the node says of them."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.next_index = 0
        self.start_ns = START_NS
        for topic, msgtype in _HEARD.items():
            probe.listen(topic, msgtype, latched=topic == GRID)
        for topic, msgtype in ((POINTS, POINT_CLOUD), (IMAGE, IMAGE_TYPE), (INFO, CAMERA_INFO)):
            probe.publisher(topic, msgtype)
        probe.publisher("/tf", TF_MESSAGE)
        probe.publish("/tf_static", static_transforms(), latched=True)

    def wait_for_node(self) -> None:
        """Wait until the node hears and is heard."""
        for topic in (POINTS, IMAGE, INFO, "/tf"):
            self.probe.wait_for_subscriber(topic)
        for topic in _HEARD:
            self.probe.wait_for_publisher(topic)

    def next(self) -> Moment:
        """Return the next moment; it is up to the caller what of it is sent."""
        made = moment(self.next_index, self.start_ns)
        self.next_index += 1
        return made

    def send(self, made: Moment, *, without: tuple[str, ...] = ()) -> None:
        """Send a moment but for some topics."""
        messages = {"/tf": made.transforms, INFO: made.info, IMAGE: made.image, POINTS: made.cloud}
        for topic, message in messages.items():
            if topic not in without and message is not None:
                self.probe.publish(topic, message)

    def play(self, count: int) -> Any:
        """Send moments one after the other; return the egomotion of the last."""
        answer = None
        for _ in range(count):
            made = self.next()
            self.send(made)
            answer = self.answer(made)
        return answer

    def answer(self, made: Moment) -> Any:
        """Wait for the egomotion of a moment: it is published with every frame."""
        return self.probe.wait_for_stamp(EGOMOTION, made.stamp_ns)

    def status(self, name: str, text: str) -> Any:
        """Wait for a diagnostic status whose message or values hold a text; return it."""

        def found() -> Any:
            for array in reversed(self.probe.received[DIAGNOSTICS][-3:]):
                for status in array.status:
                    said = [status.message, *(f"{v.key}: {v.value}" for v in status.values)]
                    if status.name.endswith(f": {name}") and any(text in line for line in said):
                        return status
            return None

        return self.probe.wait_for(found)
