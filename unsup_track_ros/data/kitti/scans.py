# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""LiDAR scans from files: KITTI's `.bin` and the Point Cloud Library's `.pcd`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from unsup_track_ros.data.point_cloud_decoding import drop_missing_returns
from unsup_track_ros.errors import DataError
from unsup_track_ros.shapes import Float32, Shaped
from unsup_track_ros.structures.frame import PointCloud

SCAN_SUFFIXES = (".bin", ".pcd")
_INTENSITY_NAMES = ("intensity", "i", "reflectance", "reflectivity")
_KINDS = {"F": "f", "I": "i", "U": "u"}
# A PCD header is a dozen short lines.
_HEADER_LIMIT_BYTES = 4096


def read_scan(file: Path) -> PointCloud:
    """Read one scan without its missing returns (not finite, or exactly in the origin).

    Raises:
        DataError: The file is not a scan, or shorter than it says.
    """
    data = file.read_bytes()
    points, intensity = _read_pcd(data, file) if file.suffix == ".pcd" else _read_bin(data, file)
    return drop_missing_returns(PointCloud(points_velo=points, intensity=intensity))


def _read_bin(
    data: bytes, file: Path
) -> tuple[Float32[np.ndarray, "P 3"], Float32[np.ndarray, " P"] | None]:
    """Read float32 rows of x, y, z, reflectance."""
    if len(data) % 16 != 0:
        raise DataError(
            f"'{file}' is not a KITTI scan: its {len(data)} bytes are no multiple of 16 "
            "(x, y, z, reflectance in float32). It is truncated or has other columns."
        )
    rows = np.frombuffer(data, "<f4").reshape(-1, 4)
    return np.ascontiguousarray(rows[:, :3]), rows[:, 3].copy()


def _read_pcd(
    data: bytes, file: Path
) -> tuple[Float32[np.ndarray, "P 3"], Float32[np.ndarray, " P"] | None]:
    """Read a PCD of any field order, ascii or binary; what follows the payload is padding."""
    header, payload = _split_pcd(data, file)
    try:
        names = header["FIELDS"]
        counts = [int(value) for value in header.get("COUNT", ["1"] * len(names))]
        kinds = [
            _KINDS[kind] + size for kind, size in zip(header["TYPE"], header["SIZE"], strict=True)
        ]
        num_points = int(header["POINTS"][0])
        layout = [
            (f"{name}#{column}", f"<{kind}", (count,)) if count > 1 else (name, f"<{kind}")
            for column, (name, kind, count) in enumerate(zip(names, kinds, counts, strict=True))
        ]
        dtype = np.dtype(layout)
        encoding = header["DATA"][0].lower()
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise DataError(f"The PCD header of '{file}' is malformed: {error!r}.") from error
    if encoding == "binary":
        table = _binary_table(payload, dtype, num_points, file)
    elif encoding == "ascii":
        table = _ascii_table(payload, dtype, num_points, file)
    else:
        raise DataError(f"'{file}' is stored as '{encoding}'; binary and ascii PCD files are read.")
    if not {"x", "y", "z"} <= set(names):
        raise DataError(f"'{file}' must have fields x, y and z, got {', '.join(names)}.")
    points = np.stack([table[axis].astype(np.float32) for axis in "xyz"], axis=1)
    intensity = next((name for name in _INTENSITY_NAMES if name in (table.dtype.names or ())), None)
    return points, None if intensity is None else table[intensity].astype(np.float32)


def _split_pcd(data: bytes, file: Path) -> tuple[dict[str, list[str]], bytes]:
    header: dict[str, list[str]] = {}
    at = 0
    while "DATA" not in header:
        end = data.find(b"\n", at, at + _HEADER_LIMIT_BYTES)
        if end < 0:
            raise DataError(f"'{file}' is not a PCD file: its header has no DATA line.")
        words = data[at:end].decode("ascii", "replace").split()
        if words and not words[0].startswith("#"):
            header[words[0]] = words[1:]
        at = end + 1
    return header, data[at:]


def _binary_table(
    payload: bytes, dtype: np.dtype[np.void], num_points: int, file: Path
) -> Shaped[np.ndarray, " P"]:
    needed = num_points * dtype.itemsize
    if len(payload) < needed:
        raise DataError(
            f"'{file}' is truncated: {num_points} points need {needed} bytes, got {len(payload)}."
        )
    return np.frombuffer(payload, dtype, count=num_points)


def _ascii_table(
    payload: bytes, dtype: np.dtype[np.void], num_points: int, file: Path
) -> Shaped[np.ndarray, " P"]:
    if num_points == 0:
        return np.empty(0, dtype)
    try:
        table = np.loadtxt(io.BytesIO(payload), dtype=dtype, max_rows=num_points, ndmin=1)
    except ValueError as error:
        raise DataError(f"'{file}' has a malformed row: {error}.") from error
    if len(table) < num_points:
        raise DataError(f"'{file}' is truncated: it has {len(table)} of {num_points} points.")
    return table
