# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Live messages to SensorFrames: what `Recording` does with a file, for streams that never end.

The same synchronizer, decoders and assembler as offline, so the same messages give the same frames.
What a file does not need is added: a frame waits a little for its transforms, old poses are
forgotten, frames that nobody takes in time are dropped, and a clock that was set back starts anew.
No ROS, no clock and no thread in here: `add` messages, `take` frames, say what time it is.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.bag_writer import TF_STATIC_TOPIC
from unsup_track_ros.data.calibration_history import CalibrationHistory
from unsup_track_ros.data.frame_assembly import FrameAssembler, Moment
from unsup_track_ros.data.frame_decoding import (
    decode_camera_image,
    decode_scan,
    describe_missing,
    no_scan,
)
from unsup_track_ros.data.message_types import RosMessage
from unsup_track_ros.data.point_cloud_decoding import DecodedCloud, stamp_ns
from unsup_track_ros.data.recording import RecordingConfig
from unsup_track_ros.data.synchronizer import MatchedSet, Synchronizer, synchronizer_inputs
from unsup_track_ros.data.topic_selection import TopicSelection
from unsup_track_ros.data.transforms import TransformTooNewError, TransformTree
from unsup_track_ros.errors import DataError, TransformError
from unsup_track_ros.structures.frame import SensorFrame

_NS_PER_S: Final = 1e9
# Long enough for the slowest transform that can still be of use, short enough to stay small.
_BUFFER_S: Final = 10.0
_INFO_ARRAYS: Final = ("d", "k", "r", "p")


