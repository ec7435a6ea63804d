# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files of the tracking benchmark: read, written, refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unsup_track_ros.data.kitti.calibration import nominal_calibration
from unsup_track_ros.data.kitti.labels import boxes_from_rect, boxes_to_rect
from unsup_track_ros.data.kitti.tracking_benchmark import merged, open_sequence
from unsup_track_ros.data.kitti.tracking_files import (
    detection_files,
    read_detections,
    read_tracked_boxes,
    write_tracked_boxes,
)
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.motion import MotionState

# 1.5 high, 1.8 wide, 4 long; bottom centre 2 m right, 1.6 m below, 10 m ahead; looks ahead.
CALIB = """\
P2: 700 0 600 0 0 700 180 0 0 0 1 0
R_rect 1 0 0 0 1 0 0 0 1
Tr_velo_cam 0 -1 0 0 0 0 -1 0 1 0 0 0
Tr_imu_velo 1 0 0 -0.8 0 1 0 0.3 0 0 1 -0.8
"""


def row(frame: int, score: float = 0.5, kind: int = 2) -> str:
    return f"{frame},{kind},100,50,200,150,{score},1.5,1.8,4.0,2.0,1.6,10.0,-1.5707963,-1.768\n"


def packet(east_m: float) -> str:
    """Return a packet of a vehicle at the equator that heads east."""
    return f"0.0 {np.rad2deg(east_m / 6378137.0):.15f} 0 0 0 0 9 9\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_detections_are_found_as_a_file_a_folder_and_a_folder_per_class(tmp_path: Path) -> None:
    cars = write(tmp_path / "car" / "0001.txt", row(0))
    people = write(tmp_path / "walker" / "0001.txt", row(0, kind=1))
    other = write(tmp_path / "car" / "0000.txt", row(0))
    assert detection_files(cars) == {"0001": [cars]}
    assert detection_files(tmp_path / "car") == {"0000": [other], "0001": [cars]}
    assert detection_files(tmp_path) == {"0000": [other], "0001": [cars, people]}
    with pytest.raises(DataError, match="no detections in"):
        detection_files(tmp_path / "elsewhere")


def test_detections_come_by_class_and_in_the_order_of_frames(tmp_path: Path) -> None:
    file = write(tmp_path / "0001.txt", row(3, 2.5) + row(0, -0.5) + row(1, kind=1))
    found = read_detections([file])
    assert list(found) == ["Pedestrian", "Car"]
    assert found["Car"].frames.tolist() == [0, 3]
    assert found["Car"].scores.tolist() == [-0.5, 2.5]
    np.testing.assert_allclose(found["Car"].boxes_rect[0, :6], [1.5, 1.8, 4, 2, 1.6, 10])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0,2,1,2,3\n", "15 finite numbers.* got 5 columns"),
        (row(0).replace("0.5", "nan"), "15 finite numbers"),
        (row(0).replace("0.5", "high"), "malformed"),
        (row(0) + "1,2\n", "malformed"),
        (row(0, kind=7), r"type 1 \(Pedestrian\), 2 \(Car\), 3 \(Cyclist\), got \[7.0\]"),
    ],
)
def test_malformed_detections_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_detections([write(tmp_path / "0001.txt", text)])


def test_detections_are_placed_by_the_poses_of_their_frames(tmp_path: Path) -> None:
    """The vehicle drives 1 m east from frame 0 to 1; it heads along x of odom."""
    files = [write(tmp_path / "0001.txt", row(0) + row(1))]
    calib = write(tmp_path / "calib" / "0001.txt", CALIB).parent
    oxts = write(tmp_path / "oxts" / "0001.txt", packet(0) + packet(1) + packet(1)).parent
    frames = open_sequence("0001", files, calib, oxts).frames("Car")
    assert [len(detections) for detections, _ in frames] == [1, 1, 0]
    detections, first = frames[0]
    # Centre 0.75 m above the bottom; x ahead, y left, z up.
    np.testing.assert_allclose(detections.boxes_velo, [[10, -2, -0.85, 4, 1.8, 1.5, 0]], atol=1e-6)
    assert detections.motion.tolist() == [MotionState.MOVING]
    assert first.odom_T_velo1 is not None
    # The GPS/IMU unit stands at (-0.8, 0.3, -0.8) of the LiDAR, where odom begins.
    np.testing.assert_allclose(first.odom_T_velo1[:3, 3], [0.8, -0.3, 0.8], atol=1e-6)
    assert frames[1][1].odom_T_velo1 is not None
    np.testing.assert_allclose(frames[1][1].odom_T_velo1[:3, 3], [1.8, -0.3, 0.8], atol=1e-6)


def test_logits_become_probabilities_and_probabilities_stay(tmp_path: Path) -> None:
    logits = write(tmp_path / "a.txt", row(0, 0.0) + row(0, 2.0))
    (frame,) = open_sequence("a", [logits], None, None).frames("Car")
    np.testing.assert_allclose(frame[0].scores, [0.5, 1 / (1 + np.exp(-2))])
    sure = write(tmp_path / "b.txt", row(0, 0.0) + row(0, 1.0))
    (frame,) = open_sequence("b", [sure], None, None).frames("Car")
    assert frame[0].scores.tolist() == [0.0, 1.0]


