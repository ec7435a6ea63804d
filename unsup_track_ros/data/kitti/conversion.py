# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A KITTI drive to a rosbag2 recording (`unsup-track kitti2bag`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.kitti.drive import KittiDrive, open_drive, read_oxts_poses
from unsup_track_ros.data.kitti.scans import read_scan
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import inverse, rigid, rotation_about_z, yaw_rad
from unsup_track_ros.shapes import Float64, UInt8
from unsup_track_ros.structures.calibration import PinholeCamera

POINTS_TOPIC = "/kitti/velo/pointcloud"
IMAGE_TOPIC = "/kitti/camera_color_left/image_rect"
CAMERA_INFO_TOPIC = "/kitti/camera_color_left/camera_info"
VELO_FRAME = "velo_link"
CAMERA_FRAME = "camera_color_left"
IMU_FRAME = "imu_link"
BASE_FRAME = "base_link"
ODOM_FRAME = "odom"

# Sensor setup of the KITTI car (Geiger et al., IJRR 2013, figure 3): height of the LiDAR over
# ground, and place of the GPS/IMU unit seen from the LiDAR for drives without that calibration.
LIDAR_HEIGHT_M = 1.73
_NOMINAL_IMU_IN_VELO_M = (-0.81, 0.32, -0.80)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionSummary:
    """What was written.

    Attributes:
        num_scans: LiDAR scans.
        num_images: Images.
        num_poses: Poses of the vehicle in odom.
        duration_s: Time from the first to the last scan.
        warnings: One sentence per thing that the drive lacks.
    """

    num_scans: int
    num_images: int
    num_poses: int
    duration_s: float
    warnings: tuple[str, ...]


def convert_drive(
    drive_dir: Path,
    out: Path,
    *,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ConversionSummary:
    """Write a drive as a ROS 2 recording.

    Frames: `base_link` lies on the ground below the GPS/IMU unit, parallel to it; `velo_link`,
    `imu_link` and `camera_color_left` (optical, rectified) hang on it; `odom` is z-up and coincides
    with the first `base_link` in place and heading. The displacement of the colour camera (fourth
    column of P2) and the rectifying rotation are part of the static transform, so that the camera
    is a pure pinhole. Scans of raw drives are motion-compensated already and carry no point times.

    Args:
        drive_dir: Folder of the drive.
        out: Recording to write, a file `*.mcap` or a rosbag2 folder.
        overwrite: Replace an existing recording.
        progress: Called with the number of messages written so far and in total.

    Raises:
        DataError: The drive cannot be read or the recording not be written; nothing is left then.
    """
    drive = open_drive(Path(drive_dir))
    odom_T_base = _odom_T_base_by_number(drive)
    events = sorted(
        [
            *((drive.poses.stamps_ns[number], 0, number) for number in odom_T_base),
            *((stamp_ns, 1, number) for number, stamp_ns in drive.images.stamps_ns.items()),
            *((stamp_ns, 2, number) for number, stamp_ns in drive.scans.stamps_ns.items()),
        ]
    )
    with BagWriter(Path(out), overwrite=overwrite) as writer:
        for parent, child, parent_T_child in _mounting(drive):
            writer.write_transform(parent, child, events[0][0], parent_T_child, static=True)
        for done, (stamp_ns, kind, number) in enumerate(events, start=1):
            if kind == 0:
                writer.write_transform(ODOM_FRAME, BASE_FRAME, stamp_ns, odom_T_base[number])
            elif kind == 1:
                _write_image(writer, drive, number, stamp_ns)
            else:
                scan = read_scan(drive.scans.files[number])
                writer.write_cloud(POINTS_TOPIC, VELO_FRAME, stamp_ns, scan)
            if progress is not None:
                progress(done, len(events))
    stamps_ns = drive.scans.stamps_ns.values()
    return ConversionSummary(
        num_scans=len(drive.scans.files),
        num_images=len(drive.images.files),
        num_poses=len(odom_T_base),
        duration_s=(max(stamps_ns) - min(stamps_ns)) / 1e9,
        warnings=drive.warnings,
    )


def _imu_T_velo(drive: KittiDrive) -> Float64[np.ndarray, "4 4"]:
    calibration = drive.calibration
    if calibration is not None and calibration.velo_T_imu is not None:
        velo_T_imu = calibration.velo_T_imu
    else:
        velo_T_imu = rigid(np.eye(3), np.array(_NOMINAL_IMU_IN_VELO_M))
    return inverse(velo_T_imu)


def _base_T_imu(drive: KittiDrive) -> Float64[np.ndarray, "4 4"]:
    """Put the base on the ground below the unit: the LiDAR is then at its known height."""
    height_m = LIDAR_HEIGHT_M - _imu_T_velo(drive)[2, 3]
    return rigid(np.eye(3), np.array([0.0, 0.0, height_m]))


def _mounting(drive: KittiDrive) -> Iterator[tuple[str, str, Float64[np.ndarray, "4 4"]]]:
    """Yield the static transforms: parent, child, parent_T_child."""
    base_T_imu = _base_T_imu(drive)
    imu_T_velo = _imu_T_velo(drive)
    base_T_velo = base_T_imu @ imu_T_velo
    yield BASE_FRAME, IMU_FRAME, base_T_imu
    yield BASE_FRAME, VELO_FRAME, base_T_velo
    if drive.calibration is not None:
        velo_T_cam = inverse(drive.calibration.cam_T_velo)
        yield VELO_FRAME, CAMERA_FRAME, velo_T_cam


def _odom_T_base_by_number(drive: KittiDrive) -> dict[int, Float64[np.ndarray, "4 4"]]:
    """Return poses of the base by packet number, relative to place and heading of the first."""
    world_T_imu = read_oxts_poses(drive)
    if not world_T_imu:
        return {}
    imu_T_base = inverse(_base_T_imu(drive))
    world_T_base0 = world_T_imu[min(world_T_imu)] @ imu_T_base
    # Roll and pitch of the first pose stay out: odom is z-up (REP 105), not parallel to the car.
    world_T_odom = rigid(rotation_about_z(yaw_rad(world_T_base0)), world_T_base0[:3, 3])
    odom_T_world = inverse(world_T_odom)
    odom_T_base = {}
    for number in world_T_imu:
        odom_T_base[number] = odom_T_world @ world_T_imu[number] @ imu_T_base
    return odom_T_base


def _write_image(writer: BagWriter, drive: KittiDrive, number: int, stamp_ns: int) -> None:
    assert drive.calibration is not None, "open_drive refuses images without a calibration"
    image_rgb = _read_image(drive.images.files[number])
    camera = PinholeCamera(
        width_px=image_rgb.shape[1],
        height_px=image_rgb.shape[0],
        pix_T_cam=drive.calibration.pix_T_cam,
    )
    writer.write_camera_info(CAMERA_INFO_TOPIC, CAMERA_FRAME, stamp_ns, camera)
    writer.write_image(IMAGE_TOPIC, CAMERA_FRAME, stamp_ns, image_rgb)


def _read_image(file: Path) -> UInt8[np.ndarray, "H W 3"]:
    data = np.frombuffer(file.read_bytes(), np.uint8)
    image_bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image_bgr is None:
        raise DataError(f"Image '{file}' cannot be decoded; it is damaged.")
    return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB), np.uint8)
