# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Human boxes of the KITTI object benchmark (`label_2`), for scoring only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unsup_track_ros.data.kitti.calibration import KittiCalibration
from unsup_track_ros.data.kitti.drive import open_drive
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import inverse, transform, wrap_angle_rad
from unsup_track_ros.shapes import Float64
from unsup_track_ros.structures.truth import FrameTruth

_NUM_COLUMNS = 15
_FIRST_3D_COLUMN = 8
_IGNORED_CLASS = "DontCare"


def read_drive_labels(drive_dir: Path) -> list[FrameTruth]:
    """Read the labels of a drive, with the stamps that `convert_drive` gives its scans.

    Raises:
        DataError: The drive has no `label_2` or no calibration, or a label is malformed.
    """
    drive = open_drive(Path(drive_dir))
    if drive.calibration is None:
        raise DataError(f"The labels of '{drive_dir}' need a calibration; there is none.")
    return read_kitti_labels(drive.folder / "label_2", drive.calibration, drive.scans.stamps_ns)


def read_kitti_labels(
    label_dir: Path, calibration: KittiCalibration, stamps_ns: Mapping[int, int]
) -> list[FrameTruth]:
    """Read one file of boxes per labelled frame.

    KITTI gives height, width, length, the bottom centre in the rectified camera frame (x right, y
    down, z forward) and the turn `ry` about its y axis; here boxes have their geometric centre and
    a yaw about z in the LiDAR frame. Regions marked DontCare have no box and are left out.

    Args:
        label_dir: Folder of the files, named by frame number.
        calibration: Calibration of the drive.
        stamps_ns: Stamp of the scan by number.

    Raises:
        DataError: There are no labels, one is malformed, or it belongs to no scan.
    """
    files = sorted(Path(label_dir).glob("*.txt")) if Path(label_dir).is_dir() else []
    if not files:
        raise DataError(f"There are no label files in '{label_dir}'.")
    truths = []
    for file in files:
        if not file.stem.isdecimal() or int(file.stem) not in stamps_ns:
            raise DataError(f"Label file '{file}' belongs to no scan; its name must be a number.")
        classes, boxes_velo = _read_boxes(file, calibration)
        truths.append(
            FrameTruth(
                stamp_ns=stamps_ns[int(file.stem)],
                ids=np.full(len(classes), -1, np.int64),
                classes=classes,
                boxes_velo=boxes_velo,
            )
        )
    return truths


def _read_boxes(
    file: Path, calibration: KittiCalibration
) -> tuple[tuple[str, ...], Float64[np.ndarray, "N 7"]]:
    classes: list[str] = []
    rows: list[list[float]] = []
    for number, line in enumerate(file.read_text(encoding="ascii").splitlines(), start=1):
        words = line.split()
        if not words or words[0] == _IGNORED_CLASS:
            continue
        try:
            rows.append([float(word) for word in words[_FIRST_3D_COLUMN:_NUM_COLUMNS]])
        except ValueError as error:
            raise DataError(f"Line {number} of label file '{file}': {error}.") from error
        if len(words) < _NUM_COLUMNS:
            raise DataError(
                f"Line {number} of label file '{file}' must have {_NUM_COLUMNS} columns, "
                f"got {len(words)}."
            )
        classes.append(words[0])
    labels = np.array(rows, np.float64).reshape(-1, _NUM_COLUMNS - _FIRST_3D_COLUMN)
    return tuple(classes), boxes_from_rect(labels, calibration)


def boxes_from_rect(
    labels: Float64[np.ndarray, "N 7"], calibration: KittiCalibration
) -> Float64[np.ndarray, "N 7"]:
    """Convert rows of h, w, l, x, y, z (bottom centre in rect), ry to boxes in velo."""
    height, width, length = labels[:, 0], labels[:, 1], labels[:, 2]
    centres_rect = labels[:, 3:6].copy()
    centres_rect[:, 1] -= 0.5 * height  # y points down
    velo_T_rect = inverse(calibration.rect_T_velo)
    centres_velo = transform(velo_T_rect, centres_rect)
    turn = labels[:, 6]
    headings_rect = np.stack([np.cos(turn), np.zeros(len(turn)), -np.sin(turn)], axis=1)
    headings_velo = headings_rect @ velo_T_rect[:3, :3].T
    yaw = wrap_angle_rad(np.arctan2(headings_velo[:, 1], headings_velo[:, 0]))
    return np.column_stack([centres_velo, length, width, height, yaw])


def boxes_to_rect(
    boxes_velo: Float64[np.ndarray, "N 7"], calibration: KittiCalibration
) -> Float64[np.ndarray, "N 7"]:
    """Convert boxes in velo to rows of h, w, l, x, y, z (bottom centre in rect), ry.

    The exact inverse of `boxes_from_rect`, also where the camera is not level: the turn is the one
    whose heading, seen from above the LiDAR, is that of the box.
    """
    velo_T_rect = inverse(calibration.rect_T_velo)
    bottoms_rect = transform(calibration.rect_T_velo, boxes_velo[:, :3])
    bottoms_rect[:, 1] += 0.5 * boxes_velo[:, 5]  # y points down
    headings = np.stack([np.cos(boxes_velo[:, 6]), np.sin(boxes_velo[:, 6])])
    # A heading (a, 0, b) in rect is seen from above as a and b times these two columns.
    along_x, along_z = np.linalg.solve(velo_T_rect[:2, [0, 2]], headings)
    turn = np.arctan2(-along_z, along_x)
    length, width, height = boxes_velo[:, 3:6].T
    return np.column_stack([height, width, length, bottoms_rect, turn])
