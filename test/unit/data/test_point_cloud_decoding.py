# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""PointCloud2 messages of many drivers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from unit.data.bags import START_NS, packed_cloud_message

from unsup_track_ros.data.message_encoding import encode_cloud
from unsup_track_ros.data.point_cloud_decoding import decode_cloud
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.frame import PointCloud

POINTS = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]], np.float32)


def table(layout: npt.DTypeLike, **columns: npt.ArrayLike) -> np.ndarray:
    filled = np.zeros(len(POINTS), np.dtype(layout))
    for axis, name in enumerate("xyz"):
        filled[name] = POINTS[:, axis]
    for name, values in columns.items():
        filled[name] = values
    return filled


def test_encoding_and_decoding_are_inverse() -> None:
    cloud = PointCloud(
        points_velo=POINTS,
        intensity=np.array([0.1, 0.2, 0.3, 0.4], np.float32),
        time_offset_s=np.array([0, 0.01, 0.02, 0.03], np.float32),
        ring=np.array([3, 2, 1, 0]),
    )
    decoded = decode_cloud(encode_cloud(cloud, START_NS, "velo"))
    assert decoded.stamp_ns == START_NS
    assert decoded.frame_id == "velo"
    assert decoded.reason == ""
    for name in ("points_velo", "intensity", "time_offset_s", "ring"):
        np.testing.assert_array_equal(getattr(decoded.cloud, name), getattr(cloud, name))


@pytest.mark.parametrize(
    "layout",
    [
        [("x", "<f4"), ("y", "<f4"), ("z", "<f4")],
        [("z", "<f4"), ("x", "<f4"), ("y", "<f4")],
        [("x", "<f8"), ("y", "<f8"), ("z", "<f8")],
        [("x", ">f4"), ("y", ">f4"), ("z", ">f4")],
        [("x", "<i2"), ("y", "<i2"), ("z", "<i2")],
        [("flags", "<u1"), ("x", "<f4"), ("y", "<f4"), ("label", "<u2"), ("z", "<f4")],
        {"names": ["x", "y", "z"], "formats": ["<f4"] * 3, "offsets": [0, 4, 8], "itemsize": 32},
        {"names": ["x", "y", "z"], "formats": ["<f4"] * 3, "offsets": [3, 11, 19], "itemsize": 23},
    ],
)
def test_every_layout_gives_the_same_points(layout: npt.DTypeLike) -> None:
    decoded = decode_cloud(packed_cloud_message(table(layout)))
    np.testing.assert_array_equal(decoded.cloud.points_velo, POINTS)
    assert decoded.cloud.points_velo.dtype == np.float32


def test_a_tight_layout_is_not_copied() -> None:
    message = packed_cloud_message(table([("x", "<f4"), ("y", "<f4"), ("z", "<f4")]))
    assert np.shares_memory(decode_cloud(message).cloud.points_velo, message.data)


def test_an_organised_cloud_with_padded_rows_is_read_row_by_row() -> None:
    layout = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
    message = packed_cloud_message(table(layout), shape=(2, 2), row_padding=20)
    np.testing.assert_array_equal(decode_cloud(message).cloud.points_velo, POINTS)


@pytest.mark.parametrize("kind", ["<u1", "<u2", "<f4", "<f8", ">u2"])
def test_intensity_may_have_any_type(kind: str) -> None:
    order = ">" if kind[0] == ">" else "<"
    layout = [(axis, order + "f4") for axis in "xyz"] + [("intensity", kind)]
    message = packed_cloud_message(table(layout, intensity=[0, 1, 100, 255]))
    np.testing.assert_array_equal(decode_cloud(message).cloud.intensity, [0, 1, 100, 255])


def test_points_without_coordinates_are_removed_from_every_column() -> None:
    layout = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4"), ("ring", "<u2")]
    filled = table(layout, intensity=[1, 2, 3, 4], ring=[1, 2, 3, 4])
    filled["y"][0], filled["z"][2] = np.nan, np.inf
    decoded = decode_cloud(packed_cloud_message(filled))
    np.testing.assert_array_equal(decoded.cloud.points_velo, POINTS[[1, 3]])
    np.testing.assert_array_equal(decoded.cloud.intensity, [2, 4])
    np.testing.assert_array_equal(decoded.cloud.ring, [2, 4])
    assert decoded.num_invalid == 2


