# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions to sensors and TF: found in the graph if not named, enqueued, made into frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from tf2_msgs.msg import TFMessage

from unsup_track_ros.data.live_frames import LiveFrame, LiveFrames
from unsup_track_ros.data.live_topics import is_complete, live_topics
from unsup_track_ros.data.topic_selection import TopicSelection
from unsup_track_ros.errors import DataError
from unsup_track_ros.ros.configuration import AllInOneConfig, PerceptionNodeConfig
from unsup_track_ros.ros.health import InputHealth, Level, Report
from unsup_track_ros.ros.qos import profile, transform_profile
from unsup_track_ros.ros.worker import FrameWorkers

_SEARCH_S: Final = 0.5
# Read within milliseconds; they wait only while the machine starves the node.
_MESSAGES_KEPT: Final = 20
_TRANSFORMS_KEPT: Final = 1000


class SensorInputs:
    """Feeds frames to a handler, in a thread of its own."""

    def __init__(
        self,
        node: Any,
        config: PerceptionNodeConfig | AllInOneConfig,
        own_topics: frozenset[str],
        handle: Callable[[LiveFrame], None],
    ) -> None:
        """Subscribe, or begin to look for what to subscribe to.

        Args:
            node: The node that subscribes.
            config: Its parameters.
            own_topics: Full names of what it publishes: no input.
            handle: Processes a frame; must not raise.

        Raises:
            DataError: The topics that were named do not fit together.
        """
        self._node = node
        self._config = config
        self._own_topics = own_topics
        self._handle = handle
        self._problem = "No topic has been chosen yet."
        self._candidate: TopicSelection | None = None
        self._subscriptions: list[Any] = []
        self._frames: LiveFrames | None = None
        self._workers: FrameWorkers | None = None
        self._health = InputHealth((), ())
        self._search = None
        if is_complete(config.recording.topics) or not config.live.autodetect:
            self._subscribe(live_topics(config.recording.topics, {}))
        else:
            self._search = node.create_timer(_SEARCH_S, self._look_around, clock=node.steady_clock)

    def stop(self) -> None:
        """Unsubscribe and end the threads."""
        self._end_search()
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        if self._workers is not None:
            self._workers.stop()

    @property
    def lacking(self) -> str:
        """What the oldest frame waits for; empty when it waits for nothing."""
        return self._frames.lacking if self._frames is not None else self._problem

    def report(self) -> Report:
        """Say which inputs are there."""
        if self._workers is None:
            return Report(name="inputs", level=Level.WARN, message=self._problem)
        return self._health.report(self._workers.drops, time.monotonic(), self._is_published)

    @property
    def timeline(self) -> int:
        """Number of backward jumps of the clock so far."""
        return self._frames.timeline if self._frames is not None else 0

    def _is_published(self, topic: str) -> bool:
        return bool(self._node.count_publishers(topic) > 0)

    def _look_around(self) -> None:
        """Choose topics from the graph once it offers the same twice."""
        offered = {
            name: types[0]
            for name, types in self._node.get_topic_names_and_types()
            if name not in self._own_topics and self._node.count_publishers(name) > 0
        }
        try:
            found = live_topics(self._config.recording.topics, offered)
        except DataError as error:
            self._candidate = None
            self._problem = str(error)
            self._node.get_logger().warning(self._problem, throttle_duration_sec=10.0)
            return
        if found != self._candidate:
            self._candidate = found
            return
        self._end_search()
        self._subscribe(found)

    def _end_search(self) -> None:
        if self._search is not None:
            self._node.destroy_timer(self._search)
            self._search = None

    def _subscribe(self, topics: TopicSelection) -> None:
        self._frames = LiveFrames(topics, self._config.recording, self._config.live)
        clouds = [topic.name for topic in topics.clouds]
        images = [camera.image.name for camera in topics.cameras]
        infos = [camera.camera_info.name for camera in topics.cameras]
        limits = {topic.name: _TRANSFORMS_KEPT for topic in topics.transforms}
        limits |= dict.fromkeys([*clouds, *images, *infos], _MESSAGES_KEPT)
        self._workers = FrameWorkers(self._frames, self._handle, self._complain, limits)
        self._workers.start()
        others = [name for name in [*clouds, *images] if name != topics.reference]
        self._health = InputHealth([topics.reference], [*others, *infos])
        for text in topics.warnings:
            self._node.get_logger().warning(text)
        used = ", ".join([*clouds, *images])
        self._node.get_logger().info(f"Reading {used}.")
        points_qos = profile(self._config.qos.points)
        images_qos = profile(self._config.qos.images)
        for topic in topics.transforms:
            qos = transform_profile(static=topic.name.endswith("_static"))
            self._add(TFMessage, topic.name, qos, self._receive_transforms)
        for camera in topics.cameras:
            kind = CompressedImage if camera.is_compressed else Image
            self._add(CameraInfo, camera.camera_info.name, images_qos, self._receive)
            self._add(kind, camera.image.name, images_qos, self._receive)
        for name in clouds:
            self._add(PointCloud2, name, points_qos, self._receive)

    def _add(
        self,
        message_type: type,
        topic: str,
        qos: Any,
        receive: Callable[[str, Any], None],
    ) -> None:
        def callback(message: Any) -> None:
            receive(topic, message)

        subscription = self._node.create_subscription(message_type, topic, callback, qos)
        self._subscriptions.append(subscription)

    def _receive(self, topic: str, message: Any) -> None:
        self._health.received(topic, time.monotonic())
        if self._workers is not None:
            self._workers.put(topic, message)

    def _receive_transforms(self, topic: str, message: Any) -> None:
        own = self._config.node.own_odom_frame
        if any(transform.child_frame_id != own for transform in message.transforms):
            self._receive(topic, message)

    def _complain(self, error: Exception) -> None:
        self._node.get_logger().error(
            f"A message could not be used: {type(error).__name__}: {error}",
            throttle_duration_sec=5.0,
        )
