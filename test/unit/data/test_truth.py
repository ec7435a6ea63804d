# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from unsup_track_ros.data.truth import (
    TruthFolder,
    read_frame_truth,
    read_truth,
    truth_folder,
    write_frame_truth,
)
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.truth import FrameTruth


def make_truth(stamp_ns: int = 1_000, num: int = 2, points: int = 5) -> FrameTruth:
    rng = np.random.default_rng(num)
    return FrameTruth(
        stamp_ns=stamp_ns,
        ids=np.arange(num, dtype=np.int64),
        classes=("car", "pedestrian", "van")[:num],
        boxes_velo=rng.normal(size=(num, 7)),
        moving=np.arange(num) == 0,
        velocities_velo=rng.normal(size=(num, 3)),
        visibility=np.linspace(0, 1, num),
        num_points=np.arange(num, dtype=np.int64),
        odom_T_velo=np.eye(4),
        moving_points=np.arange(points) % 2 == 0,
        point_objects=np.arange(points) - 1,
        flow_points_velo=rng.normal(size=(points, 3)).astype(np.float32),
        ground_points=np.arange(points) % 3 == 0,
        moving_pixels=np.eye(3, 4, dtype=bool),
        flow_pix=np.full((2, 3, 4), np.nan, np.float32),
        occupied_static_odom=np.eye(4, 6, dtype=np.uint8),
        occupancy_origin_odom=np.array([-3.0, 4.0]),
        occupancy_resolution_m=0.2,
    )


def assert_same(first: FrameTruth, second: FrameTruth) -> None:
    for field in dataclasses.fields(FrameTruth):
        np.testing.assert_equal(getattr(first, field.name), getattr(second, field.name))


@pytest.mark.parametrize("num", [0, 1, 3])
def test_truth_comes_back_as_it_was_written(tmp_path: Path, num: int) -> None:
    truth = make_truth(num=num)
    path = write_frame_truth(tmp_path / "drive.truth", truth)
    assert path.name == "00000000000000001000.npz"
    assert_same(read_frame_truth(path), truth)


def test_members_a_source_does_not_know_come_back_as_none(tmp_path: Path) -> None:
    truth = FrameTruth(stamp_ns=7, ids=np.array([-1]), classes=("car",), boxes_velo=np.ones((1, 7)))
    write_frame_truth(tmp_path, truth)
    (read,) = read_truth(tmp_path)
    assert read.moving is None
    assert read.flow_pix is None
    assert_same(read, truth)


def test_equal_truth_gives_equal_bytes(tmp_path: Path) -> None:
    first = write_frame_truth(tmp_path / "a", make_truth())
    second = write_frame_truth(tmp_path / "b", make_truth())
    assert first.read_bytes() == second.read_bytes()


def test_frames_are_read_in_the_order_of_their_stamps_and_by_stamp(tmp_path: Path) -> None:
    for stamp_ns in (900, 20_000_000_000, 1_000):
        write_frame_truth(tmp_path, make_truth(stamp_ns))
    folder = TruthFolder(tmp_path)
    assert folder.stamps_ns == (900, 1_000, 20_000_000_000)
    assert [truth.stamp_ns for truth in folder] == [900, 1_000, 20_000_000_000]
    assert len(folder) == 3
    assert 900 in folder
    assert folder.at(1_000).stamp_ns == 1_000
    with pytest.raises(DataError, match="no truth of stamp 5 ns; the folder covers 900 to"):
        folder.at(5)


def test_the_truth_of_a_recording_lies_beside_it(tmp_path: Path) -> None:
    assert truth_folder(tmp_path / "drive.mcap") == tmp_path / "drive.truth"


def test_no_temporary_file_is_left(tmp_path: Path) -> None:
    write_frame_truth(tmp_path, make_truth())
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


def test_a_missing_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no truth folder"):
        read_truth(tmp_path / "absent")
    with pytest.raises(DataError, match="holds no frame"):
        read_truth(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"not a zip file at all"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "00000000000000000007.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        read_truth(tmp_path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = write_frame_truth(tmp_path, make_truth())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="cannot be read"):
        read_frame_truth(path)


def test_flipped_bits_are_refused(tmp_path: Path) -> None:
    path = write_frame_truth(tmp_path, make_truth())
    content = bytearray(path.read_bytes())
    start = content.index(b"boxes_velo.npy") + 60
    content[start : start + 20] = bytes(20)
    path.write_bytes(bytes(content))
    with pytest.raises(DataError):
        read_frame_truth(path)


def test_a_renamed_file_is_refused(tmp_path: Path) -> None:
    path = write_frame_truth(tmp_path, make_truth())
    path.rename(tmp_path / "2000.npz")
    with pytest.raises(DataError, match="must hold the stamp of its name, got 1000"):
        read_truth(tmp_path)
    (tmp_path / "2000.npz").rename(tmp_path / "copy.npz")
    with pytest.raises(DataError, match="named by its stamp"):
        read_truth(tmp_path)


def test_members_that_do_not_fit_each_other_are_refused_on_both_ways(tmp_path: Path) -> None:
    bad = make_truth()
    # Past the annotation checks of the test run, which users do not have.
    object.__setattr__(bad, "moving_points", np.zeros(4, bool))
    with pytest.raises(DataError, match=r"'point_objects'.*'P': 4.*got \(5,\)"):
        write_frame_truth(tmp_path, bad)
    assert not list(tmp_path.iterdir())
    np.savez(tmp_path / "7.npz", stamp_ns=7, ids=np.zeros(2, int), classes=np.array(["a", "b"]))
    with pytest.raises(DataError, match=r"missing members \['boxes_velo'\]"):
        read_truth(tmp_path)


def test_a_member_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "7.npz"
    boxes = np.zeros((1, 7))
    np.savez(path, stamp_ns=7, ids=np.zeros(1), classes=np.array(["a"]), boxes_velo=boxes)
    with pytest.raises(DataError, match=r"'ids'.*float64"):
        read_truth(tmp_path)
