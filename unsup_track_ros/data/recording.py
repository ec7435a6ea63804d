# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording as a sequence of SensorFrames: what the labeller and every offline tool read.

Opening makes one pass over the recording, so that the number of frames, their stamps and every
warning are known at once. Iterating makes the second pass and decodes, one frame at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType

from unsup_track_ros.config import Config
from unsup_track_ros.data.frame_assembly import DecodedImage, FrameAssembler, FrameConfig
from unsup_track_ros.data.frame_decoding import (
    decode_camera_image,
    decode_scan,
    describe_missing,
    no_scan,
)
from unsup_track_ros.data.point_cloud_decoding import decode_cloud
from unsup_track_ros.data.recording_index import MessageCounter, MessageKey, index_recording
from unsup_track_ros.data.rosbag import Bag, RawMessage
from unsup_track_ros.data.synchronizer import SynchronizerConfig
from unsup_track_ros.data.topic_selection import (
    CameraTopics,
    TopicConfig,
    TopicSelection,
    roles_of_topics,
    select_topics,
)
from unsup_track_ros.data.transforms import TransformConfig
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.frame import SensorFrame

_NS_PER_S = 1_000_000_000


class RecordingConfig(Config):
    """How a recording is read."""

    topics: TopicConfig = TopicConfig()
    synchronizer: SynchronizerConfig = SynchronizerConfig()
    transforms: TransformConfig = TransformConfig()
    frames: FrameConfig = FrameConfig()


