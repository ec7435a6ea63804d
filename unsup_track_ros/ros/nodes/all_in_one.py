# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Node `all_in_one`: the whole pipeline in one process, every output."""

from __future__ import annotations

from typing import ClassVar

from unsup_track_ros.ros.base_node import run
from unsup_track_ros.ros.configuration import AllInOneConfig
from unsup_track_ros.ros.convert.tracks import clear_markers
from unsup_track_ros.ros.outputs import (
    MAP_OUTPUTS,
    PERCEPTION_OUTPUTS,
    TRACK_OUTPUTS,
    Mapped,
    Output,
    OutputPublishers,
    Perceived,
    Tracked,
    posed_egomotion,
)
from unsup_track_ros.ros.sensor_node import SensorNode
from unsup_track_ros.structures.result import PerceptionResult


class AllInOneNode(SensorNode[AllInOneConfig]):
    """Runs all of `Pipeline.step` and publishes what it says: the recommended node."""

    outputs: ClassVar[tuple[Output, ...]] = PERCEPTION_OUTPUTS
    with_occupancy: ClassVar[bool] = True

    def __init__(self) -> None:
        """Check the parameters.

        Raises:
            ConfigError: One of them is unknown, of the wrong type or out of its range.
        """
        super().__init__("all_in_one", AllInOneConfig)

    def setup(self) -> None:
        """Load the pipeline and make the publishers."""
        super().setup()
        self._tracks = OutputPublishers(self, TRACK_OUTPUTS, self.config.qos)
        self._maps = OutputPublishers(self, MAP_OUTPUTS, self.config.qos)

    def teardown(self) -> None:
        """Remove the publishers."""
        super().teardown()
        self._tracks.destroy()
        self._maps.destroy()

    def starts_anew(self, result: PerceptionResult, odom: str) -> None:
        """Remove the markers of tracks that are no more."""
        self._tracks.publishers["markers"].publish(clear_markers(result.frame.stamp_ns, odom))

    def publish(self, seen: Perceived) -> None:
        """Publish what perception and tracker say of a frame."""
        super().publish(seen)
        self._tracks.publish(
            Tracked(
                tracks=seen.result.tracks,
                posed=posed_egomotion(seen),
                markers=self.config.markers,
                belief=self.config.belief,
            )
        )

    def publish_map(self, seen: Perceived) -> None:
        """Add the scan to the map, and publish it where somebody wants it."""
        result = seen.result
        result.mapping()
        self._maps.publish(
            Mapped(
                find_grids=result.mapping,
                odom=seen.odom,
                posed=posed_egomotion(seen),
                points_velo=result.frame.cloud.points_velo,
                of_object=result.regions.point_region > 0,
                tracks=result.tracks,
                panoptic=self.config.panoptic,
            )
        )


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to end; return the exit code."""
    return run(AllInOneNode, args)
