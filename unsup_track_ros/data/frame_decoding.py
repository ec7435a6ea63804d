# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages of one moment to clouds and images: recordings and live nodes decode alike.

What is damaged costs its own message only: a scan counts as empty, an image as missing, each with
the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from unsup_track_ros.data.calibration_history import CalibrationHistory
from unsup_track_ros.data.frame_assembly import DecodedImage
from unsup_track_ros.data.image_decoding import decode_compressed_image, decode_image
from unsup_track_ros.data.message_types import RosMessage
from unsup_track_ros.data.point_cloud_decoding import DecodedCloud, decode_cloud, stamp_ns
from unsup_track_ros.data.synchronizer import MatchedSet, PayloadT, SynchronizerConfig
from unsup_track_ros.data.topic_selection import CameraTopics
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.frame import PointCloud

_NS_PER_S = 1_000_000_000


def decode_scan(message: Callable[[], RosMessage], velo: str, at_ns: int) -> DecodedCloud:
    """Decode a scan; one that is damaged counts as empty, with the reason.

    Args:
        message: Returns the PointCloud2; a DataError on the way counts as damage.
        velo: Frame that a damaged scan is said to be in.
        at_ns: Its stamp.
    """
    try:
        decoded = decode_cloud(message())
    except DataError as error:
        return DecodedCloud(
            cloud=PointCloud(points_velo=np.empty((0, 3), np.float32)),
            frame_id=velo,
            stamp_ns=at_ns,
            num_invalid=0,
            reason=str(error).rstrip("."),
        )
    points = decoded.cloud.points_velo
    if points.flags.writeable:
        return decoded
    # A view of the message's bytes is read-only memory, which torch cannot share.
    return replace(decoded, cloud=replace(decoded.cloud, points_velo=points.copy()))


def no_scan(base: str, at_ns: int) -> DecodedCloud:
    """Return the scan of a moment where cameras go alone: empty, in the vehicle's frame."""
    return DecodedCloud(
        cloud=PointCloud(points_velo=np.empty((0, 3), np.float32)),
        frame_id=base,
        stamp_ns=at_ns,
        num_invalid=0,
    )


def decode_camera_image(
    message: RosMessage,
    camera: CameraTopics,
    calibrations: CalibrationHistory,
    config: SynchronizerConfig,
) -> DecodedImage:
    """Decode an image, raw or compressed, and find its calibration.

    Raises:
        DataError: The image is damaged or of an unknown encoding, or has no calibration.
    """
    image = decode_compressed_image(message) if camera.is_compressed else decode_image(message)
    at_ns = stamp_ns(message)
    return DecodedImage(
        name=camera.image.name,
        stamp_ns=at_ns - round(config.image_offset_s * _NS_PER_S),
        image_rgb=image if image.flags.writeable else image.copy(),
        model=calibrations.model_at(at_ns, (image.shape[1], image.shape[0])),
    )


def describe_missing(matched: MatchedSet[PayloadT], config: SynchronizerConfig) -> list[str]:
    """Return one sentence per input that has no message in a set."""
    return [
        f"Nothing of '{name}' within {1000 * config.tolerance_s:g} ms of the scan."
        for name in matched.missing
    ]
