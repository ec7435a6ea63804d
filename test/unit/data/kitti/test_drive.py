# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is found in a drive folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from unit.data.kitti.drives import RAW_CALIBRATION, write_drive

from unsup_track_ros.data.kitti import open_drive, read_calibration
from unsup_track_ros.data.kitti.drive import read_oxts_poses
from unsup_track_ros.errors import DataError

# 2011-09-26 13:02:25 UTC.
FIRST_NS = 1_317_042_145_000_000_001


def test_times_are_read_to_the_nanosecond(tmp_path: Path) -> None:
    drive = open_drive(write_drive(tmp_path / "drive"))
    assert drive.scans.stamps_ns == {i: FIRST_NS + i * 100_000_000 for i in range(3)}
    assert drive.images.stamps_ns == drive.scans.stamps_ns == drive.poses.stamps_ns
    assert drive.warnings == ()


def test_without_times_ten_hertz_are_assumed_and_said(tmp_path: Path) -> None:
    drive = open_drive(write_drive(tmp_path / "drive", timed=False))
    assert drive.scans.stamps_ns == {0: 1_000_000_000, 1: 1_100_000_000, 2: 1_200_000_000}
    assert "10 Hz are assumed" in drive.warnings[0]


def test_one_sensor_without_times_takes_them_from_all(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive")
    (folder / "image_02" / "timestamps.txt").unlink()
    drive = open_drive(folder)
    assert drive.scans.stamps_ns == drive.images.stamps_ns
    assert drive.scans.stamps_ns[0] == 1_000_000_000


def test_a_missing_scan_keeps_the_numbers_of_the_others(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive")
    (folder / "velodyne_points" / "data" / "0000000001.bin").unlink()
    drive = open_drive(folder)
    assert drive.scans.stamps_ns == {0: FIRST_NS, 2: FIRST_NS + 200_000_000}


def test_times_may_be_given_for_the_existing_files_only(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive")
    (folder / "velodyne_points" / "data" / "0000000000.bin").unlink()
    times = folder / "velodyne_points" / "timestamps.txt"
    times.write_text("\n".join(times.read_text().splitlines()[1:]))
    assert open_drive(folder).scans.stamps_ns[1] == FIRST_NS + 100_000_000


def test_times_that_do_not_fit_the_files_are_refused(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive")
    (folder / "image_02" / "timestamps.txt").write_text("2011-09-26 13:02:25.1\n")
    with pytest.raises(DataError, match="1 lines for 3 files"):
        open_drive(folder)
    (folder / "image_02" / "timestamps.txt").write_text("yesterday\n" * 3)
    with pytest.raises(DataError, match="'yesterday'"):
        open_drive(folder)


def test_what_a_drive_lacks_is_said(tmp_path: Path) -> None:
    drive = open_drive(write_drive(tmp_path / "drive", images=False, poses=False))
    assert [("images" in note, "oxts" in note) for note in drive.warnings] == [
        (True, False),
        (False, True),
    ]


def test_raw_and_object_style_calibrations_say_the_same(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "2011_09_26" / "drive")
    one_file = read_calibration(folder)
    (folder / "calib.txt").unlink()
    for name, text in RAW_CALIBRATION.items():
        (tmp_path / "2011_09_26" / name).write_text(text)
    three_files = read_calibration(folder)
    assert one_file is not None
    assert three_files is not None
    for name in ("pix_T_cam", "cam_T_rect", "rect_T_velo", "velo_T_imu"):
        np.testing.assert_allclose(getattr(three_files, name), getattr(one_file, name))
    # The fourth column of P2 over the focal length: 6 / 100.
    np.testing.assert_allclose(one_file.cam_T_rect[:3, 3], [0.06, 0, 0])
    np.testing.assert_allclose(one_file.cam_T_velo[:3, 3], [0.06, -0.1, -0.3])


def test_an_incomplete_calibration_is_refused(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive")
    (folder / "calib.txt").write_text("P2: 1 2 3\n")
    with pytest.raises(DataError, match="Tr_velo_cam with 12 numbers"):
        open_drive(folder)


def test_images_without_a_calibration_are_refused_but_scans_are_not(tmp_path: Path) -> None:
    with_images = write_drive(tmp_path / "a" / "drive")
    (with_images / "calib.txt").unlink()
    with pytest.raises(DataError, match="neither a calib"):
        open_drive(with_images)
    lidar_only = write_drive(tmp_path / "b" / "drive", images=False)
    (lidar_only / "calib.txt").unlink()
    assert open_drive(lidar_only).calibration is None


def test_folders_that_are_no_drives_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no drive folder"):
        open_drive(tmp_path / "nowhere")
    with pytest.raises(DataError, match="not a KITTI drive"):
        open_drive(tmp_path)


def test_a_metre_east_is_a_metre_along_x(tmp_path: Path) -> None:
    drive = open_drive(write_drive(tmp_path / "drive"))
    poses = read_oxts_poses(drive)
    step = poses[1][:3, 3] - poses[0][:3, 3]
    np.testing.assert_allclose(step, [1, 0, 0], atol=1e-6)
    # Roll 0.02 about x tilts z to the right (towards -y), pitch 0.01 about y tilts it forward.
    np.testing.assert_allclose(poses[0][:3, 2], [0.01, -0.02, 1], atol=3e-4)


def test_a_malformed_packet_is_refused(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive")
    for text, reason in (("49 8 110", "got 3"), ("49 north", "malformed")):
        (folder / "oxts" / "data" / "0000000001.txt").write_text(text)
        with pytest.raises(DataError, match=reason):
            read_oxts_poses(open_drive(folder))
