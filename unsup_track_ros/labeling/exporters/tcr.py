# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Snippets of two frames in the layout that Track, Check, Repeat (CVPR 2021) trains on.

    NAME_000000.npz with rgb_camXs, xyz_veloXs, cam_T_velos, rect_T_cams, pix_T_rects, boxlists,
    tidlists, clslists, scorelists

The intrinsics follow the resized image by its pixel centres, where the release scales them plainly:
half a pixel of the working resolution. Scans of more than 130000 points are thinned evenly, as the
array holds no more; of more than 50 objects the most certain are kept.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from unsup_track_ros.data.kitti.calibration import KittiCalibration
from unsup_track_ros.data.kitti.labels import boxes_from_rect, boxes_to_rect
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import wrap_angle_rad
from unsup_track_ros.labeling.exporters.annotations import AnnotatedFrame
from unsup_track_ros.labeling.exporters.contract import Export, ExportIndex, Format, truth_of
from unsup_track_ros.labeling.progress import Progress
from unsup_track_ros.shapes import Float32, Float64
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.truth import FrameTruth

_HEIGHT_PX, _WIDTH_PX = 256, 832
_NUM_POINTS: Final = 130_000
_NUM_OBJECTS: Final = 50
_QUARTER_RAD: Final = np.pi / 2  # their objects look along z, those of KITTI along x
# The oldest time a zip entry can carry: the time of writing must not change the bytes.
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)


def write_snippets(
    folder: Path, export: Export, recording: Recording, progress: Progress
) -> list[str]:
    """Write every pair of neighbouring frames that both have an image.

    Raises:
        DataError: There is no such pair.
    """
    by_index = {frame.index: frame for frame in export.frames}
    before: tuple[int, dict[str, np.ndarray]] | None = None
    num_written = 0
    for frame in recording.frames():
        annotated = by_index.get(frame.index)
        progress("exporting", frame.index + 1, len(recording))
        if annotated is None or frame.camera is None:
            before = None
            continue
        arrays = _arrays(frame, annotated)
        if before is not None:
            pair = {name: np.stack([before[1][name], arrays[name]]) for name in arrays}
            _write_npz(folder / f"{export.name}_{before[0]:06d}.npz", pair)
            num_written += 1
        before = (frame.index, arrays)
    if num_written == 0:
        raise DataError("There are no two neighbouring frames with an image, so no snippets.")
    return []


def read_snippets(folder: Path, index: ExportIndex) -> list[FrameTruth]:
    """Read the boxes of the first frame of every snippet, and of the last one's second."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise DataError(f"There are no snippets (*.npz) in {folder}.")
    truths = []
    for at, path in enumerate(files):
        first = int(path.stem.rpartition("_")[2])
        is_last = at + 1 == len(files) or not files[at + 1].stem.endswith(f"_{first + 1:06d}")
        with np.load(path, allow_pickle=False) as arrays:
            for frame in range(2 if is_last else 1):
                rows = list(_rows(dict(arrays), frame))
                truths.append(truth_of(index.stamp_ns(first + frame, path), rows))
    return truths


def _arrays(frame: SensorFrame, annotated: AnnotatedFrame) -> dict[str, np.ndarray]:
    camera = frame.camera
    assert camera is not None
    small = camera.camera.resized(_WIDTH_PX, _HEIGHT_PX)
    pix_T_rect = np.eye(4)
    pix_T_rect[:3, :3] = small.pix_T_cam
    kept = np.argsort(-annotated.scores, kind="stable")[:_NUM_OBJECTS]
    boxes = np.zeros((_NUM_OBJECTS, 9), np.float32)
    ids, valid = np.zeros(_NUM_OBJECTS, np.int32), np.zeros(_NUM_OBJECTS, np.float32)
    boxes[: len(kept)] = _to_boxlist(annotated.boxes_velo[kept], camera.cam_T_velo)
    ids[: len(kept)], valid[: len(kept)] = annotated.ids[kept], 1.0
    size = (_WIDTH_PX, _HEIGHT_PX)
    return {
        "rgb_camXs": cv2.resize(camera.image_rgb, size, interpolation=cv2.INTER_AREA),
        "xyz_veloXs": _padded(frame.cloud.points_velo),
        "cam_T_velos": camera.cam_T_velo.astype(np.float32),
        "rect_T_cams": np.eye(4, dtype=np.float32),
        "pix_T_rects": pix_T_rect.astype(np.float32),
        "boxlists": boxes,
        "tidlists": ids,
        "clslists": np.zeros(_NUM_OBJECTS, np.int32),
        "scorelists": valid,
    }


def _to_boxlist(
    boxes_velo: Float64[np.ndarray, "N 7"], rect_T_velo: Float64[np.ndarray, "4 4"]
) -> Float32[np.ndarray, "N 9"]:
    """Return centre, width, height, length and three turns in the camera."""
    rows = boxes_to_rect(boxes_velo, _calibration(rect_T_velo))
    height, width, length = rows[:, :3].T
    centres = rows[:, 3:6].copy()
    centres[:, 1] -= 0.5 * height
    turns = np.zeros((len(rows), 3))
    turns[:, 1] = wrap_angle_rad(rows[:, 6] + _QUARTER_RAD)
    return np.column_stack([centres, width, height, length, turns]).astype(np.float32)


def _rows(arrays: dict[str, np.ndarray], frame: int) -> Iterator[tuple[int, str, list[float]]]:
    calibration = _calibration(arrays["cam_T_velos"][frame].astype(np.float64))
    valid = np.flatnonzero(arrays["scorelists"][frame] > 0)
    boxes = arrays["boxlists"][frame][valid].astype(np.float64)
    x, y, z, width, height, length, _, turn, _ = boxes.T
    bottom = y + 0.5 * height
    rect = np.column_stack([height, width, length, x, bottom, z, turn - _QUARTER_RAD])
    for row, box in zip(valid, boxes_from_rect(rect, calibration), strict=True):
        yield int(arrays["tidlists"][frame][row]), "object", box.tolist()


def _calibration(rect_T_velo: Float64[np.ndarray, "4 4"]) -> KittiCalibration:
    return KittiCalibration(
        pix_T_cam=np.eye(3), cam_T_rect=np.eye(4), rect_T_velo=rect_T_velo, velo_T_imu=None
    )


def _padded(points_velo: Float32[np.ndarray, "P 3"]) -> Float32[np.ndarray, "Q 3"]:
    num = len(points_velo)
    if num > _NUM_POINTS:
        points_velo = points_velo[np.linspace(0, num - 1, _NUM_POINTS).astype(np.int64)]
    padded = np.zeros((_NUM_POINTS, 3), np.float32)
    padded[: len(points_velo)] = points_velo
    return padded


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write as `numpy.savez_compressed` does, but equal arrays as equal bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _ZIP_TIME)
            archive.writestr(entry, stream.getvalue(), zipfile.ZIP_DEFLATED, 1)


FORMAT: Final = Format(write_from_recording=write_snippets, read=read_snippets)
