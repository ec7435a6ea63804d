# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The files of a KITTI drive folder: scans, images, GPS/IMU poses and the time of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from unsup_track_ros.data.kitti.calibration import KittiCalibration, read_calibration
from unsup_track_ros.data.kitti.scans import SCAN_SUFFIXES
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import rigid
from unsup_track_ros.shapes import Float64

_SCAN_FOLDERS = ("velodyne_points/data", "velodyne_points", "velodyne", "pcd")
_IMAGE_FOLDERS = ("image_02/data", "image_02", "image_2")
_POSE_FOLDERS = ("oxts/data", "oxts")
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
_NS_PER_S = 1_000_000_000
_PERIOD_NS = 100_000_000
# ROS reads stamp 0 as "not set", so that a recording without times cannot start there.
_START_NS = _NS_PER_S
_EARTH_RADIUS_M = 6378137.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorFiles:
    """Files of one sensor by number, and their stamps.

    Attributes:
        files: Path by file number.
        stamps_ns: Stamp by file number, for the same numbers.
        is_timed: Whether the stamps were recorded; otherwise they are 0.1 s apart.
    """

    files: dict[int, Path]
    stamps_ns: dict[int, int]
    is_timed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KittiDrive:
    """A drive folder.

    Attributes:
        folder: Where it lies.
        calibration: None where there is none.
        scans: LiDAR scans, at least one.
        images: Images of the left colour camera, possibly none.
        poses: GPS/IMU packets, possibly none.
        warnings: One sentence per thing that is missing.
    """

    folder: Path
    calibration: KittiCalibration | None
    scans: SensorFiles
    images: SensorFiles
    poses: SensorFiles
    warnings: tuple[str, ...]


def open_drive(folder: Path) -> KittiDrive:
    """Find the files of a drive.

    Raises:
        DataError: There is no such folder, it holds no scans, or images without a calibration.
    """
    if not folder.is_dir():
        raise DataError(f"There is no drive folder '{folder}'; check the path.")
    scans = _sensor(folder, _SCAN_FOLDERS, SCAN_SUFFIXES)
    if not scans.files:
        raise DataError(
            f"'{folder}' is not a KITTI drive: there are no .bin or .pcd scans in any of "
            f"{', '.join(_SCAN_FOLDERS)}."
        )
    images = _sensor(folder, _IMAGE_FOLDERS, _IMAGE_SUFFIXES)
    poses = _sensor(folder, _POSE_FOLDERS, (".txt",))
    calibration = read_calibration(folder)
    if images.files and calibration is None:
        raise DataError(
            f"The images of '{folder}' cannot be used: there is neither a calib.txt nor "
            "calib_cam_to_cam.txt and calib_velo_to_cam.txt in the folder or above it."
        )
    sensors = (scans, images, poses)
    if not all(sensor.is_timed for sensor in sensors if sensor.files):
        # Recorded and assumed times have no common origin.
        scans, images, poses = (_untimed(sensor.files) for sensor in sensors)
    return KittiDrive(
        folder=folder,
        calibration=calibration,
        scans=scans,
        images=images,
        poses=poses,
        warnings=_warnings(scans, images, poses, calibration),
    )


def read_oxts_poses(drive: KittiDrive) -> dict[int, Float64[np.ndarray, "4 4"]]:
    """Return world_T_imu by file number, see `poses_of_packets`.

    Raises:
        DataError: A packet is malformed.
    """
    files = drive.poses.files
    return poses_of_packets(
        {number: read_packet(file.read_bytes(), str(file)) for number, file in files.items()}
    )


def poses_of_packets(
    packets: Mapping[int, Float64[np.ndarray, " 6"]],
) -> dict[int, Float64[np.ndarray, "4 4"]]:
    """Return world_T_imu by packet number: Mercator east, north and altitude of the GPS/IMU unit.

    As the KITTI development kit: the Mercator scale is that of the first latitude; the rotation is
    yaw about z, then pitch about y, then roll about x.
    """
    if not packets:
        return {}
    first_latitude = packets[min(packets)][0]
    scale = float(np.cos(np.deg2rad(first_latitude)))
    return {number: _world_T_imu(packet, scale) for number, packet in packets.items()}


