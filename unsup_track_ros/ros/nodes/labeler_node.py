# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Node `labeler`: labels a recording as `unsup-track label` does, and tells how far it is."""

from __future__ import annotations

import threading
import traceback
from pathlib import Path
from typing import Final

import rclpy

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import UnsupTrackError
from unsup_track_ros.labeling.labeler import LabelingOptions, label_recording
from unsup_track_ros.msg import LabelingProgress
from unsup_track_ros.ros.base_node import BaseNode, run
from unsup_track_ros.ros.configuration import LabelerNodeConfig
from unsup_track_ros.ros.convert.progress import ProgressClock, to_progress
from unsup_track_ros.ros.engine import choose_device
from unsup_track_ros.ros.health import Level, Report
from unsup_track_ros.ros.qos import profile
from unsup_track_ros.ros.result_bag import write_result_bag

_JOIN_S: Final = 60.0


class _StoppedError(Exception):
    """Leaves the labelling between two frames; what is stored stands."""


class LabelerNode(BaseNode[LabelerNodeConfig]):
    """Labels in a thread of its own; deactivating or setting `node.stop` stops it, resumably."""

    def __init__(self) -> None:
        """Check the parameters.

        Raises:
            ConfigError: One of them is unknown, missing, of the wrong type or out of its range.
        """
        super().__init__("labeler", LabelerNodeConfig)
        self._stopping = threading.Event()
        self._frame_clock = ProgressClock()
        self._labeling_state, self._labeling_text = LabelingProgress.STATE_STOPPED, "Not started."

    def setup(self) -> None:
        """Make the publisher."""
        self._progress_topic = self.create_lifecycle_publisher(
            LabelingProgress, "labeling_progress", profile(self.config.qos.progress)
        )

    def teardown(self) -> None:
        """Remove the publisher."""
        self.destroy_lifecycle_publisher(self._progress_topic)

    def start(self) -> None:
        """Begin, or go on where a former run stopped."""
        self._stopping.clear()
        self._frame_clock = ProgressClock()
        self._tell(LabelingProgress.STATE_RUNNING, "Opening the recording.")
        self._labeling_thread = threading.Thread(target=self._label, name="labeler", daemon=True)
        self._labeling_thread.start()

    def stop(self) -> None:
        """Stop between two frames."""
        self._stopping.set()
        self._labeling_thread.join(_JOIN_S)

    def tuned(self, config: LabelerNodeConfig) -> None:
        """Obey `node.stop`."""
        if config.node.stop:
            self._stopping.set()

    def reports(self) -> list[Report]:
        """Say how far it is."""
        failed = self._labeling_state == LabelingProgress.STATE_FAILED
        level = Level.ERROR if failed else Level.OK
        values = {"frames": f"{self._frame_clock.done} of {self._frame_clock.total}"}
        return [Report(name="labelling", level=level, message=self._labeling_text, values=values)]

    def _label(self) -> None:
        self._run()
        if self.config.node.exit_when_done and not self._stopping.is_set():
            self.exit_code = int(self._labeling_state == LabelingProgress.STATE_FAILED)
            rclpy.try_shutdown()

    def _run(self) -> None:
        config = self.config
        options = LabelingOptions(
            device=choose_device(config.node.device).type,
            overwrite=config.node.overwrite,
            pictures=config.node.make_pictures,
        )
        deciding = config.labeler()
        try:
            with Recording(Path(config.node.bag), deciding.recording) as recording:
                for text in recording.warnings:
                    self.get_logger().warning(text)
                out = Path(config.node.out)
                finish = write_result_bag if config.node.make_result_bag else None
                result = label_recording(recording, deciding, out, options, self._advance, finish)
        except _StoppedError:
            self._tell(LabelingProgress.STATE_STOPPED, "Stopped; activate again to go on.")
        except UnsupTrackError as error:
            self.get_logger().error(str(error))
            self._tell(LabelingProgress.STATE_FAILED, str(error))
        except Exception as error:  # a defect must be seen by whoever watches the progress
            self.get_logger().error(traceback.format_exc())
            self._tell(LabelingProgress.STATE_FAILED, f"{type(error).__name__}: {error}")
        else:
            text = f"{result.num_frames} frames, {result.num_tracks} moving objects."
            self._tell(LabelingProgress.STATE_FINISHED, text)

    def _advance(self, work: str, done: int, total: int) -> None:
        """Be told of every frame and picture."""
        if self._stopping.is_set():
            raise _StoppedError
        self._frame_clock.advance(work, done, total)
        self._tell(LabelingProgress.STATE_RUNNING, f"{work}: {done} of {total}.")

    def _tell(self, state: int, text: str) -> None:
        is_news = state != self._labeling_state
        self._labeling_state, self._labeling_text = state, text
        if not self.context.ok():  # told to end: nobody can be told any more
            return
        if is_news:
            self.get_logger().info(text)
        if not is_news and not self._frame_clock.is_due():
            return
        now_ns = self.get_clock().now().nanoseconds
        node = self.config.node
        message = to_progress(self._frame_clock, (node.bag, node.out), (state, text), now_ns)
        try:
            self._progress_topic.publish(message)
        except RuntimeError:
            if self.context.ok():
                raise


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to end; return the exit code."""
    return run(LabelerNode, args)
