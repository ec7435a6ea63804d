# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""KITTI: files of the object and of the tracking benchmark, and the tracklets of raw drives.

    object/label_2/000000.txt, object/calib/000000.txt, object/velodyne/000000.bin, object/image_2/
    tracking/label_02/0000.txt, tracking/calib/0000.txt
    raw/tracklet_labels.xml (`kitti_tracklets`), the format that CVAT and others import

Numbers have four decimals (0.1 mm). Boxes lie in the rectified camera; without a camera one is made
up that looks ahead from the LiDAR. Truncation and occlusion are -1 (not known), and so is the
rectangle in the image of an object that the camera does not see.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from unsup_track_ros.data.kitti.calibration import KittiCalibration, read_benchmark_calibration
from unsup_track_ros.data.kitti.labels import boxes_from_rect, boxes_to_rect
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import wrap_angle_rad
from unsup_track_ros.labeling.exporters.annotations import AnnotatedFrame
from unsup_track_ros.labeling.exporters.contract import Export, ExportIndex, Format, truth_of
from unsup_track_ros.labeling.exporters.kitti_tracklets import write_tracklets
from unsup_track_ros.structures.truth import FrameTruth

# Axes of a camera that looks along x of the LiDAR: x right, y down, z forward.
_AHEAD_T_VELO: Final = np.array(
    [[0.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
_OBJECT_COLUMNS: Final = 16
_TRACKING_COLUMNS: Final = 18
_FIRST_3D: Final = 8  # of a line of the object benchmark; two later in the tracking benchmark


def write_kitti(folder: Path, export: Export) -> list[str]:
    """Write all three; see the module."""
    labels, calibrations = folder / "object" / "label_2", folder / "object" / "calib"
    tracking = folder / "tracking"
    for made in (labels, calibrations, tracking / "label_02", tracking / "calib"):
        made.mkdir(parents=True)
    # A drive of the tracking benchmark has one calibration.
    whole_drive = _calibration(export.frames[0])
    lines: list[str] = []
    for number, frame in enumerate(export.frames):
        calibration = _calibration(frame)
        rows = _rows(frame, calibration, export.class_name)
        (labels / f"{frame.index:06d}.txt").write_text("".join(f"{row}\n" for row in rows))
        (calibrations / f"{frame.index:06d}.txt").write_text(_calibration_text(calibration))
        tracked = _rows(frame, whole_drive, export.class_name)
        lines += [
            f"{number} {track_id} {row}\n"
            for track_id, row in zip(frame.ids.tolist(), tracked, strict=True)
        ]
    (tracking / "label_02" / "0000.txt").write_text("".join(lines))
    (tracking / "calib" / "0000.txt").write_text(_calibration_text(whole_drive))
    write_tracklets(folder / "raw" / "tracklet_labels.xml", export)
    return _notes(export)


def read_kitti(folder: Path, index: ExportIndex) -> list[FrameTruth]:
    """Read the tracking labels: boxes with ids, as edited in any tool that writes this format."""
    path = folder / "tracking" / "label_02" / "0000.txt"
    calibration = read_benchmark_calibration(folder / "tracking" / "calib" / "0000.txt")
    frames: list[list[tuple[int, str, list[float]]]] = [[] for _ in index.stamps_ns]
    for number, words in _lines(path, _TRACKING_COLUMNS - 1):
        try:
            frame, track_id = int(words[0]), int(words[1])
            box_velo = _box(words[_FIRST_3D + 2 :], calibration)
        except ValueError as error:
            raise DataError(f"Line {number} of {path} cannot be read: {error}.") from error
        if not 0 <= frame < len(frames):
            raise DataError(f"Line {number} of {path} speaks of frame {frame}, which is not there.")
        frames[frame].append((track_id, words[2], box_velo))
    return [truth_of(ns, rows) for ns, rows in zip(index.stamps_ns.values(), frames, strict=True)]


def read_kitti_objects(folder: Path, index: ExportIndex) -> list[FrameTruth]:
    """Read the object labels, which have no ids."""
    truths = []
    for path in sorted((folder / "object" / "label_2").glob("*.txt")):
        calibration = read_benchmark_calibration(folder / "object" / "calib" / path.name)
        rows = [
            (-1, words[0], _box(words[_FIRST_3D:], calibration))
            for _, words in _lines(path, _OBJECT_COLUMNS - 1)
        ]
        truths.append(truth_of(index.stamp_ns(int(path.stem), path), rows))
    return truths


def _calibration(frame: AnnotatedFrame) -> KittiCalibration:
    rect_T_cam = np.eye(4)  # images in labels are rectified
    if frame.camera is None or frame.cam_T_velo is None:
        pix_T_cam, rect_T_velo = np.eye(3), _AHEAD_T_VELO
    else:
        pix_T_cam, rect_T_velo = frame.camera.pix_T_cam, rect_T_cam @ frame.cam_T_velo
    return KittiCalibration(
        pix_T_cam=pix_T_cam, cam_T_rect=np.eye(4), rect_T_velo=rect_T_velo, velo_T_imu=None
    )


def _calibration_text(calibration: KittiCalibration) -> str:
    projection = np.hstack([calibration.pix_T_cam, np.zeros((3, 1))])
    entries = {f"P{camera}": projection for camera in range(4)}
    entries |= {"R0_rect": np.eye(3), "Tr_velo_to_cam": calibration.rect_T_velo[:3]}
    entries["Tr_imu_to_velo"] = np.eye(4)[:3]
    return "".join(
        f"{name}: {' '.join(f'{value:.12e}' for value in matrix.ravel())}\n"
        for name, matrix in entries.items()
    )


def _rows(frame: AnnotatedFrame, calibration: KittiCalibration, class_name: str) -> list[str]:
    """Return type, truncated, occluded, alpha, rectangle, h w l, x y z, ry and score per object."""
    boxes_rect = boxes_to_rect(frame.boxes_velo, calibration)
    bearing = np.arctan2(boxes_rect[:, 3], boxes_rect[:, 5])
    alpha = wrap_angle_rad(boxes_rect[:, 6] - bearing)
    rectangles = np.where(frame.in_image[:, None], frame.boxes_pix, -1.0)
    numbers = np.column_stack([alpha, rectangles, boxes_rect, frame.scores])
    name = class_name.replace(" ", "_")
    return [f"{name} -1 -1 {' '.join(f'{value:.4f}' for value in row)}" for row in numbers]


def _lines(path: Path, least: int) -> list[tuple[int, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Export again.") from error
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words and len(words) < least:
            raise DataError(f"Line {number} of {path} must have {least} columns, got {len(words)}.")
        if words:
            found.append((number, words))
    return found


def _box(words: list[str], calibration: KittiCalibration) -> list[float]:
    row = np.array([[float(word) for word in words[:7]]])
    return [float(value) for value in boxes_from_rect(row, calibration)[0]]


def _notes(export: Export) -> list[str]:
    if all(frame.camera is not None for frame in export.frames):
        return []
    return [
        "There are frames without a camera: their boxes lie in a camera that was made up, looking "
        "ahead from the LiDAR."
    ]


FORMAT: Final = Format(
    write=write_kitti,
    read=read_kitti,
    scan=lambda _, index: f"object/velodyne/{index:06d}.bin",
    image=lambda _, index: f"object/image_2/{index:06d}.png",
)
