# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scan files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unsup_track_ros.data.kitti.scans import read_scan
from unsup_track_ros.errors import DataError

POINTS = np.array([[1, 2, 3], [4, 5, 6.5]], np.float32)
HEADER = """# .PCD v0.7
VERSION 0.7
FIELDS {fields}
SIZE {sizes}
TYPE {types}
COUNT {counts}
WIDTH 2
HEIGHT 1
VIEWPOINT 0 0 0 1 0 0 0
POINTS 2
DATA {data}
"""


def header(
    data: str = "binary", fields: str = "x y z", sizes: str = "", types: str = "", counts: str = ""
) -> bytes:
    number = len(fields.split())
    text = HEADER.format(
        fields=fields,
        sizes=sizes or " ".join(["4"] * number),
        types=types or " ".join(["F"] * number),
        counts=counts or " ".join(["1"] * number),
        data=data,
    )
    return text.encode("ascii")


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_bin_file_is_rows_of_x_y_z_and_reflectance(tmp_path: Path) -> None:
    rows = np.column_stack([POINTS, [0.5, 0.25]]).astype(np.float32)
    scan = read_scan(write(tmp_path / "a.bin", rows.tobytes()))
    np.testing.assert_array_equal(scan.points_velo, POINTS)
    np.testing.assert_array_equal(scan.intensity, [0.5, 0.25])


def test_an_empty_bin_file_is_an_empty_scan(tmp_path: Path) -> None:
    assert read_scan(write(tmp_path / "a.bin", b"")).points_velo.shape == (0, 3)


def test_a_truncated_bin_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="30 bytes are no multiple of 16"):
        read_scan(write(tmp_path / "a.bin", bytes(30)))


def test_a_binary_pcd_may_be_followed_by_padding(tmp_path: Path) -> None:
    scan = read_scan(write(tmp_path / "a.pcd", header() + POINTS.tobytes() + bytes(100)))
    np.testing.assert_array_equal(scan.points_velo, POINTS)
    assert scan.intensity is None


def test_fields_of_a_pcd_may_come_in_any_order_type_and_number(tmp_path: Path) -> None:
    layout = np.dtype(
        [
            ("label", "<u2"),
            ("z", "<f8"),
            ("n", "<f4", (3,)),
            ("y", "<f4"),
            ("x", "<i4"),
            ("intensity", "u1"),
        ]
    )
    table = np.zeros(2, layout)
    table["x"], table["y"], table["z"] = POINTS.T
    table["intensity"] = [7, 9]
    text = header("binary", "label z n y x intensity", "2 8 4 4 4 1", "U F F F I U", "1 1 3 1 1 1")
    scan = read_scan(write(tmp_path / "a.pcd", text + table.tobytes()))
    np.testing.assert_array_equal(scan.points_velo, POINTS)
    np.testing.assert_array_equal(scan.intensity, [7, 9])


def test_an_ascii_pcd_is_read(tmp_path: Path) -> None:
    rows = b"0.5 1 2 3\n0.25 4 5 6.5\n"
    scan = read_scan(write(tmp_path / "a.pcd", header("ascii", "intensity x y z") + rows))
    np.testing.assert_array_equal(scan.points_velo, POINTS)
    np.testing.assert_array_equal(scan.intensity, [0.5, 0.25])


def test_missing_returns_are_left_out(tmp_path: Path) -> None:
    rows = b"nan nan nan\n4 5 6.5\n"
    scan = read_scan(write(tmp_path / "a.pcd", header("ascii") + rows))
    np.testing.assert_array_equal(scan.points_velo, POINTS[1:])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (header() + POINTS.tobytes()[:-1], "need 24 bytes, got 23"),
        (header("ascii") + b"1 2 3\n", "1 of 2 points"),
        (header("ascii") + b"1 2 3\n4 five 6\n", "malformed row"),
        (header("binary_compressed") + bytes(24), "'binary_compressed'; binary and ascii"),
        (header(fields="x y i") + bytes(24), "must have fields x, y and z, got x, y, i"),
        (header(types="F F"), "header of .* is malformed"),
        (b"ply\nformat ascii 1.0\n", "no DATA line"),
    ],
)
def test_files_that_cannot_be_read_are_refused_with_the_reason(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        read_scan(write(tmp_path / "a.pcd", data))