def test_points_in_the_exact_origin_are_no_returns() -> None:
    filled = table([("x", "<f4"), ("y", "<f4"), ("z", "<f4")])
    filled[1] = (0, 0, 0)
    filled[2] = (0, 0, 1)
    decoded = decode_cloud(packed_cloud_message(filled))
    np.testing.assert_array_equal(decoded.cloud.points_velo, [POINTS[0], [0, 0, 1], POINTS[3]])


def test_an_empty_cloud_is_empty_with_a_reason() -> None:
    message = packed_cloud_message(table([("x", "<f4"), ("y", "<f4"), ("z", "<f4")])[:0])
    decoded = decode_cloud(message)
    assert decoded.cloud.points_velo.shape == (0, 3)
    assert "no points" in decoded.reason


def test_a_cloud_of_nan_is_empty_with_a_reason() -> None:
    filled = table([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("t", "<u4")])
    filled["x"] = np.nan
    decoded = decode_cloud(packed_cloud_message(filled))
    assert decoded.cloud.points_velo.shape == (0, 3)
    assert decoded.num_invalid == 4
    assert "all 4 points" in decoded.reason


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("t", "<u4", [0, 10_000_000, 50_000_000, 100_000_000]),  # Ouster: ns since the stamp
        ("time", "<f4", [0, 0.01, 0.05, 0.1]),  # Velodyne: s since the stamp
        ("timestamp", "<f8", [10.0, 10.01, 10.05, 10.1]),  # Hesai: s, absolute
        ("timestamp", "<f8", [10.0e9, 10.01e9, 10.05e9, 10.1e9]),  # Livox: ns, absolute
        ("offset_time", "<u4", [0, 10_000_000, 50_000_000, 100_000_000]),
        ("time_stamp", "<f8", [0, 0.01, 0.05, 0.1]),
    ],
)
def test_times_of_every_driver_become_seconds_since_the_stamp(
    name: str, kind: str, values: list[float]
) -> None:
    # Absolute times are recognised by their size: move the fixture's 10 s to this century.
    century_ns = 1_700_000_000_000_000_000
    is_absolute = values[0] > 0
    unit = 1 if values[0] > 1e6 else 1e-9
    shifted = [value + is_absolute * century_ns * unit for value in values]
    layout = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), (name, kind)]
    message = packed_cloud_message(table(layout, **{name: shifted}))
    message.header.stamp.sec += 1_700_000_000
    offset_s = decode_cloud(message).cloud.time_offset_s
    assert offset_s is not None
    np.testing.assert_allclose(offset_s, np.array([0, 0.01, 0.05, 0.1]), atol=1e-6)


def test_times_that_make_no_sense_are_left_out_with_a_reason() -> None:
    layout = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("time", "<f4")]
    decoded = decode_cloud(packed_cloud_message(table(layout, time=[0, 1000, 2000, 3000])))
    assert decoded.cloud.time_offset_s is None
    assert "3e+03 s" in decoded.reason
    assert len(decoded.cloud.points_velo) == 4


def test_a_cloud_without_z_is_refused() -> None:
    message = packed_cloud_message(table([("x", "<f4"), ("y", "<f4"), ("z", "<f4")]))
    message.fields.pop()
    with pytest.raises(DataError, match="must have fields x, y and z; got x, y"):
        decode_cloud(message)


def test_data_shorter_than_its_size_is_refused() -> None:
    message = packed_cloud_message(table([("x", "<f4"), ("y", "<f4"), ("z", "<f4")]))
    message.data = message.data[:-1]
    with pytest.raises(DataError, match="need 48 bytes, got 47"):
        decode_cloud(message)


def test_a_field_outside_of_its_point_is_refused() -> None:
    message = packed_cloud_message(table([("x", "<f4"), ("y", "<f4"), ("z", "<f4")]))
    message.fields[2].offset = 10
    with pytest.raises(DataError, match=r"'z'.*does not fit"):
        decode_cloud(message)