class Recording:
    """Synchronised frames of one recording, in the order of their stamps.

    Attributes:
        path: The recording.
        config: How it is read.
        topics: The topics it is read from.
        stamps_ns: Stamp of every frame.
        missing_poses: Why each frame without a pose from TF has none.
        lidar_frame: Name of the reference LiDAR's frame; of the vehicle's where cameras go alone.
        camera_frame: Name of the first camera's frame, empty without one.
        drops: Messages that belong to no frame, by (topic, reason).
        warnings: One sentence per thing that is missing or was decided for the user.
    """

    path: Path
    config: RecordingConfig
    topics: TopicSelection
    stamps_ns: tuple[int, ...]
    missing_poses: tuple[str, ...]
    lidar_frame: str
    camera_frame: str
    drops: Counter[tuple[str, str]]
    warnings: tuple[str, ...]

    def __init__(self, path: Path, config: RecordingConfig | None = None) -> None:
        """Open a recording and find its frames.

        Raises:
            DataError: It cannot be read, a topic that was asked for is not there, it has no usable
                point cloud, or its first scan or image is of a kind that is not supported.
        """
        self.path = Path(path)
        self.config = config or RecordingConfig()
        self._bag = Bag(self.path)
        try:
            self._prepare()
        except BaseException:
            self._bag.close()
            raise

    def _prepare(self) -> None:
        config = self.config
        self.topics = select_topics(self._bag, config.topics)
        index = index_recording(self._bag, self.topics, config.synchronizer, config.transforms)
        self._sets = index.sets
        self._calibrations = index.calibrations
        self._assembler = FrameAssembler(config.frames, index.tree)
        self.stamps_ns = tuple(matched.stamp_ns for matched in index.sets)
        self.drops = index.drops
        self.lidar_frame = self._reference_frame()
        self.camera_frame = ""
        for camera in self.topics.cameras:
            raw = self._first_message(camera.image.name)
            self._decode_image(camera, raw)
            self.camera_frame = self.camera_frame or str(self._bag.decode(raw).header.frame_id)
        reasons = (self._assembler.odom_reason(self.lidar_frame, ns) for ns in self.stamps_ns)
        self.missing_poses = tuple(reason for reason in reasons if reason)
        self.warnings = (*self.topics.warnings, *index.warnings, *self._pose_warnings())

    def __enter__(self) -> Recording:
        """Return itself; it is open already."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the recording."""
        self.close()

    def close(self) -> None:
        """Close the recording."""
        self._bag.close()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._sets)

    def __iter__(self) -> Iterator[SensorFrame]:
        """Iterate over all frames."""
        return self.frames()

    @property
    def duration_s(self) -> float:
        """Time from the first to the last frame."""
        return (self.stamps_ns[-1] - self.stamps_ns[0]) / _NS_PER_S

    @property
    def topic_roles(self) -> dict[str, str]:
        """What every topic with sensor data is used for, or why it is not."""
        return roles_of_topics(self._bag, self.topics)

    @property
    def frame_roles(self) -> dict[str, str]:
        """Which coordinate frames are used, by what they are; empty where there is none."""
        return {
            "LiDAR": self.lidar_frame,
            "camera": self.camera_frame,
            "base": self._assembler.base_name(self.lidar_frame),
            "odom": self._assembler.odom_name,
        }

    def frames(self, start_index: int = 0, *, images: bool = True) -> Iterator[SensorFrame]:
        """Iterate over the frames from `start_index` on, without decoding the earlier ones.

        Args:
            start_index: First frame.
            images: Whether images are decoded; without them frames have no camera.

        Raises:
            DataError: The recording is damaged at this place.
        """
        wanted = self._sets[start_index:]
        keys = {key for matched in wanted for key in matched.payloads.values()}
        if not keys:
            return
        counter = MessageCounter()
        pool: dict[MessageKey, RawMessage] = {}
        index = start_index
        topics = {key.topic for key in keys}
        for raw in self._bag.messages(sorted(topics), min(key.log_ns for key in keys)):
            key = counter.key(raw)
            if key not in keys:
                continue
            pool[key] = raw
            # Stamps and log times may disagree: a frame is ready when its last message is there.
            while index < len(self._sets) and pool.keys() >= set(
                self._sets[index].payloads.values()
            ):
                yield self._frame(index, pool, images)
                index += 1

    def _frame(
        self, index: int, pool: dict[MessageKey, RawMessage], with_images: bool
    ) -> SensorFrame:
        matched = self._sets[index]
        raws = {name: pool.pop(key) for name, key in matched.payloads.items()}
        missing = describe_missing(matched, self.config.synchronizer)
        clouds = [
            decode_scan(
                partial(self._bag.decode, raws[topic.name]),
                self.lidar_frame,
                matched.stamps_ns[topic.name],
            )
            for topic in self.topics.clouds
            if topic.name in raws
        ] or [no_scan(self.lidar_frame, matched.stamp_ns)]
        images = []
        for camera in self.topics.cameras if with_images else ():
            if camera.image.name not in raws:
                continue
            try:
                images.append(self._decode_image(camera, raws[camera.image.name]))
            except DataError as error:
                missing.append(f"Camera '{camera.image.name}': {error}")
        return self._assembler.assemble(index, clouds, images, missing)

    def _reference_frame(self) -> str:
        """Return the frame of the reference LiDAR, that of the vehicle where cameras go alone."""
        if self.topics.clouds:
            first = self._first_message(self.topics.clouds[0].name)
            return decode_cloud(self._bag.decode(first)).frame_id
        base = self._assembler.base_name("")
        if not base:
            raise DataError(
                f"'{self.path}' is read without a LiDAR, but its transforms have no frame of the "
                "vehicle (base_link or base_footprint). Name it in `recording.frames.base_frame`."
            )
        return base

    def _decode_image(self, camera: CameraTopics, raw: RawMessage) -> DecodedImage:
        calibrations = self._calibrations[camera.camera_info.name]
        message = self._bag.decode(raw)
        return decode_camera_image(message, camera, calibrations, self.config.synchronizer)

    def _first_message(self, topic: str) -> RawMessage:
        raw = next(self._bag.messages([topic]), None)
        if raw is None:
            raise DataError(f"Topic '{topic}' of '{self.path}' carries no messages.")
        return raw

    def _pose_warnings(self) -> tuple[str, ...]:
        if not self.missing_poses:
            return ()
        return (
            f"{len(self.missing_poses)} of {len(self)} frames have no pose from TF, so that their "
            f"egomotion must be estimated: {self.missing_poses[0]}",
        )
