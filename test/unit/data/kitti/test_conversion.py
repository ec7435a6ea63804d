# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drives as recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from unit.data.kitti.drives import points_of, write_drive

from unsup_track_ros.data.kitti import convert_drive, open_drive, read_drive_labels
from unsup_track_ros.data.kitti.scans import read_scan
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.camera import inside, project
from unsup_track_ros.geometry.se3 import rotation_about_z, transform


def test_a_whole_drive_comes_back_from_its_recording(tmp_path: Path) -> None:
    summary = convert_drive(write_drive(tmp_path / "drive"), tmp_path / "a.mcap")
    assert (summary.num_scans, summary.num_images, summary.num_poses) == (3, 3, 3)
    assert summary.duration_s == pytest.approx(0.2)
    with Recording(tmp_path / "a.mcap") as recording:
        frames = list(recording)
        assert recording.warnings == ()
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.cloud.points_velo, points_of(number)[:, :3])
        np.testing.assert_array_equal(frame.cloud.intensity, points_of(number)[:, 3])
        assert frame.camera is not None
        assert tuple(frame.camera.image_rgb[0, 0]) == (100, 50, number)
        np.testing.assert_allclose(frame.camera.cam_T_velo[:3, 3], [0.06, -0.1, -0.3], atol=1e-12)
        np.testing.assert_allclose(frame.base_T_velo[:3, 3], [0.8, -0.3, 1.73], atol=1e-12)


def test_odom_begins_below_the_car_is_level_and_sees_it_drive(tmp_path: Path) -> None:
    convert_drive(write_drive(tmp_path / "drive"), tmp_path / "a.mcap")
    frames = list(Recording(tmp_path / "a.mcap"))
    poses = [frame.odom_T_velo for frame in frames]
    first, last = poses[0], poses[-1]
    assert first is not None
    assert last is not None
    np.testing.assert_allclose(last[:3, 3] - first[:3, 3], [2, 0, 0], atol=1e-5)
    # The car's roll of 0.02 and pitch of 0.01 stay in its pose: odom is level.
    np.testing.assert_allclose(first[:3, 2], [0.01, -0.02, 1], atol=3e-4)


def test_a_heading_to_the_north_is_x_of_odom(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive")
    for number in range(3):
        north_deg = float(np.rad2deg(number / 6378137.0))
        file = folder / "oxts" / "data" / f"{number:010d}.txt"
        file.write_text(f"{49 + north_deg:.14f} 8.4 110 0 0 {np.pi / 2}")
    convert_drive(folder, tmp_path / "a.mcap")
    last = list(Recording(tmp_path / "a.mcap"))[-1].odom_T_velo
    assert last is not None
    np.testing.assert_allclose(last[:3, 3], [2 + 0.8, -0.3, 1.73], atol=1e-3)


def test_a_drive_without_images_poses_and_times_is_converted_with_warnings(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive", images=False, poses=False, timed=False)
    summary = convert_drive(folder, tmp_path / "a.mcap")
    assert len(summary.warnings) == 3
    with Recording(tmp_path / "a.mcap") as recording:
        assert len(list(recording)) == 3
        assert any("no camera" in warning for warning in recording.warnings)
        assert any("no pose from TF" in warning for warning in recording.warnings)


def test_without_any_calibration_the_lidar_has_its_nominal_mounting(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive", images=False)
    (folder / "calib.txt").unlink()
    convert_drive(folder, tmp_path / "a.mcap")
    frame = next(iter(Recording(tmp_path / "a.mcap")))
    np.testing.assert_allclose(frame.base_T_velo[:3, 3], [0.81, -0.32, 1.73], atol=1e-12)


def test_progress_counts_every_message(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    convert_drive(
        write_drive(tmp_path / "drive"),
        tmp_path / "a.mcap",
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(done, 9) for done in range(1, 10)]


def test_a_damaged_image_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive")
    (folder / "image_02" / "data" / "0000000002.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"0000000002\.png' cannot be decoded"):
        convert_drive(folder, tmp_path / "a.mcap")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drive"]


def test_converting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = write_drive(tmp_path / "drive")
    convert_drive(folder, tmp_path / "a.mcap")
    convert_drive(folder, tmp_path / "b.mcap")
    assert (tmp_path / "a.mcap").read_bytes() == (tmp_path / "b.mcap").read_bytes()


def test_a_real_drive_keeps_its_points_and_its_boxes_hold_many_of_them(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "kitti_raw_0052"
    convert_drive(folder, tmp_path / "a.mcap")
    drive = open_drive(folder)
    truths = {truth.stamp_ns: truth for truth in read_drive_labels(folder)}
    with Recording(tmp_path / "a.mcap") as recording:
        assert len(recording) == 22
        for frame in recording:
            if frame.stamp_ns not in truths:
                continue
            points_velo = frame.cloud.points_velo
            scan = read_scan(drive.scans.files[frame.index])
            np.testing.assert_array_equal(points_velo, scan.points_velo)
            for box in truths[frame.stamp_ns].boxes_velo:
                local = (points_velo - box[:3]) @ rotation_about_z(box[6])
                assert (np.abs(local) <= box[3:6] / 2).all(axis=1).sum() > 50
            assert frame.camera is not None
            camera = frame.camera.camera
            points_cam = transform(frame.camera.cam_T_velo, points_velo)
            points_pix = project(points_cam, camera.pix_T_cam)
            seen = inside(points_pix, camera.width_px, camera.height_px)
            # A seventh of the turn of a LiDAR with 64 rows falls into the image of 81 degrees.
            assert 12_000 < seen.sum() < 25_000


def test_a_real_drive_without_camera_and_poses_is_read_with_warnings(
    shared_data: Path, tmp_path: Path
) -> None:
    summary = convert_drive(shared_data / "kitti_raw_0048", tmp_path / "a.mcap")
    assert (summary.num_scans, summary.num_images, summary.num_poses) == (22, 0, 0)
    with Recording(tmp_path / "a.mcap") as recording:
        assert len(recording) == 22
        assert len(next(iter(recording)).cloud.points_velo) == 119_977  # one of 119,978 is zero
        assert len(recording.warnings) == 2
