# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which topics are used: those asked for, else the only ones that fit; recorded or live."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from unsup_track_ros.config import Config, parameter
from unsup_track_ros.data.image_decoding import SUPPORTED_ENCODINGS
from unsup_track_ros.data.message_types import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    IMAGE,
    LEGACY_TF_MESSAGE,
    POINT_CLOUD,
    TF_MESSAGE,
)
from unsup_track_ros.data.rosbag import Bag, Topic
from unsup_track_ros.errors import DataError

# image_proc and its like publish `image_rect`, `image_rect_color`, `.../rect/image`.
_RECTIFIED_NAME = re.compile(r"(^|[/_])rect(ified)?($|[/_])")


class TopicConfig(Config):
    """Which topics are read; empty lists are filled from what the recording holds."""

    clouds: tuple[str, ...] = parameter(
        (), "Point cloud topics, the reference LiDAR first; empty: the only one there is."
    )
    images: tuple[str, ...] = parameter(
        (),
        "Image topics, the camera of the motion stages first; empty: the first with camera_info.",
    )
    camera_infos: tuple[str, ...] = parameter(
        (), "One camera_info topic per image topic; empty: `camera_info` beside the image."
    )
    use_cameras: bool = parameter(True, "Read images at all.")
    use_lidar: bool = parameter(
        True,
        "Read point clouds at all; without, the first camera sets the pace, and nothing but the "
        "detector `trackocc` finds objects.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraTopics:
    """An image topic and the calibration that belongs to it."""

    image: Topic
    camera_info: Topic

    @property
    def is_compressed(self) -> bool:
        """Whether the images are JPEG or PNG."""
        return self.image.msgtype == COMPRESSED_IMAGE

    @property
    def is_rectified(self) -> bool:
        """Whether the name says that the image is rectified already."""
        return _RECTIFIED_NAME.search(self.image.name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSelection:
    """The topics that are read.

    Attributes:
        clouds: Point cloud topics, the reference first; none where cameras go alone.
        cameras: Cameras, possibly none where there is a point cloud.
        transforms: Topics that carry transforms.
        warnings: One sentence per thing the user should know.
    """

    clouds: tuple[Topic, ...]
    cameras: tuple[CameraTopics, ...]
    transforms: tuple[Topic, ...]
    warnings: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The topic every message of which becomes a frame."""
        return self.clouds[0].name if self.clouds else self.cameras[0].image.name

    @property
    def other_clouds(self) -> list[str]:
        """Point cloud topics beside the reference."""
        return [topic.name for topic in self.clouds[1:]]

    @property
    def other_images(self) -> list[str]:
        """Image topics beside the reference."""
        images = [camera.image.name for camera in self.cameras]
        return [name for name in images if name != self.reference]


def select_topics(bag: Bag, config: TopicConfig) -> TopicSelection:
    """Choose the topics of a recording.

    Raises:
        DataError: A topic that was asked for is absent or of the wrong type, there is no point
            cloud, or several and none was asked for; or cameras are to go alone and there is none.
    """
    cameras, warnings = _select_cameras(bag, config)
    if not config.use_lidar and not cameras:
        raise DataError(no_sensor(f"'{bag.path}' has no camera to go by"))
    return TopicSelection(
        clouds=_select_clouds(bag, config) if config.use_lidar else (),
        cameras=cameras,
        transforms=tuple(bag.topics_of(TF_MESSAGE, LEGACY_TF_MESSAGE)),
        warnings=warnings,
    )


def _select_clouds(bag: Bag, config: TopicConfig) -> tuple[Topic, ...]:
    if config.clouds:
        topics = tuple(bag.topic(name, POINT_CLOUD) for name in config.clouds)
        silent = [topic.name for topic in topics if topic.count == 0]
        if silent:
            raise DataError(f"Topic '{silent[0]}' of '{bag.path}' carries no messages.")
        return topics
    found = bag.topics_of(POINT_CLOUD)
    if not found:
        raise DataError(
            f"'{bag.path}' carries no point cloud ({POINT_CLOUD}); it has {bag.describe_topics()}. "
            "Cameras alone are enough for the detector `trackocc`: set `recording.topics."
            "use_lidar` to false and name the images."
        )
    if len(found) > 1:
        names = ", ".join(f"{topic.name} ({topic.count} messages)" for topic in found)
        fullest = max(found, key=lambda topic: topic.count)
        raise DataError(
            f"'{bag.path}' carries several point clouds: {names}. Say which to use, the reference "
            f"first: --points-topic {fullest.name}, or `recording.topics.clouds: [{fullest.name}]` "
            "among the parameters; name several and they are merged."
        )
    return (found[0],)


def _select_cameras(
    bag: Bag, config: TopicConfig
) -> tuple[tuple[CameraTopics, ...], tuple[str, ...]]:
    if not config.use_cameras:
        return (), ()
    if config.images:
        return _asked_cameras(bag, config), ()
    found = bag.topics_of(IMAGE, COMPRESSED_IMAGE)
    if not found:
        return (), ("The recording has no camera image; LiDAR alone is used.",)
    usable = [topic for topic in found if _is_colour(bag, topic)]
    calibrated = [
        CameraTopics(image=topic, camera_info=info)
        for topic in usable
        if (info := camera_info_beside(bag.topics, topic)) is not None
    ]
    if not calibrated:
        names = ", ".join(topic.name for topic in found)
        return (), (
            f"No camera is used: none of the images {names} has a supported encoding and a "
            "camera_info with messages beside it; LiDAR alone is used.",
        )
    return first_camera(calibrated)


def no_sensor(what: str) -> str:
    """Return the sentence for a selection without any sensor."""
    return (
        f"{what}, and `recording.topics.use_lidar` is false. Name image topics that have a "
        "camera_info beside them in `recording.topics.images`, or read a LiDAR."
    )


def roles_of_topics(bag: Bag, selection: TopicSelection) -> dict[str, str]:
    """Say of every topic with sensor data what it is used for, or why it is not."""
    roles: dict[str, str] = {}
    for number, topic in enumerate(selection.clouds):
        roles[topic.name] = "LiDAR" if number == 0 else "LiDAR, merged into the first"
    for number, camera in enumerate(selection.cameras):
        roles[camera.image.name] = "camera" if number == 0 else "camera, for detection only"
        roles[camera.camera_info.name] = f"calibration of {camera.image.name}"
    for topic in selection.transforms:
        roles[topic.name] = "transforms"
    why = "another point cloud was named" if selection.clouds else "cameras go alone"
    for topic in bag.topics_of(POINT_CLOUD):
        roles.setdefault(topic.name, f"not used: {why}")
    for topic in bag.topics_of(IMAGE, COMPRESSED_IMAGE):
        roles.setdefault(topic.name, f"not used: {_why_no_camera(bag, topic)}")
    return roles


def _why_no_camera(bag: Bag, topic: Topic) -> str:
    if topic.count == 0:
        return "it carries no messages"
    if not _is_colour(bag, topic):
        return "its encoding is not that of a camera image"
    if camera_info_beside(bag.topics, topic) is None:
        return "no camera_info with messages beside it; name one with --camera-info-topic"
    return "another camera comes first; choose with --image-topic"


def first_camera(
    calibrated: list[CameraTopics],
) -> tuple[tuple[CameraTopics, ...], tuple[str, ...]]:
    """Return the camera to use among several that would do, and a sentence on the others."""
    # Raw before compressed (no loss), then by name: a rule that a reader can predict.
    calibrated.sort(key=lambda camera: (camera.is_compressed, camera.image.name))
    chosen = calibrated[0]
    if len(calibrated) == 1:
        return (chosen,), ()
    others = ", ".join(camera.image.name for camera in calibrated[1:])
    return (chosen,), (
        f"Camera '{chosen.image.name}' is used, the first by name; {others} would fit too.",
    )


def _asked_cameras(bag: Bag, config: TopicConfig) -> tuple[CameraTopics, ...]:
    check_infos(config)
    cameras = []
    for index, name in enumerate(config.images):
        image = bag.topic(name, IMAGE, COMPRESSED_IMAGE)
        if config.camera_infos:
            info: Topic | None = bag.topic(config.camera_infos[index], CAMERA_INFO)
        else:
            info = camera_info_beside(bag.topics, image)
        if info is None or info.count == 0:
            raise DataError(
                f"Image topic '{name}' of '{bag.path}' has no camera_info messages beside it; name "
                "its topic in `camera_infos`. An uncalibrated camera cannot be used."
            )
        cameras.append(CameraTopics(image=image, camera_info=info))
    return tuple(cameras)


def check_infos(config: TopicConfig) -> None:
    """Refuse a list of camera_info topics that does not fit the list of image topics.

    Raises:
        DataError: The lists are of different lengths.
    """
    if config.camera_infos and len(config.camera_infos) != len(config.images):
        raise DataError(
            f"Every image topic needs one camera_info topic: got {len(config.images)} image and "
            f"{len(config.camera_infos)} camera_info topics."
        )


def camera_info_beside(topics: Mapping[str, Topic], image: Topic) -> Topic | None:
    """Find `<camera>/camera_info` for `<camera>/image_x` or `<camera>/image_x/compressed`."""
    namespace = image.name
    for _ in range(2):
        namespace = namespace.rpartition("/")[0]
        info = topics.get(f"{namespace}/camera_info")
        if info is not None and info.msgtype == CAMERA_INFO and info.count > 0:
            return info
    return None


def _is_colour(bag: Bag, topic: Topic) -> bool:
    """Look into the first message: depth and label images are no candidates."""
    raw = next(bag.messages([topic.name]), None)
    if raw is None:
        return False
    message = bag.decode(raw)
    if topic.msgtype == COMPRESSED_IMAGE:
        return "compressedDepth" not in str(message.format)
    return str(message.encoding) in SUPPORTED_ENCODINGS
