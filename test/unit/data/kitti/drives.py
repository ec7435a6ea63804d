# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small KITTI drives with the files of a real one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

# A LiDAR that looks along x; a camera 0 that looks the same way, 10 cm below and 30 cm ahead;
# camera 2 sits 6 cm to its left; the GPS/IMU unit is 0.8 m behind and below the LiDAR.
VELO_TO_CAM = "0 -1 0 0  0 0 -1 -0.1  1 0 0 -0.3"
CALIB_TXT = f"""P0: 100 0 8 0 0 100 6 0 0 0 1 0
P2: 100 0 8 6 0 100 6 0 0 0 1 0
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: {VELO_TO_CAM}
Tr_imu_to_velo: 1 0 0 -0.8 0 1 0 0.3 0 0 1 -0.8
"""
RAW_CALIBRATION = {
    "calib_cam_to_cam.txt": (
        "calib_time: 09-Jan-2012 13:57:47\nR_rect_00: 1 0 0 0 1 0 0 0 1\n"
        "P_rect_02: 100 0 8 6 0 100 6 0 0 0 1 0\n"
    ),
    "calib_velo_to_cam.txt": "R: 0 -1 0 0 0 -1 1 0 0\nT: 0 -0.1 -0.3\ndelta_f: 0 0\n",
    "calib_imu_to_velo.txt": "R: 1 0 0 0 1 0 0 0 1\nT: -0.8 0.3 -0.8\n",
}
LATITUDE_DEG, LONGITUDE_DEG = 49.0, 8.4


def points_of(number: int) -> np.ndarray:
    """Return 20 points with reflectance that differ from scan to scan."""
    return np.random.default_rng(number).normal(size=(20, 4)).astype(np.float32)


def write_drive(
    folder: Path, *, scans: int = 3, images: bool = True, poses: bool = True, timed: bool = True
) -> Path:
    """Write a drive that goes 1 m east per frame, with an object-style calibration."""
    (folder / "velodyne_points" / "data").mkdir(parents=True)
    (folder / "calib.txt").write_text(CALIB_TXT)
    for number in range(scans):
        file = folder / "velodyne_points" / "data" / f"{number:010d}.bin"
        file.write_bytes(points_of(number).tobytes())
    names = ["velodyne_points"]
    if images:
        (folder / "image_02" / "data").mkdir(parents=True)
        names.append("image_02")
        for number in range(scans):
            image_bgr = np.full((12, 16, 3), (number, 50, 100), np.uint8)
            cv2.imwrite(str(folder / "image_02" / "data" / f"{number:010d}.png"), image_bgr)
    if poses:
        (folder / "oxts" / "data").mkdir(parents=True)
        names.append("oxts")
        metre_deg = float(np.rad2deg(1 / (6378137.0 * np.cos(np.deg2rad(LATITUDE_DEG)))))
        for number in range(scans):
            packet = [LATITUDE_DEG, LONGITUDE_DEG + number * metre_deg, 110, 0.02, 0.01, 0.0]
            text = " ".join(f"{value:.14f}" for value in [*packet, *[0.0] * 24])
            (folder / "oxts" / "data" / f"{number:010d}.txt").write_text(text)
    for name in names if timed else []:
        lines = [f"2011-09-26 13:02:25.{number}00000001" for number in range(scans)]
        (folder / name / "timestamps.txt").write_text("\n".join(lines) + "\n")
    return folder
