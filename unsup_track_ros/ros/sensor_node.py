# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the nodes that read sensors have in common: frames in, pipeline, results out."""

from __future__ import annotations

import time
import traceback
from typing import ClassVar, Final, TypeVar

from rclpy.qos import QoSProfile
from std_msgs.msg import Float64
from tf2_ros import TransformBroadcaster

from unsup_track_ros.data.live_frames import LiveFrame
from unsup_track_ros.errors import UnsupTrackError
from unsup_track_ros.ros.base_node import BaseNode
from unsup_track_ros.ros.configuration import AllInOneConfig, PerceptionNodeConfig
from unsup_track_ros.ros.convert.egomotion import to_odom_transform
from unsup_track_ros.ros.engine import Engine, choose_device
from unsup_track_ros.ros.frame_reports import EgomotionHealth, consistency_report, frame_report
from unsup_track_ros.ros.health import OutputHealth, Report
from unsup_track_ros.ros.outputs import PERCEPTION_OUTPUTS, Output, OutputPublishers, Perceived
from unsup_track_ros.ros.sensor_inputs import SensorInputs
from unsup_track_ros.structures.consistency import EgomotionConsistency
from unsup_track_ros.structures.egomotion import EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.result import PerceptionResult

AnySensorConfig = TypeVar("AnySensorConfig", PerceptionNodeConfig, AllInOneConfig)

_NS_PER_S: Final = 1e9
_LATENCY_QOS: Final = QoSProfile(depth=10)


class SensorNode(BaseNode[AnySensorConfig]):
    """Runs the pipeline on what the sensors say.

    Attributes:
        outputs: What the node publishes.
        with_occupancy: Whether grids are made.
    """

    outputs: ClassVar[tuple[Output, ...]] = PERCEPTION_OUTPUTS
    with_occupancy: ClassVar[bool] = False

    def setup(self) -> None:
        """Load the pipeline and make the publishers."""
        config = self.config
        device = choose_device(config.node.device)
        self._engine = Engine(config.pipeline, device, with_occupancy=self.with_occupancy)
        self._topics = OutputPublishers(self, self.outputs, config.qos)
        self._processing = self.create_lifecycle_publisher(
            Float64, "latency/processing_ms", _LATENCY_QOS
        )
        self._pipeline_age = self.create_lifecycle_publisher(
            Float64, "latency/pipeline_ms", _LATENCY_QOS
        )
        self._broadcaster = TransformBroadcaster(self)
        self._health = OutputHealth()
        self._egomotion_health = EgomotionHealth()
        self._last_frame: SensorFrame | None = None
        self._consistency: EgomotionConsistency | None = None
        self._inputs: SensorInputs | None = None

    def teardown(self) -> None:
        """Remove the publishers."""
        self._topics.destroy()
        for publisher in (self._processing, self._pipeline_age):
            self.destroy_lifecycle_publisher(publisher)

    def start(self) -> None:
        """Subscribe."""
        own = frozenset(self.resolve_topic_name(output.topic) for output in self.outputs)
        self._inputs = SensorInputs(self, self.config, own, self._handle)

    def stop(self) -> None:
        """Unsubscribe and end the threads."""
        if self._inputs is not None:
            self._inputs.stop()
            self._inputs = None

    def tuned(self, config: AnySensorConfig) -> None:
        """Use other parameters from the next frame on."""
        if self._is_running:
            self._engine.change(config.pipeline)

    def reports(self) -> list[Report]:
        """Say how inputs, frames, egomotion and results are."""
        inputs = self._inputs
        if not self._is_running or inputs is None:
            return []
        node = self.config.node
        return [
            inputs.report(),
            *([frame_report(self._last_frame)] if self._last_frame is not None else []),
            self._egomotion_health.report(node.disagreement_m, inputs.lacking),
            *([consistency_report(self._consistency)] if self._consistency is not None else []),
            self._health.report(
                node.stamp_delay_warn_s,
                node.stamp_delay_error_s,
                self._engine.device,
                time.monotonic(),
            ),
        ]

    def starts_anew(self, result: PerceptionResult, odom: str) -> None:
        """Tell others that what was published before is void."""

    def publish(self, seen: Perceived) -> None:
        """Publish what the stages say of a frame."""
        self._topics.publish(seen)

    def publish_map(self, seen: Perceived) -> None:
        """Publish what nobody should wait for who waits for tracks."""

    def _handle(self, live: LiveFrame) -> None:
        """Process one frame; the only caller is the thread that owns the device."""
        start_s = time.monotonic()
        inputs = self._inputs
        if inputs is not None and live.timeline != inputs.timeline:
            self._health.drops["frames", "time_jump"] += 1  # its time is over
            return
        try:
            result, is_new_timeline = self._engine.step(live)
            seen = self._answer(live, result, is_new_timeline)
            if not self.context.ok():
                return
            end_s = time.monotonic()
            self._note(live.frame.stamp_ns, end_s - start_s, end_s)
            self.publish_map(seen)
            self._consistency = result.consistency
        except UnsupTrackError as error:
            self._health.failed("refused", str(error), time.monotonic())
            self.get_logger().error(str(error), throttle_duration_sec=5.0)
        except Exception as error:  # a defect costs its frame, not the node
            if not self.context.ok():  # told to end while the frame was in work
                return
            text = f"{type(error).__name__}: {error}"
            self._health.failed("internal error", text, time.monotonic())
            self.get_logger().error(traceback.format_exc(), throttle_duration_sec=5.0)

    def _answer(
        self, live: LiveFrame, result: PerceptionResult, is_new_timeline: bool
    ) -> Perceived:
        egomotion = result.egomotion
        is_from_tf = egomotion.source is EgomotionSource.TF
        own_odom = self.config.node.own_odom_frame
        odom = live.names.odom if is_from_tf and live.names.odom else own_odom
        if is_new_timeline:
            self.get_logger().info("Time was set back: tracks, maps and poses start anew.")
        if is_new_timeline or egomotion.status is EgomotionStatus.INITIAL:
            self.starts_anew(result, odom)
        if egomotion.odom_T_velo1 is not None and self.config.node.broadcast_odom:
            pose, at_ns = egomotion.odom_T_velo1, result.frame.stamp_ns
            self._broadcaster.sendTransform(
                to_odom_transform(pose, at_ns, live.names.velo, own_odom)
            )
        seen = Perceived(result=result, names=live.names, odom=odom)
        self.publish(seen)
        self._egomotion_health.add(result)
        self._last_frame = result.frame
        return seen

    def _note(self, stamp_ns: int, processing_s: float, now_s: float) -> None:
        latency_s = (self.get_clock().now().nanoseconds - stamp_ns) / _NS_PER_S
        if latency_s < 0:  # the clock was set back meanwhile
            return
        self._health.published(now_s, processing_s, latency_s)
        self._processing.publish(Float64(data=1000 * processing_s))
        self._pipeline_age.publish(Float64(data=1000 * latency_s))