class LiveConfig(Config):
    """Where live frames come from, how long they wait, and how many."""

    autodetect: bool = parameter(True, "Find sensor topics that no parameter names.")
    transform_wait_s: float = parameter(
        0.3,
        "How long a frame waits for transforms at its stamp, and at the start for all that is "
        "not there yet; then it goes on without, also after a clock that is set back.",
        unit="s",
        ge=0,
    )
    queue_size: int = parameter(
        1,
        "Complete frames that wait for the stages; of more, the oldest are dropped. 1: what waits "
        "is always the newest.",
        ge=1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameNames:
    """What the coordinate frames of a SensorFrame are called in messages.

    Attributes:
        velo: The reference LiDAR.
        base: The vehicle's level frame, that of the LiDAR where no other is known.
        odom: Frame fixed in the world, empty while transforms know none.
        camera: Optical frame of the first camera, empty without one.
    """

    velo: str
    base: str
    odom: str
    camera: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveFrame:
    """A frame and when it came.

    Attributes:
        names: Names of its coordinate frames.
        frame: The frame; its index counts from the start of its timeline.
        timeline: Number of backward jumps of the clock before it.
        arrived_s: When the last of its messages came, on the clock of the caller.
    """

    names: FrameNames
    frame: SensorFrame
    timeline: int
    arrived_s: float


@dataclass(frozen=True, slots=True)
class _Arrival:
    message: RosMessage
    at_s: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A set whose scans are decoded and whose transforms may still be on their way."""

    matched: MatchedSet[_Arrival]
    clouds: tuple[DecodedCloud, ...]
    moments: tuple[Moment, ...]
    arrived_s: float


class LiveFrames:
    """Grows frames from messages.

    Attributes:
        drops: Messages and frames that were not used, by (topic, reason): those of the
            synchronizer, empty_frame_id, time_jump, and overload (the stages were busy).
        timeline: Number of backward jumps of the clock so far.
        lacking: What the oldest frame waits for, in one sentence; empty when it waits for nothing.
    """

    def __init__(self, topics: TopicSelection, config: RecordingConfig, live: LiveConfig) -> None:
        self._topics = topics
        self._config = config
        self._live = live
        self._reference = topics.reference
        inputs = synchronizer_inputs(topics.other_clouds, topics.other_images, config.synchronizer)
        self._synchronizer: Synchronizer[_Arrival] = Synchronizer(
            config.synchronizer, self._reference, inputs
        )
        transforms = config.transforms
        if transforms.buffer_s == 0:
            transforms = transforms.model_copy(update={"buffer_s": _BUFFER_S})
        self._tree = TransformTree(transforms, config.synchronizer.jump_s)
        self._assembler = FrameAssembler(config.frames, self._tree)
        self._calibrations = {
            camera.camera_info.name: CalibrationHistory(is_rectified=camera.is_rectified)
            for camera in topics.cameras
        }
        self._transforms = {topic.name for topic in topics.transforms}
        self._waiting: deque[_Waiting] = deque()
        self._drops: Counter[tuple[str, str]] = Counter()
        self._next_index = 0
        self._started_s: float | None = None
        self._goes_without = False  # the last frame had to, so a clock set back brings no hope
        self.timeline = 0
        self.lacking = ""

    @property
    def drops(self) -> Counter[tuple[str, str]]:
        """Count what was not used."""
        return self._synchronizer.drops + self._drops

    @property
    def num_waiting(self) -> int:
        """Number of frames that have not been taken."""
        return len(self._waiting)

    def add(self, topic: str, message: RosMessage, now_s: float) -> None:
        """Take one message of any of the topics."""
        if topic in self._transforms:
            self._tree.insert_message(message, static=topic.endswith(TF_STATIC_TOPIC))
        elif topic in self._calibrations:
            self._calibrations[topic].add(_calibration(message), stamp_ns(message), lambda: message)
        elif topic == self._reference and not message.header.frame_id:
            self._drops[topic, "empty_frame_id"] += 1
        else:
            arrival = _Arrival(message, now_s)
            for matched in self._synchronizer.add(topic, stamp_ns(message), arrival):
                self._enqueue(matched, now_s)

    def take(self, now_s: float) -> LiveFrame | None:
        """Return the oldest frame that need not wait any longer; None when there is none.

        Frames beyond the queue's size that could be taken are dropped first, the oldest of them.
        """
        ready = self._num_ready(now_s)
        if not ready:
            return None
        for _ in range(ready - self._live.queue_size):
            self._waiting.popleft()
            self._drops[self._reference, "overload"] += 1
        waiting = self._waiting.popleft()
        self._goes_without = self._lacking(waiting) is not None
        return self._assemble(waiting)

    def is_full(self, now_s: float) -> bool:
        """Tell whether as many frames as may wait could be taken."""
        return self._num_ready(now_s) >= self._live.queue_size

    def give_up(self) -> None:
        """Count a frame that was taken and waited in vain."""
        self._drops[self._reference, "overload"] += 1

    def _num_ready(self, now_s: float) -> int:
        ready = 0
        while ready < len(self._waiting) and self._is_ready(self._waiting[ready], now_s):
            ready += 1
        return ready

    def _enqueue(self, matched: MatchedSet[_Arrival], now_s: float) -> None:
        if matched.epoch != self.timeline:
            self._drops[self._reference, "time_jump"] += len(self._waiting)
            self._waiting.clear()
            self.timeline, self._next_index, self._started_s = matched.epoch, 0, None
        if self._started_s is None:
            self._started_s = now_s
        clouds = tuple(self._scans(matched))
        self._waiting.append(
            _Waiting(
                matched=matched,
                clouds=clouds,
                moments=tuple(self._moments(matched, clouds)),
                arrived_s=max(arrival.at_s for arrival in matched.payloads.values()),
            )
        )

    def _scans(self, matched: MatchedSet[_Arrival]) -> list[DecodedCloud]:
        if not self._topics.clouds:
            return [no_scan(self._assembler.base_name(""), matched.stamp_ns)]
        velo = str(matched.payloads[self._reference].message.header.frame_id)
        scans = []
        for topic in self._topics.clouds:
            if topic.name in matched.payloads:
                message = matched.payloads[topic.name].message
                at_ns = matched.stamps_ns[topic.name]
                scans.append(decode_scan(lambda m=message: m, velo, at_ns))  # type: ignore[misc]
        return scans

    def _moments(
        self, matched: MatchedSet[_Arrival], clouds: tuple[DecodedCloud, ...]
    ) -> list[Moment]:
        """List the frames and stamps that transforms are needed for, the reference scan first."""
        moments = [(cloud.frame_id, cloud.stamp_ns) for cloud in clouds]
        if self._config.frames.deskew.enabled:
            for cloud in clouds:
                times_s = cloud.cloud.time_offset_s
                if times_s is not None and len(times_s):
                    last_ns = round(float(times_s.max()) * _NS_PER_S)
                    moments.append((cloud.frame_id, cloud.stamp_ns + last_ns))
        offset_ns = round(self._config.synchronizer.image_offset_s * _NS_PER_S)
        for camera in self._topics.cameras:
            if camera.image.name in matched.payloads:
                frame_id = str(matched.payloads[camera.image.name].message.header.frame_id)
                moments.append((frame_id, matched.stamps_ns[camera.image.name] - offset_ns))
        return moments

    def _is_ready(self, waiting: _Waiting, now_s: float) -> bool:
        assert self._started_s is not None
        wait_s = self._live.transform_wait_s
        is_start = now_s < self._started_s + wait_s and not self._goes_without
        is_young = now_s < waiting.arrived_s + wait_s
        error = self._lacking(waiting)
        # Only a late transform is worth waiting for, but for the start of a stream.
        has_hope = error is not None and (
            is_start or (is_young and isinstance(error, TransformTooNewError))
        )
        self.lacking = str(error) if error is not None else ""
        return not has_hope

    def _lacking(self, waiting: _Waiting) -> DataError | TransformError | None:
        for camera in self._topics.cameras:
            info = camera.camera_info.name
            if camera.image.name in waiting.matched.payloads and not self._calibrations[info]:
                return DataError(f"No camera_info has come on '{info}'.")
        return self._assembler.lacking(waiting.moments)

    def _assemble(self, waiting: _Waiting) -> LiveFrame:
        matched = waiting.matched
        missing = describe_missing(matched, self._config.synchronizer)
        images = []
        for camera in self._topics.cameras:
            arrival = matched.payloads.get(camera.image.name)
            if arrival is None:
                continue
            calibrations = self._calibrations[camera.camera_info.name]
            try:
                images.append(
                    decode_camera_image(
                        arrival.message, camera, calibrations, self._config.synchronizer
                    )
                )
            except DataError as error:
                missing.append(f"Camera '{camera.image.name}': {error}")
        index, self._next_index = self._next_index, self._next_index + 1
        frame = self._assembler.assemble(index, waiting.clouds, images, missing)
        return LiveFrame(
            names=self._names(waiting, frame),
            frame=frame,
            timeline=matched.epoch,
            arrived_s=waiting.arrived_s,
        )

    def _names(self, waiting: _Waiting, frame: SensorFrame) -> FrameNames:
        camera = ""
        if frame.camera is not None:
            camera = str(waiting.matched.payloads[frame.camera.name].message.header.frame_id)
        velo = waiting.clouds[0].frame_id
        return FrameNames(
            velo=velo,
            base=self._assembler.base_name(velo),
            odom=self._assembler.odom_name,
            camera=camera,
        )


def _calibration(message: RosMessage) -> tuple[Any, ...]:
    """Return what tells one calibration from another."""
    arrays = tuple(np.asarray(getattr(message, name)).tobytes() for name in _INFO_ARRAYS)
    frame_id = str(message.header.frame_id)
    return (frame_id, message.width, message.height, str(message.distortion_model), *arrays)