def _world_T_imu(packet: Float64[np.ndarray, " 6"], scale: float) -> Float64[np.ndarray, "4 4"]:
    latitude, longitude, altitude_m, roll, pitch, yaw = packet
    east_m = scale * _EARTH_RADIUS_M * np.deg2rad(longitude)
    north_m = scale * _EARTH_RADIUS_M * np.log(np.tan(np.deg2rad(90 + latitude) / 2))
    cr, sr, cp, sp, cy, sy = (f(a) for a in (roll, pitch, yaw) for f in (np.cos, np.sin))
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return rigid(about_z @ about_y @ about_x, np.array([east_m, north_m, altitude_m]))


def read_packet(text: bytes, name: str) -> Float64[np.ndarray, " 6"]:
    """Read latitude, longitude (deg), altitude (m), roll, pitch, yaw (rad) of one packet.

    Args:
        text: A file of a raw drive, or a line of the tracking benchmark.
        name: What to call it when it is malformed.

    Raises:
        DataError: It does not begin with six finite numbers.
    """
    try:
        values = np.array([float(word) for word in text.decode("ascii").split()[:6]])
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"GPS/IMU packet '{name}' is malformed: {error}.") from error
    if len(values) != 6 or not np.isfinite(values).all():
        raise DataError(f"GPS/IMU packet '{name}' must begin with 6 numbers, got {len(values)}.")
    return values


def _sensor(folder: Path, places: tuple[str, ...], suffixes: tuple[str, ...]) -> SensorFiles:
    for place in places:
        if not (folder / place).is_dir():
            continue
        found = [file for file in (folder / place).iterdir() if file.suffix in suffixes]
        files = {int(file.stem): file for file in found if file.stem.isdecimal()}
        if files:
            ordered = {number: files[number] for number in sorted(files)}
            return _timed(ordered, folder / place)
    return SensorFiles(files={}, stamps_ns={}, is_timed=False)


def _timed(files: dict[int, Path], place: Path) -> SensorFiles:
    """Read `timestamps.txt`, one line per number (empty where a file is missing) or per file."""
    candidates = (place.parent / "timestamps.txt", place / "timestamps.txt")
    file = next((candidate for candidate in candidates if candidate.is_file()), None)
    if file is None:
        return _untimed(files)
    lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines()]
    if len(lines) > max(files):
        stamps = {number: lines[number] for number in files}
    elif len(lines) == len(files):
        stamps = dict(zip(files, lines, strict=True))
    else:
        raise DataError(f"'{file}' has {len(lines)} lines for {len(files)} files; they must agree.")
    stamps_ns = {number: _stamp_ns(text, file) for number, text in stamps.items()}
    return SensorFiles(files=files, stamps_ns=stamps_ns, is_timed=True)


def _untimed(files: dict[int, Path]) -> SensorFiles:
    stamps_ns = {number: _START_NS + number * _PERIOD_NS for number in files}
    return SensorFiles(files=files, stamps_ns=stamps_ns, is_timed=False)


def _stamp_ns(text: str, file: Path) -> int:
    """Parse `2011-09-26 13:02:25.964389445`, to the nanosecond."""
    seconds_text, _, fraction = text.partition(".")
    try:
        moment = datetime.strptime(seconds_text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
        return int(moment.timestamp()) * _NS_PER_S + int(fraction.ljust(9, "0")[:9])
    except ValueError as error:
        raise DataError(f"'{file}' has a line that is no time: '{text}'.") from error


def _warnings(
    scans: SensorFiles,
    images: SensorFiles,
    poses: SensorFiles,
    calibration: KittiCalibration | None,
) -> tuple[str, ...]:
    notes = []
    if not scans.is_timed:
        notes.append("There are no complete timestamps: 10 Hz are assumed, starting at 1 s.")
    if not images.files:
        notes.append("There are no images of the left colour camera: the recording is LiDAR only.")
    if not poses.files:
        notes.append("There are no GPS/IMU poses (oxts): the recording has no odom frame.")
    if calibration is None:
        notes.append("There is no calibration: the LiDAR is mounted level at KITTI's height.")
    return tuple(notes)
