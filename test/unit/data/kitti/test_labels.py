# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Human boxes, converted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from unit.data.kitti.drives import write_drive

from unsup_track_ros.data.kitti import read_drive_labels
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.truth import FrameTruth


def labels(folder: Path, text: str, number: int = 1) -> list[FrameTruth]:
    (folder / "label_2").mkdir(exist_ok=True)
    (folder / "label_2" / f"{number:010d}.txt").write_text(text)
    return read_drive_labels(folder)


def line(name: str, numbers: str) -> str:
    return f"{name} 0.00 0 -1.57 1 2 3 4 {numbers}\n"


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    return write_drive(tmp_path / "drive", timed=False)


def test_a_box_ahead_is_converted_as_by_hand(drive: Path) -> None:
    # 1.5 high, 1.8 wide, 4 long; bottom centre 2 m right, 1.6 m below, 9.7 m ahead of the camera;
    # ry = -pi/2 looks ahead. The camera is 0.3 m ahead of the LiDAR and 0.1 m below it:
    # x = 9.7 + 0.3, y = -2, z = -(1.6 - 0.75) - 0.1.
    (truth,) = labels(drive, line("Car", "1.5 1.8 4.0 2.0 1.6 9.7 -1.5707963267948966"))
    assert truth.classes == ("Car",)
    assert truth.stamp_ns == 1_100_000_000
    np.testing.assert_array_equal(truth.ids, [-1])
    np.testing.assert_allclose(truth.boxes_velo, [[10, -2, -0.95, 4, 1.8, 1.5, 0]], atol=1e-9)


@pytest.mark.parametrize(
    ("turn", "yaw"), [(0.0, -np.pi / 2), (np.pi / 2, np.pi), (-np.pi, np.pi / 2), (-2.0, 0.4292)]
)
def test_the_turn_about_the_downward_axis_becomes_a_yaw(
    drive: Path, turn: float, yaw: float
) -> None:
    # ry = 0 looks to the right of the camera, -y of the LiDAR; ry grows clockwise from above.
    (truth,) = labels(drive, line("Car", f"1.5 1.8 4.0 2.0 1.6 9.7 {turn}"))
    assert truth.boxes_velo[0, 6] == pytest.approx(yaw, abs=1e-4)


def test_regions_without_a_box_are_left_out(drive: Path) -> None:
    text = line("DontCare", "-1 -1 -1 -1000 -1000 -1000 -10") + line("Van", "1 1 1 0 0 5 0")
    (truth,) = labels(drive, text)
    assert truth.classes == ("Van",)


def test_a_frame_without_objects_has_no_boxes(drive: Path) -> None:
    (truth,) = labels(drive, "")
    assert truth.boxes_velo.shape == (0, 7)
    assert truth.classes == ()


def test_frames_come_in_the_order_of_their_numbers(drive: Path) -> None:
    labels(drive, "", number=2)
    assert [t.stamp_ns for t in labels(drive, "", number=0)] == [1_000_000_000, 1_200_000_000]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (line("Car", "1 1 1 0 0"), "Line 1 .* must have 15 columns, got 13"),
        (line("Car", "1 1 1 0 0 far 0"), "Line 1"),
    ],
)
def test_malformed_labels_are_refused(drive: Path, text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        labels(drive, text)


def test_labels_that_belong_to_no_scan_are_refused(drive: Path) -> None:
    with pytest.raises(DataError, match="belongs to no scan"):
        labels(drive, "", number=77)


def test_a_drive_without_labels_is_refused(drive: Path) -> None:
    with pytest.raises(DataError, match="no label files"):
        read_drive_labels(drive)


def test_human_boxes_of_real_drives_hold_points(shared_data: Path) -> None:
    for name, frames in (("kitti_raw_0052", 3), ("kitti_raw_0048", 10)):
        truths = read_drive_labels(shared_data / name)
        assert len(truths) == frames
        assert all(np.abs(truth.boxes_velo[:, 2]).max() < 2.0 for truth in truths)
