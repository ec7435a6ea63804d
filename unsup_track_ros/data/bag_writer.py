# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write a rosbag2 recording: all or nothing, the same input giving the same bytes."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from unsup_track_ros.data.message_encoding import (
    encode_camera_info,
    encode_cloud,
    encode_image,
    encode_transform,
    encode_transforms,
)
from unsup_track_ros.data.message_types import TF_MESSAGE, RosMessage, ros2_types
from unsup_track_ros.data.rosbag import OfferedQos
from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float64, UInt8
from unsup_track_ros.structures.calibration import PinholeCamera
from unsup_track_ros.structures.frame import PointCloud

TF_TOPIC = "/tf"
TF_STATIC_TOPIC = "/tf_static"
# Version 8 is the newest metadata layout that Humble, Jazzy and later all parse.
_METADATA_VERSION: Literal[8] = 8
_FOREVER = QosTime(sec=9223372036, nsec=854775807)


def _quality_of_service(is_latched: bool, depth: int, is_reliable: bool) -> Qos:
    durability = QosDurability.TRANSIENT_LOCAL if is_latched else QosDurability.VOLATILE
    reliability = QosReliability.RELIABLE if is_reliable else QosReliability.BEST_EFFORT
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )


class BagWriter:
    """Context manager that writes sensor data as a ROS 2 recording (MCAP).

    A path ending in `.mcap` becomes one bare MCAP file, which `ros2 bag info|play`, Foxglove and
    this package read; any other path becomes a rosbag2 folder with `metadata.yaml`. Everything is
    written under a hidden name beside the target and renamed on success; on an exception nothing
    stays. Log time is the header stamp, so that a replay has the timing of the sensors.

    Static transforms are collected into one `/tf_static` message: that topic keeps only its last
    message for late subscribers, who would miss the others.
    """

    def __init__(self, path: Path, *, overwrite: bool = False, compressed: bool = False) -> None:
        """Prepare to write `path`.

        Args:
            path: Target, a file `*.mcap` or a folder.
            overwrite: Replace an existing recording instead of refusing.
            compressed: Compress chunks with zstd, which ROS 2 and Foxglove read as well: worth it
                for masks and grids, not for scans and images.

        Raises:
            DataError: The target exists or cannot be created.
        """
        self.path = Path(path)
        if self.path.exists() and not overwrite:
            raise DataError(f"'{self.path}' exists already; remove it or choose another name.")
        self._scratch = self.path.parent / f".{self.path.name}.partial"
        self._compressed = compressed
        self._writer: Writer | None = None
        self._connections: dict[str, Connection] = {}
        self._static: dict[tuple[str, str], RosMessage] = {}
        self._static_stamp_ns: int | None = None

    def __enter__(self) -> BagWriter:
        """Create the hidden target."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._scratch.exists():  # left by a run that was killed
                shutil.rmtree(self._scratch)
            self._scratch.mkdir()
        except OSError as error:
            raise DataError(f"Cannot write to '{self.path.parent}': {error.strerror}.") from error
        self._writer = Writer(
            self._scratch / self._bag_name,
            version=_METADATA_VERSION,
            storage_plugin=StoragePlugin.MCAP,
        )
        if self._compressed:
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Publish the recording under its name, or remove every trace of it after an exception."""
        writer, self._writer = self._opened, None
        try:
            if exception_type is not None:
                writer.abort()
                return
            self._flush_static(writer)
            writer.close()
            self._publish()
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def write_cloud(self, topic: str, frame_id: str, stamp_ns: int, cloud: PointCloud) -> None:
        """Write a LiDAR scan given in frame `frame_id` as PointCloud2."""
        self.write(topic, encode_cloud(cloud, stamp_ns, frame_id), stamp_ns)

    def write_image(
        self, topic: str, frame_id: str, stamp_ns: int, image_rgb: UInt8[np.ndarray, "H W 3"]
    ) -> None:
        """Write a colour image as Image (rgb8)."""
        self.write(topic, encode_image(image_rgb, stamp_ns, frame_id), stamp_ns)

    def write_camera_info(
        self, topic: str, frame_id: str, stamp_ns: int, camera: PinholeCamera
    ) -> None:
        """Write the calibration of a rectified camera as CameraInfo."""
        self.write(topic, encode_camera_info(camera, stamp_ns, frame_id), stamp_ns)

    def write_transform(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        parent_T_child: Float64[np.ndarray, "4 4"],
        *,
        static: bool = False,
    ) -> None:
        """Write a transform that moves points from `child` to `parent`, to /tf or /tf_static.

        Static transforms should come before the first other message; later ones republish all.
        """
        message = encode_transform(parent, child, stamp_ns, parent_T_child)
        if not static:
            self.write(TF_TOPIC, encode_transforms([message]), stamp_ns)
            return
        self._static[parent, child] = message
        if self._static_stamp_ns is None:
            self._static_stamp_ns = stamp_ns

    def write(self, topic: str, message: RosMessage, stamp_ns: int) -> None:
        """Write any message of the ROS 2 type store; a topic keeps the type of its first message.

        Args:
            topic: Topic name.
            message: Message object built from `message_types.ros2_types()`.
            stamp_ns: Log time.
        """
        self._flush_static(self._opened)
        self._append(self._opened, topic, message, stamp_ns)

    def write_serialized(
        self, topic: str, msgtype: str, data: bytes, stamp_ns: int, qos: OfferedQos
    ) -> None:
        """Write a message that is CDR already, as a recorder receives it.

        Args:
            topic: Topic name.
            msgtype: Type name, one of `message_types.ros2_types()`.
            data: The message.
            stamp_ns: Log time.
            qos: What its publisher offers.
        """
        connection = self._connection(
            topic, msgtype, _quality_of_service(qos.is_latched, qos.depth, qos.is_reliable)
        )
        self._opened.write(connection, stamp_ns, data)

    @property
    def _opened(self) -> Writer:
        if self._writer is None:
            raise RuntimeError("A BagWriter writes only inside its `with` block.")
        return self._writer

    @property
    def _is_bare_file(self) -> bool:
        return self.path.suffix == ".mcap"

    @property
    def _bag_name(self) -> str:
        # The name is embedded in the file too: a fixed one keeps the bytes independent of the path.
        return "recording" if self._is_bare_file else self.path.name

    def _flush_static(self, writer: Writer) -> None:
        if self._static_stamp_ns is None:
            return
        message = encode_transforms(list(self._static.values()))
        self._append(writer, TF_STATIC_TOPIC, message, self._static_stamp_ns)
        self._static_stamp_ns = None

    def _append(self, writer: Writer, topic: str, message: RosMessage, stamp_ns: int) -> None:
        msgtype: str = message.__msgtype__
        quality = _quality_of_service(
            topic == TF_STATIC_TOPIC, 100 if msgtype == TF_MESSAGE else 10, True
        )
        connection = self._connection(topic, msgtype, quality)
        writer.write(connection, stamp_ns, ros2_types().serialize_cdr(message, msgtype))

    def _connection(self, topic: str, msgtype: str, quality: Qos) -> Connection:
        connection = self._connections.get(topic)
        if connection is None:
            connection = self._opened.add_connection(
                topic, msgtype, typestore=ros2_types(), offered_qos_profiles=[quality]
            )
            self._connections[topic] = connection
        if connection.msgtype != msgtype:
            raise DataError(
                f"Topic '{topic}' carries {connection.msgtype}, "
                f"so a {msgtype} cannot be written to it."
            )
        return connection

    def _publish(self) -> None:
        written = self._scratch / self._bag_name
        if self._is_bare_file:
            written = written / f"{self._bag_name}.mcap"
        if self.path.is_dir() or (self.path.exists() and not self._is_bare_file):
            replaced = self._scratch / "replaced"
            self.path.replace(replaced)
        written.replace(self.path)
