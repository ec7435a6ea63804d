# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""KITTI calibration, from the three files of a raw day or the one file of the benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import rigid
from unsup_track_ros.shapes import Float64

_ONE_FILE = "calib.txt"
_CAMERAS_FILE = "calib_cam_to_cam.txt"
_VELO_FILE = "calib_velo_to_cam.txt"
_IMU_FILE = "calib_imu_to_velo.txt"
# The benchmarks spell the same entries differently.
_RECTIFICATION_NAMES = ("R0_rect", "R_rect", "R_rect_00")
_VELO_NAMES = ("Tr_velo_to_cam", "Tr_velo_cam")
_IMU_NAMES = ("Tr_imu_to_velo", "Tr_imu_velo")
_LEFT_COLOUR_NAMES = ("P2", "P_rect_02")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KittiCalibration:
    """Geometry of the KITTI car.

    Frame `rect` is the rectified reference camera 0, in which labels are given; `cam` is the left
    colour camera 2: the same axes, displaced so that its projection is a pure pinhole.

    Attributes:
        pix_T_cam: (3, 3) intrinsics of the rectified left colour camera.
        cam_T_rect: (4, 4) displacement of camera 2 from camera 0.
        rect_T_velo: (4, 4) moves LiDAR points to `rect`.
        velo_T_imu: (4, 4) moves points of the GPS/IMU unit to the LiDAR, None if not calibrated.
    """

    pix_T_cam: Float64[np.ndarray, "3 3"]
    cam_T_rect: Float64[np.ndarray, "4 4"]
    rect_T_velo: Float64[np.ndarray, "4 4"]
    velo_T_imu: Float64[np.ndarray, "4 4"] | None

    @property
    def cam_T_velo(self) -> Float64[np.ndarray, "4 4"]:
        """Motion of LiDAR points to the left colour camera."""
        cam_T_velo: Float64[np.ndarray, "4 4"] = self.cam_T_rect @ self.rect_T_velo
        return cam_T_velo


def read_calibration(folder: Path) -> KittiCalibration | None:
    """Read the calibration of a drive.

    Looks for `calib.txt`, then for the three raw files, in the folder and the one above it.

    Raises:
        DataError: There is a calibration, but an entry is missing or malformed.

    Returns:
        The calibration, None where there is none.
    """
    for place in (folder, folder.resolve().parent):
        if (place / _ONE_FILE).is_file():
            return read_benchmark_calibration(place / _ONE_FILE)
        if (place / _CAMERAS_FILE).is_file() and (place / _VELO_FILE).is_file():
            imu_file = place / _IMU_FILE
            return _calibration(
                _read_entries(place / _CAMERAS_FILE),
                _read_motion(place / _VELO_FILE),
                _read_motion(imu_file) if imu_file.is_file() else None,
                place / _CAMERAS_FILE,
            )
    return None


def read_benchmark_calibration(file: Path) -> KittiCalibration:
    """Read the one file that the object and tracking benchmarks have per frame or drive.

    Raises:
        DataError: There is no such file, or an entry is missing or malformed.
    """
    if not file.is_file():
        raise DataError(f"There is no calibration '{file}'; check the path.")
    entries = _read_entries(file)
    velo = _matrix(entries, _VELO_NAMES, (3, 4), file)
    has_imu = any(name in entries for name in _IMU_NAMES)
    imu = _matrix(entries, _IMU_NAMES, (3, 4), file) if has_imu else None
    return _calibration(entries, velo, imu, file)


def nominal_calibration() -> KittiCalibration:
    """Return the camera of KITTI's first day, LiDAR and camera taken to stand in one place.

    For detections that come without a calibration: the frames are then parallel, and only the
    projection of boxes into the image is a guess.
    """
    focal_px, centre_pix = 721.5377, (609.5593, 172.854)
    pix_T_cam = np.array([[focal_px, 0, centre_pix[0]], [0, focal_px, centre_pix[1]], [0, 0, 1]])
    rect_R_velo = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    return KittiCalibration(
        pix_T_cam=pix_T_cam,
        cam_T_rect=np.eye(4),
        rect_T_velo=rigid(rect_R_velo, np.zeros(3)),
        velo_T_imu=None,
    )


def _calibration(
    entries: dict[str, Float64[np.ndarray, " N"]],
    rect0_T_velo: Float64[np.ndarray, "3 4"],
    velo_T_imu: Float64[np.ndarray, "3 4"] | None,
    file: Path,
) -> KittiCalibration:
    projection = _matrix(entries, _LEFT_COLOUR_NAMES, (3, 4), file)
    rectification = _matrix(entries, _RECTIFICATION_NAMES, (3, 3), file)
    pix_T_cam = projection[:, :3]
    # P = K [I | t]: the fourth column moves points of camera 0 to camera 2.
    cam_T_rect = rigid(np.eye(3), np.linalg.solve(pix_T_cam, projection[:, 3]))
    rect_T_cam0 = rigid(rectification, np.zeros(3))
    cam0_T_velo = rigid(rect0_T_velo[:, :3], rect0_T_velo[:, 3])
    rect_T_velo = rect_T_cam0 @ cam0_T_velo
    return KittiCalibration(
        pix_T_cam=pix_T_cam,
        cam_T_rect=cam_T_rect,
        rect_T_velo=rect_T_velo,
        velo_T_imu=None if velo_T_imu is None else rigid(velo_T_imu[:, :3], velo_T_imu[:, 3]),
    )


def _read_motion(file: Path) -> Float64[np.ndarray, "3 4"]:
    """Read R and T of a raw calibration file."""
    entries = _read_entries(file)
    rotation = _matrix(entries, ("R",), (3, 3), file)
    translation = _matrix(entries, ("T",), (3, 1), file)
    return np.hstack([rotation, translation])


def _read_entries(file: Path) -> dict[str, Float64[np.ndarray, " N"]]:
    """Read the lines `NAME: numbers`; the colon is absent in the tracking benchmark."""
    entries: dict[str, Float64[np.ndarray, " N"]] = {}
    for line in file.read_text(encoding="ascii", errors="replace").splitlines():
        name, *values = line.replace(":", " ", 1).split()[:13] or [""]
        try:
            entries[name] = np.array([float(value) for value in values])
        except ValueError:
            continue  # calib_time and other text
    return entries


def _matrix(
    entries: dict[str, Float64[np.ndarray, " N"]],
    names: tuple[str, ...],
    shape: tuple[int, int],
    file: Path,
) -> Float64[np.ndarray, "R C"]:
    values = next((entries[name] for name in names if name in entries), None)
    if values is None or len(values) != shape[0] * shape[1]:
        found = "no such entry" if values is None else f"{len(values)} numbers"
        raise DataError(
            f"Calibration '{file}' needs {' or '.join(names)} with {shape[0] * shape[1]} numbers, "
            f"got {found}."
        )
    return values.reshape(shape)
