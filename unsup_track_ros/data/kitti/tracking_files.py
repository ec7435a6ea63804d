# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files of the KITTI tracking benchmark: detections in, tracked boxes in and out, poses.

Detections are rows of `frame,type,left,top,right,bottom,score,h,w,l,x,y,z,ry,alpha`, as trackers of
the benchmark exchange them; labels and results are rows of `frame id type truncated occluded alpha
left top right bottom h w l x y z ry [score]`. Boxes stand with their bottom centre in `rect`, the
rectified camera frame.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from unsup_track_ros.data.kitti.calibration import KittiCalibration, nominal_calibration
from unsup_track_ros.data.kitti.drive import poses_of_packets, read_packet
from unsup_track_ros.data.kitti.labels import boxes_from_rect, boxes_to_rect
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry import se3
from unsup_track_ros.shapes import Float64, Int64
from unsup_track_ros.structures.tracked_boxes import TrackedBoxes

CLASS_NAMES: Final = {1: "Pedestrian", 2: "Car", 3: "Cyclist"}
_NUM_DETECTION_COLUMNS = 15
_NUM_LABEL_COLUMNS = 17
_NOT_GIVEN = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KittiDetections:
    """K detections of one class in one sequence.

    Attributes:
        frames: (K,) number of the frame, ascending.
        boxes_pix: (K, 4) left, top, right, bottom in the image.
        scores: (K,) as the detector gives them: probabilities or logits.
        boxes_rect: (K, 7) h, w, l, x, y, z (bottom centre in rect), ry.
    """

    frames: Int64[np.ndarray, " K"]
    boxes_pix: Float64[np.ndarray, "K 4"]
    scores: Float64[np.ndarray, " K"]
    boxes_rect: Float64[np.ndarray, "K 7"]

    def __len__(self) -> int:
        return len(self.frames)


def detection_files(source: Path) -> dict[str, list[Path]]:
    """Return the files of detections by sequence name: a file, a folder, or a folder of folders.

    Folders inside the folder hold one class each; files of the same name are one sequence.

    Raises:
        DataError: There are none.
    """
    if source.is_file():
        return {source.stem: [source]}
    files = sorted({*source.glob("*.txt"), *source.glob("*/*.txt")}) if source.is_dir() else []
    if not files:
        raise DataError(
            f"There are no detections in '{source}': expected a file such as 0002.txt, a folder of "
            "them, or a folder with one such folder per class."
        )
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(file.stem, []).append(file)
    return dict(sorted(by_name.items()))


def read_detections(files: list[Path]) -> dict[str, KittiDetections]:
    """Read the detections of one sequence, by class name.

    Raises:
        DataError: A file is malformed or holds a class that has no name.
    """
    tables = [_read_numbers(file, ",", _NUM_DETECTION_COLUMNS) for file in files]
    rows = np.concatenate([np.zeros((0, _NUM_DETECTION_COLUMNS)), *tables])
    unknown = sorted(set(rows[:, 1].tolist()) - set(CLASS_NAMES))
    if unknown:
        raise DataError(
            f"Detections of '{files[0].stem}' must be of type "
            f"{', '.join(f'{key} ({name})' for key, name in CLASS_NAMES.items())}, got {unknown}."
        )
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    return {
        name: KittiDetections(
            frames=part[:, 0].astype(np.int64),
            boxes_pix=part[:, 2:6],
            scores=part[:, 6],
            boxes_rect=part[:, 7:14],
        )
        for key, name in CLASS_NAMES.items()
        if len(part := rows[rows[:, 1] == key])
    }


