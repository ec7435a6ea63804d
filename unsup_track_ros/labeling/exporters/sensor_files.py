# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scans and images of a recording as the files that other tools read beside labels.

`.pcd` (binary, x y z intensity), `.pcd.bin` (rows of x y z intensity ring), `.bin` (KITTI's rows of
x y z reflectance), `.png`. An unknown intensity or ring is 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.exporters.contract import Export, Format
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.shapes import Float32
from unsup_track_ros.structures.frame import PointCloud
from unsup_track_ros.visualization.video import encode_png


def write_sensor_files(
    folder: Path, export: Export, layout: Format, recording: Recording, progress: Progress
) -> None:
    """Write the scan and the first camera's image of every exported frame.

    Raises:
        DataError: The format has no place for either.
    """
    if layout.scan is None and layout.image is None:
        raise DataError("This format stores no scans or images beside its labels: leave --sensors.")
    wanted = {frame.index for frame in export.frames}
    for frame in recording.frames(0, images=layout.image is not None):
        if frame.index not in wanted:
            continue
        if layout.scan is not None:
            path = _made(folder / layout.scan(export, frame.index))
            path.write_bytes(encode_scan(frame.cloud, path.name))
        if layout.image is not None and frame.camera is not None:
            path = _made(folder / layout.image(export, frame.index))
            path.write_bytes(encode_png(frame.camera.image_rgb))
        progress("exporting", frame.index + 1, len(recording))


def encode_scan(cloud: PointCloud, file_name: str) -> bytes:
    """Return a scan in the format that the name's ending says; float32, little-endian."""
    num = len(cloud.points_velo)
    intensity = np.zeros(num) if cloud.intensity is None else cloud.intensity
    ring = np.zeros(num) if cloud.ring is None else cloud.ring
    rows = np.column_stack([cloud.points_velo, intensity, ring]).astype("<f4")
    if file_name.endswith(".pcd.bin"):
        return rows.tobytes()
    if file_name.endswith(".pcd"):
        return _pcd_header(num) + rows[:, :4].tobytes()
    return _with_share(rows[:, :4]).tobytes()


def _with_share(rows: Float32[np.ndarray, "P 4"]) -> Float32[np.ndarray, "P 4"]:
    """Bring an intensity in [0, 255] to KITTI's reflectance in [0, 1]."""
    scaled = rows.copy()
    if scaled[:, 3].max(initial=0.0) > 1.0:
        scaled[:, 3] /= 255.0
    return scaled


def _pcd_header(num: int) -> bytes:
    return (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z intensity\n"
        "SIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 1\n"
        f"WIDTH {num}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {num}\nDATA binary\n"
    ).encode()


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
