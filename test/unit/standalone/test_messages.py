# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Message classes behave as those that rosidl generates (field checks on, as in Humble)."""

from __future__ import annotations

import array
import copy
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, Quaternion, Vector3
from nav_msgs.msg import OccupancyGrid
from rcl_interfaces.msg import ParameterDescriptor, ParameterValue
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header
from visualization_msgs.msg import Marker


def test_a_new_message_holds_the_defaults() -> None:
    pose = PoseStamped()
    assert pose.header.frame_id == ""
    assert pose.pose.orientation == Quaternion(x=0.0, y=0.0, z=0.0, w=1.0)
    assert Image().data == array.array("B")
    assert CameraInfo().k.tolist() == [0.0] * 9
    assert DiagnosticStatus().level == b"\x00"


def test_messages_take_keywords_and_refuse_others() -> None:
    assert Header(frame_id="odom").frame_id == "odom"
    with pytest.raises(AssertionError, match="Invalid arguments"):
        Header(frame="odom")
    with pytest.raises(AttributeError):
        Header().frame = "odom"


def test_messages_are_equal_by_their_content() -> None:
    assert Vector3(x=1.0) == Vector3(x=1.0)
    assert Vector3(x=1.0) != Vector3(x=2.0)
    assert Vector3() != Quaternion()
    original = CameraInfo(d=[0.1, 0.2], distortion_model="plumb_bob")
    copied = copy.deepcopy(original)
    assert copied == original
    copied.d.append(0.3)
    assert copied != original


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (Vector3(), "x", 1),
        (Vector3(), "x", "1"),
        (Header(), "frame_id", b"odom"),
        (Header(), "stamp", 3),
        (Image(), "height", 1.0),
        (Image(), "height", -1),
        (Image(), "height", 1 << 32),
        (Image(), "is_bigendian", 256),
        (Image(), "data", "text"),
        (Image(), "data", array.array("b")),
        (Image(), "data", np.zeros(3, np.uint8)),
        (PointCloud2(), "is_dense", 1),
        (PointCloud2(), "fields", [Header()]),
        (CameraInfo(), "k", [0.0] * 8),
        (CameraInfo(), "k", np.zeros(9, np.float32)),
        (DiagnosticStatus(), "level", 1),
        (DiagnosticStatus(), "values", "ab"),
    ],
)
def test_a_field_refuses_a_value_of_another_type(message: Any, field: str, value: Any) -> None:
    before = getattr(message, field)
    with pytest.raises(AssertionError, match=f"The '{field}' "):
        setattr(message, field, value)
    assert getattr(message, field) is before or getattr(message, field) == before


@pytest.mark.parametrize("value", [array.array("B", [1, 2]), b"\x01\x02", [1, 2], (1, 2)])
def test_a_sequence_of_numbers_is_kept_in_an_array(value: Any) -> None:
    image = Image(data=value)
    assert isinstance(image.data, array.array)
    assert image.data.tolist() == [1, 2]
    image.data.append(3)
    assert np.frombuffer(image.data, np.uint8).tolist() == [1, 2, 3]


def test_a_fixed_array_is_numpy_and_takes_lists_and_arrays() -> None:
    info = CameraInfo(k=np.arange(9.0), p=[0.5] * 12)
    assert isinstance(info.p, np.ndarray)
    assert info.k[8] == 8.0
    assert info.p.dtype == np.float64


def test_bounded_sequences_are_bounded() -> None:
    descriptor = ParameterDescriptor()
    with pytest.raises(AssertionError, match="integer_range"):
        descriptor.integer_range = [1, 2]  # one range at most, and no numbers


def test_constants_are_there_with_their_types() -> None:
    assert (PointField.FLOAT32, Marker.DELETEALL) == (7, 3)
    assert DiagnosticStatus.WARN == b"\x01"


def test_every_kind_of_field_survives_serialisation() -> None:
    value = ParameterValue(
        type=3,
        bool_value=True,
        integer_value=-(1 << 63),
        double_value=0.1,
        string_value="Straße",
        byte_array_value=[b"a", b"\xff"],
        bool_array_value=[True, False],
        integer_array_value=[1, -2],
        double_array_value=[0.5],
        string_array_value=["", "x"],
    )
    assert deserialize_message(serialize_message(value), ParameterValue) == value
    grid = OccupancyGrid(data=array.array("b", [-1, 0, 100]))
    assert deserialize_message(serialize_message(grid), OccupancyGrid) == grid
    status = DiagnosticStatus(level=DiagnosticStatus.ERROR, name="x")
    assert deserialize_message(serialize_message(status), DiagnosticStatus).level == b"\x02"


def test_serialised_bytes_are_little_endian_cdr() -> None:
    data = serialize_message(Header(frame_id="ab"))
    expected = b"\x00\x01\x00\x00" + bytes(8) + b"\x03\x00\x00\x00ab\x00"
    assert data.rstrip(b"\x00") == expected.rstrip(b"\x00")
