# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions to results of other nodes that carry the same stamp: joined, then handled."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from unsup_track_ros.data.point_cloud_decoding import stamp_ns
from unsup_track_ros.data.synchronizer import (
    MatchedSet,
    Synchronizer,
    SynchronizerConfig,
    SynchronizerInput,
)
from unsup_track_ros.ros.configuration import QosConfig
from unsup_track_ros.ros.health import InputHealth, Report
from unsup_track_ros.ros.qos import profile
from unsup_track_ros.ros.worker import Worker

# Results of one frame carry one stamp: nothing else belongs together.
_SAME_STAMP: Final = SynchronizerConfig(tolerance_s=0.0, instant_s=0.0, partial=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedTopic:
    """One of the topics."""

    name: str
    message: type
    qos: QosConfig


class JoinedInputs:
    """Calls a handler with the messages of each stamp, in a thread of its own."""

    def __init__(
        self,
        node: Any,
        topics: Sequence[JoinedTopic],
        handle: Callable[[MatchedSet[Any]], None],
    ) -> None:
        """Subscribe.

        Args:
            node: The node that subscribes.
            topics: What is joined, that of the egomotion first.
            handle: Processes the messages of one stamp, by topic; must not raise.
        """
        self._node = node
        names = [topic.name for topic in topics]
        others = [SynchronizerInput(name=name) for name in names[1:]]
        self._synchronizer: Synchronizer[Any] = Synchronizer(_SAME_STAMP, names[0], others)
        self._handle = handle
        self._health = InputHealth(names, ())
        self._worker: Worker[tuple[str, Any]] = Worker("stage", self._join)
        self._worker.start()
        self._subscriptions = [self._subscribe(topic) for topic in topics]

    def stop(self) -> None:
        """Unsubscribe and end the thread."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._worker.stop()

    def report(self) -> Report:
        """Say which inputs are there."""
        return self._health.report(
            self._synchronizer.drops,
            time.monotonic(),
            lambda topic: bool(self._node.count_publishers(topic) > 0),
        )

    def _subscribe(self, topic: JoinedTopic) -> Any:
        def callback(message: Any) -> None:
            self._health.received(topic.name, time.monotonic())
            self._worker.put((topic.name, message))

        return self._node.create_subscription(
            topic.message, topic.name, callback, profile(topic.qos)
        )

    def _join(self, item: tuple[str, Any]) -> None:
        name, message = item
        for matched in self._synchronizer.add(name, stamp_ns(message), message):
            self._handle(matched)