def read_sequence_poses(
    oxts_file: Path, calibration: KittiCalibration
) -> dict[int, Float64[np.ndarray, "4 4"]]:
    """Read the pose of the LiDAR in odom by frame, from the one GPS/IMU file of a sequence.

    The z axis of odom points up (REP 105); it has the place and the heading of the first packet.

    Raises:
        DataError: There is no such file, a packet is malformed, or the unit is not calibrated.
    """
    if not oxts_file.is_file():
        raise DataError(f"There are no GPS/IMU packets '{oxts_file}'; check the path.")
    if calibration.velo_T_imu is None:
        raise DataError(
            f"The poses in '{oxts_file}' are those of the GPS/IMU unit, whose place on the vehicle "
            "is not known. Pass --calib with files that hold Tr_imu_velo."
        )
    lines = [line for line in oxts_file.read_bytes().splitlines() if line.strip()]
    world_T_imu = poses_of_packets(
        {n: read_packet(line, f"{oxts_file}, line {n + 1}") for n, line in enumerate(lines)}
    )
    if not world_T_imu:
        raise DataError(f"The GPS/IMU file '{oxts_file}' is empty.")
    first = world_T_imu[0]
    odom_T_world = se3.inverse(se3.rigid(se3.rotation_about_z(se3.yaw_rad(first)), first[:3, 3]))
    imu_T_velo = se3.inverse(calibration.velo_T_imu)
    poses = {}
    for number in world_T_imu:
        poses[number] = odom_T_world @ world_T_imu[number] @ imu_T_velo
    return poses


def read_tracked_boxes(file: Path) -> TrackedBoxes:
    """Read labels (17 columns) or results (18 columns, the last one the score).

    Raises:
        DataError: There is no such file or it is malformed.
    """
    if not file.is_file():
        raise DataError(f"There is no file of tracked boxes '{file}'; check the path.")
    words = [line.split() for line in file.read_text(encoding="ascii").splitlines() if line.strip()]
    try:
        values = np.array(
            [[*row[:2], *row[3:_NUM_LABEL_COLUMNS], *(row[17:18] or ["0"])] for row in words], float
        ).reshape(-1, _NUM_LABEL_COLUMNS)
    except ValueError as error:
        raise DataError(
            f"Every line of '{file}' must have 17 or 18 columns, numbers but for the type: {error}."
        ) from error
    names = np.array([row[2] for row in words], np.str_)
    order = np.argsort(values[:, 0], kind="stable")
    values, names = values[order], names[order]
    boxes = boxes_from_rect(values[:, 9:16], nominal_calibration())
    boxes[names == "DontCare"] = np.nan
    return TrackedBoxes(
        frames=values[:, 0].astype(np.int64),
        ids=values[:, 1].astype(np.int64),
        classes=names,
        boxes=boxes,
        boxes_pix=values[:, 5:9],
        scores=values[:, 16],
        truncation=values[:, 2],
        occlusion=values[:, 3].astype(np.int64),
    )


def write_tracked_boxes(file: Path, tracked: TrackedBoxes, calibration: KittiCalibration) -> None:
    """Write results of one sequence, boxes given in velo; the file appears whole or not at all."""
    rows = boxes_to_rect(tracked.boxes, calibration)
    # The angle under which an object is seen: its turn less the direction of the ray to it.
    alpha = se3.wrap_angle_rad(rows[:, 6] - np.arctan2(rows[:, 3], rows[:, 5]))
    lines = [
        f"{frame} {identity} {name} {_NOT_GIVEN} {_NOT_GIVEN} {angle:.4f} "
        + " ".join(f"{value:.4f}" for value in (*pix, *row, score))
        for frame, identity, name, angle, pix, row, score in zip(
            tracked.frames,
            tracked.ids,
            tracked.classes,
            alpha,
            tracked.boxes_pix,
            rows,
            tracked.scores,
            strict=True,
        )
    ]
    temporary = file.with_name(f".{file.name}.part")
    temporary.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    os.replace(temporary, file)  # noqa: PTH105 - Path.replace is the same call, this one is the idiom


def _read_numbers(file: Path, delimiter: str, columns: int) -> Float64[np.ndarray, "K C"]:
    try:
        lines = [x for x in file.read_text(encoding="ascii").splitlines() if x.strip()]
        rows = np.array([[float(word) for word in line.split(delimiter)] for line in lines])
    except ValueError as error:
        raise DataError(f"Detections '{file}' are malformed: {error}.") from error
    if not lines:
        return np.zeros((0, columns))
    if rows.shape[1] != columns or not np.isfinite(rows).all():
        raise DataError(
            f"Every line of '{file}' must hold {columns} finite numbers: frame,type,left,top,right,"
            f"bottom,score,h,w,l,x,y,z,ry,alpha; got {rows.shape[1]} columns."
        )
    return rows
