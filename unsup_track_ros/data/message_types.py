# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The standard ROS message types, from rosbags' type stores.

Recordings are decoded with these and not with the definitions they carry: the sensor messages are
the same in every ROS 2 release, old sqlite3 bags carry no definitions, and a broken definition of a
topic nobody asked for must not make a bag unreadable.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from unsup_track_ros.data.message_definitions import additional_definitions

POINT_CLOUD = "sensor_msgs/msg/PointCloud2"
POINT_FIELD = "sensor_msgs/msg/PointField"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TF_MESSAGE = "tf2_msgs/msg/TFMessage"
# ROS 1's first tf package; the same layout as its successor.
LEGACY_TF_MESSAGE = "tf/msg/tfMessage"

# Message classes are generated at run time, by rosbags or by rosidl: they have no static type. Any
# object with the attributes of the message definition will do.
RosMessage: TypeAlias = Any

_Description: TypeAlias = Any  # rosbags' nested tuples of kinds and details

_TF_DEFINITION = "geometry_msgs/TransformStamped[] transforms\n"


@lru_cache(maxsize=1)
def ros2_types() -> Typestore:
    """Return the types of ROS 2 and our own, for reading and writing CDR."""
    store = _with_tf(get_typestore(Stores.ROS2_JAZZY))
    for name, (constants, fields) in store.fielddefs.items():
        read = [(field, _without_char(description)) for field, description in fields]
        store.fielddefs[name] = (constants, read)
    found: dict[str, Any] = {}
    for name, text in additional_definitions().items():
        # rosbags files every definition under `msg`, those of services too.
        ((_, definition),) = get_types_from_msg(text, name.replace("/srv/", "/msg/")).items()
        found[name] = definition
    store.register(found)
    return store


@lru_cache(maxsize=1)
def ros1_types() -> Typestore:
    """Return the types of ROS 1, for reading `.bag` files."""
    return _with_tf(get_typestore(Stores.ROS1_NOETIC))


def ros2_classes() -> dict[str, RosMessage]:
    """Return the message classes of ROS 2 by type name."""
    classes: dict[str, RosMessage] = dict(ros2_types().types)
    return classes


def _without_char(description: _Description) -> _Description:
    """Read `char` as uint8, as ROS 2 does; IDL's char has the same bytes and another type hash."""
    kind, detail = description
    if kind == Nodetype.BASE:
        return (kind, ("uint8", 0)) if detail[0] == "char" else description
    if kind == Nodetype.NAME:
        return description
    return kind, (_without_char(detail[0]), detail[1])


def _with_tf(store: Typestore) -> Typestore:
    for name in (TF_MESSAGE, LEGACY_TF_MESSAGE):
        if name not in store.fielddefs:
            store.register(get_types_from_msg(_TF_DEFINITION, name))
    return store