def test_poses_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    files = [write(tmp_path / "0001.txt", row(5))]
    calib = write(tmp_path / "calib.txt", CALIB)
    oxts = write(tmp_path / "oxts.txt", packet(0))
    with pytest.raises(DataError, match="detections up to frame 5, but only 1 poses"):
        open_sequence("0001", files, calib, oxts)
    with pytest.raises(DataError, match="Pass --calib"):
        open_sequence("0001", files, None, oxts)
    with pytest.raises(DataError, match="no GPS/IMU packets"):
        open_sequence("0001", files, calib, tmp_path / "none.txt")
    with pytest.raises(DataError, match="no calibration"):
        open_sequence("0001", files, tmp_path / "none.txt", oxts)
    with pytest.raises(DataError, match=r"line 2.*must begin with 6 numbers, got 2"):
        open_sequence("0001", files, calib, write(tmp_path / "o.txt", packet(0) + "1 2\n"))


def test_results_are_written_as_labels_are_read(tmp_path: Path) -> None:
    line = "4 7 Car 0 1 -1.7 100.0 50.0 200.0 150.0 1.5 1.8 4.0 2.0 1.6 10.0 -1.5707"
    region = "4 -1 DontCare -1 -1 -10 1 2 3 4 -1000 -1000 -1000 -10 -1 -1 -1"
    labels = read_tracked_boxes(write(tmp_path / "label.txt", f"{region}\n{line}\n"))
    assert labels.ids.tolist() == [-1, 7]
    assert labels.classes.tolist() == ["DontCare", "Car"]
    assert np.isnan(labels.boxes[0]).all()
    assert labels.occlusion.tolist() == [-1, 1]
    np.testing.assert_allclose(labels.boxes[1], [10, -2, -0.85, 4, 1.8, 1.5, 0], atol=1e-3)
    car = labels.rows(labels.ids >= 0)
    write_tracked_boxes(tmp_path / "result.txt", car, nominal_calibration())
    words = (tmp_path / "result.txt").read_text().split()
    assert words[:5] == ["4", "7", "Car", "-1", "-1"]
    # Seen 0.197 rad to the right of straight ahead: -1.5707 - atan2(2, 10).
    assert float(words[5]) == pytest.approx(-1.7681, abs=1e-4)
    assert len(words) == 18
    again = read_tracked_boxes(tmp_path / "result.txt")
    np.testing.assert_allclose(again.boxes, car.boxes, atol=1e-4)
    np.testing.assert_allclose(again.boxes_pix, car.boxes_pix)


def test_malformed_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="17 or 18 columns"):
        read_tracked_boxes(write(tmp_path / "a.txt", "0 1 Car 0 0\n"))
    with pytest.raises(DataError, match="no file of tracked boxes"):
        read_tracked_boxes(tmp_path / "b.txt")


def test_boxes_go_to_the_camera_frame_and_back() -> None:
    boxes = np.array([[10, -2, -0.85, 4, 1.8, 1.5, 0.3], [30, 5, 0.2, 0.8, 0.6, 1.7, -3.0]])
    calibration = nominal_calibration()
    np.testing.assert_allclose(
        boxes_from_rect(boxes_to_rect(boxes, calibration), calibration), boxes
    )


def test_identities_of_classes_do_not_collide(tmp_path: Path) -> None:
    line = "{} 1 {} 0 1 -1.7 100 50 200 150 1.5 1.8 4.0 2.0 1.6 10.0 -1.57\n"
    cars = read_tracked_boxes(
        write(tmp_path / "a.txt", line.format(0, "Car") + line.format(2, "Car"))
    )
    people = read_tracked_boxes(write(tmp_path / "b.txt", line.format(0, "Pedestrian")))
    both = merged([cars, people])
    assert both.frames.tolist() == [0, 0, 2]
    assert both.ids.tolist() == [1, 2, 1]
    assert both.classes.tolist() == ["Car", "Pedestrian", "Car"]


def test_results_hold_what_the_image_shows(tmp_path: Path) -> None:
    """Ahead it is seen; behind never; at the edge only if it was detected there."""
    sequence = open_sequence("a", [write(tmp_path / "a.txt", row(0))], None, None)
    ahead, behind, edge = [10.0, 0, 0], [-10.0, 0, 0], [5.0, 4.2, 0]
    boxes = np.array([[*place, 4, 1.8, 1.5, 0] for place in (ahead, behind, edge, edge)], float)
    shown = sequence.results(
        "Car",
        np.zeros(4, np.int64),
        np.arange(4),
        boxes,
        np.ones(4),
        is_detected=np.array([False, True, False, True]),
    )
    assert shown.ids.tolist() == [0, 3]
    left, top, right, bottom = shown.boxes_pix[0]
    # The near face, 8 m ahead: 1.8 m and 1.5 m at 721.5 px.
    assert right - left == pytest.approx(721.5377 * 1.8 / 8, abs=0.01)
    assert bottom - top == pytest.approx(721.5377 * 1.5 / 8, abs=0.01)
