# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which topics a live node reads: those asked for, else what the running system offers."""

from __future__ import annotations

from collections.abc import Mapping

from unsup_track_ros.data.bag_writer import TF_STATIC_TOPIC, TF_TOPIC
from unsup_track_ros.data.message_types import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    IMAGE,
    POINT_CLOUD,
    TF_MESSAGE,
)
from unsup_track_ros.data.rosbag import Topic
from unsup_track_ros.data.topic_selection import (
    CameraTopics,
    TopicConfig,
    TopicSelection,
    camera_info_beside,
    check_infos,
    first_camera,
    no_sensor,
)
from unsup_track_ros.errors import DataError

_COMPRESSED = "/compressed"
_CAMERA_INFO_NAME = "camera_info"
_DEPTH_WORD = "depth"
_TRANSFORMS = tuple(
    Topic(name=name, msgtype=TF_MESSAGE, count=0) for name in (TF_TOPIC, TF_STATIC_TOPIC)
)


def live_topics(config: TopicConfig, offered: Mapping[str, str]) -> TopicSelection:
    """Choose what to subscribe to.

    Topics that are named are taken at their word, whether somebody publishes them yet or not: an
    image whose name ends in `/compressed` is a CompressedImage, its calibration is `camera_info`
    beside it. What is not named is chosen as from a recording.

    Args:
        config: What the user asked for.
        offered: Type by name of the topics in the graph, without the node's own.

    Raises:
        DataError: No point cloud was named and the graph offers none, or several; or cameras are
            to go alone and there is none.
    """
    clouds = _clouds(config, offered) if config.use_lidar else ()
    cameras, warnings = _cameras(config, offered)
    if not config.use_lidar and not cameras:
        raise DataError(no_sensor("Nobody publishes a camera with a camera_info beside it yet"))
    return TopicSelection(clouds=clouds, cameras=cameras, transforms=_TRANSFORMS, warnings=warnings)


def is_complete(config: TopicConfig) -> bool:
    """Tell whether every topic is named, so that the graph need not be asked."""
    has_clouds = bool(config.clouds) or not config.use_lidar
    return has_clouds and (bool(config.images) or not config.use_cameras)


def _clouds(config: TopicConfig, offered: Mapping[str, str]) -> tuple[Topic, ...]:
    if config.clouds:
        return tuple(Topic(name=name, msgtype=POINT_CLOUD, count=0) for name in config.clouds)
    found = sorted(name for name, msgtype in offered.items() if msgtype == POINT_CLOUD)
    if not found:
        raise DataError(
            f"Nobody publishes a point cloud ({POINT_CLOUD}) yet; name its topic in "
            "`recording.topics.clouds` or start the LiDAR."
        )
    if len(found) > 1:
        raise DataError(
            f"Several point clouds are published: {', '.join(found)}. Name those to use in "
            "`recording.topics.clouds`, the reference first."
        )
    return (Topic(name=found[0], msgtype=POINT_CLOUD, count=1),)


def _cameras(
    config: TopicConfig, offered: Mapping[str, str]
) -> tuple[tuple[CameraTopics, ...], tuple[str, ...]]:
    if not config.use_cameras:
        return (), ()
    if not config.images:
        return _offered_cameras(offered)
    check_infos(config)
    return tuple(_named_camera(config, at) for at in range(len(config.images))), ()


def _named_camera(config: TopicConfig, at: int) -> CameraTopics:
    name = config.images[at]
    is_compressed = name.endswith(_COMPRESSED)
    msgtype = COMPRESSED_IMAGE if is_compressed else IMAGE
    namespace = name.removesuffix(_COMPRESSED).rpartition("/")[0]
    beside = f"{namespace}/{_CAMERA_INFO_NAME}" if namespace else _info_in_root(name)
    info = config.camera_infos[at] if config.camera_infos else beside
    return CameraTopics(
        image=Topic(name=name, msgtype=msgtype, count=0),
        camera_info=Topic(name=info, msgtype=CAMERA_INFO, count=0),
    )


def _info_in_root(image: str) -> str:
    return f"/{_CAMERA_INFO_NAME}" if image.startswith("/") else _CAMERA_INFO_NAME


def _offered_cameras(
    offered: Mapping[str, str],
) -> tuple[tuple[CameraTopics, ...], tuple[str, ...]]:
    topics = {name: Topic(name=name, msgtype=kind, count=1) for name, kind in offered.items()}
    calibrated = [
        CameraTopics(image=topic, camera_info=info)
        for topic in topics.values()
        if topic.msgtype in (IMAGE, COMPRESSED_IMAGE)
        and _DEPTH_WORD not in topic.name.lower()
        and (info := camera_info_beside(topics, topic)) is not None
    ]
    if not calibrated:
        return (), ("No camera with a camera_info beside it is published; LiDAR alone is used.",)
    return first_camera(calibrated)
