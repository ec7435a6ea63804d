# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the nodes that work on results of other nodes have in common."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from typing import Any, Final, Generic

from unsup_track_ros.data.synchronizer import MatchedSet
from unsup_track_ros.errors import UnsupTrackError
from unsup_track_ros.ros.base_node import BaseNode
from unsup_track_ros.ros.health import OutputHealth, Report
from unsup_track_ros.ros.joined_inputs import JoinedInputs, JoinedTopic
from unsup_track_ros.ros.parameters import AnyConfig

_NS_PER_S: Final = 1e9


class ResultNode(BaseNode[AnyConfig], Generic[AnyConfig]):
    """Joins messages of one stamp and processes them; subclasses say which and how."""

    def topics(self) -> list[JoinedTopic]:
        """Return what is joined, that of the egomotion first."""
        raise NotImplementedError

    def process(self, messages: Mapping[str, Any]) -> None:
        """Process the messages of one stamp and publish."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget everything: time was set back."""
        raise NotImplementedError

    def rebuild(self) -> None:
        """Go on with other parameters."""
        raise NotImplementedError

    def tuned(self, config: AnyConfig) -> None:  # noqa: ARG002 - `self.config` is the same
        """Let the thread that owns the stage rebuild it before the next frame."""
        self._is_tuned = True

    def setup(self) -> None:
        """Prepare what is counted."""
        self._health = OutputHealth()
        self._inputs: JoinedInputs | None = None
        self._timeline = 0
        self._is_tuned = False

    def start(self) -> None:
        """Subscribe."""
        self._inputs = JoinedInputs(self, self.topics(), self._handle)

    def stop(self) -> None:
        """Unsubscribe and end the thread."""
        if self._inputs is not None:
            self._inputs.stop()
            self._inputs = None

    def reports(self) -> list[Report]:
        """Say how inputs and results are."""
        inputs = self._inputs
        if not self._is_running or inputs is None:
            return []
        settings = self.settings
        results = self._health.report(
            settings.stamp_delay_warn_s, settings.stamp_delay_error_s, "cpu", time.monotonic()
        )
        return [inputs.report(), results]

    def _handle(self, matched: MatchedSet[Any]) -> None:
        start_s = time.monotonic()
        try:
            if matched.epoch != self._timeline:
                self._timeline = matched.epoch
                self.get_logger().info("Time was set back: everything starts anew.")
                self.reset()
            if self._is_tuned:
                self._is_tuned = False
                self.rebuild()
            self.process(matched.payloads)
        except UnsupTrackError as error:
            self._fail("refused", str(error), str(error))
            return
        except Exception as error:  # a defect costs its frame, not the node
            if not self.context.ok():  # told to end while the frame was in work
                return
            text = f"{type(error).__name__}: {error}"
            self._fail("internal error", text, traceback.format_exc())
            return
        end_s = time.monotonic()
        latency_s = (self.get_clock().now().nanoseconds - matched.stamp_ns) / _NS_PER_S
        self._health.published(end_s, end_s - start_s, latency_s)

    def _fail(self, reason: str, complaint: str, details: str) -> None:
        self._health.failed(reason, complaint, time.monotonic())
        self.get_logger().error(details, throttle_duration_sec=5.0)
