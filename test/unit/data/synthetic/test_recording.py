# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from unsup_track_ros.data.recording import Recording
from unsup_track_ros.data.synthetic.faults import FaultConfig
from unsup_track_ros.data.synthetic.recording import write_world
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.world import World, WorldConfig, build_world
from unsup_track_ros.data.truth import read_truth, truth_folder
from unsup_track_ros.errors import DataError
from unsup_track_ros.geometry.se3 import inverse, rotation_angle_rad, yaw_rad
from unsup_track_ros.structures.frame import SensorFrame


def contents(path: Path) -> dict[str, bytes]:
    files = {file.name: file.read_bytes() for file in truth_folder(path).iterdir()}
    return {"bag": path.read_bytes(), **files}


def test_a_drive_is_recorded_with_its_truth_beside_it(tiny_world: World, tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    done: list[tuple[int, int]] = []
    num_frames = write_world(
        tiny_world, path, 0.3, progress=lambda k, total: done.append((k, total))
    )
    assert num_frames == 3
    assert done[-1] == (3, 3)
    with AnyReader([path]) as reader:
        counts = {topic: info.msgcount for topic, info in reader.topics.items()}
    assert counts == {
        "/points": 3,
        "/camera/image_raw": 3,
        "/camera/camera_info": 3,
        "/tf": 20,
        "/tf_static": 1,
    }
    truths = read_truth(truth_folder(path))
    start, period = tiny_world.config.start_ns, tiny_world.period_ns
    assert [truth.stamp_ns for truth in truths] == [start, start + period, start + 2 * period]
    _, rendered = render(tiny_world, start + period)
    np.testing.assert_array_equal(truths[1].boxes_velo, rendered.boxes_velo)
    np.testing.assert_array_equal(truths[1].flow_points_velo, rendered.flow_points_velo)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["drive.mcap", "drive.truth"]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    tiny_config: WorldConfig, tiny_world: World, tmp_path: Path
) -> None:
    worlds = {"a": tiny_world, "b": build_world(tiny_config, 1), "c": build_world(tiny_config, 2)}
    for name, world in worlds.items():
        write_world(world, tmp_path / f"{name}.mcap", 0.2)
    first, second, other = (contents(tmp_path / f"{name}.mcap") for name in "abc")
    assert first == second
    assert first["bag"] != other["bag"]


def test_poses_can_be_left_out_but_the_mounting_stays(tiny_world: World, tmp_path: Path) -> None:
    write_world(tiny_world, tmp_path / "drive.mcap", 0.1, with_tf=False)
    with AnyReader([tmp_path / "drive.mcap"]) as reader:
        assert "/tf" not in reader.topics
        assert reader.topics["/tf_static"].msgcount == 1


def test_a_longer_drive_than_the_street_and_no_drive_are_refused(
    tiny_world: World, tmp_path: Path
) -> None:
    for seconds in (0.0, 4.1):
        with pytest.raises(DataError, match=r"must last from one scan .* to the 4.0 s"):
            write_world(tiny_world, tmp_path / "drive.mcap", seconds)
    assert not list(tmp_path.iterdir())


def test_existing_files_are_kept_unless_told_otherwise(tiny_world: World, tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    write_world(tiny_world, path, 0.2)
    before = contents(path)
    with pytest.raises(DataError, match="exists already"):
        write_world(tiny_world, path, 0.1)
    path.unlink()
    with pytest.raises(DataError, match=r"drive\.truth' exists already"):
        write_world(tiny_world, path, 0.1)
    write_world(tiny_world, path, 0.1, overwrite=True)
    assert len(contents(path)) == len(before) - 1


def test_an_interrupted_drive_leaves_nothing(tiny_world: World, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt(f"{done} of {total}")

    with pytest.raises(KeyboardInterrupt):
        write_world(tiny_world, tmp_path / "drive.mcap", 0.3, progress=interrupt)
    assert not list(tmp_path.iterdir())


def frames_with(world: World, path: Path, **faults: float) -> list[SensorFrame]:
    write_world(world, path, 0.3, faults=FaultConfig(**faults))
    with Recording(path) as recording:
        return list(recording)


def test_a_late_camera_shows_the_world_of_before(tiny_world: World, tmp_path: Path) -> None:
    start_ns, period_ns = tiny_world.config.start_ns, tiny_world.period_ns
    frames = frames_with(tiny_world, tmp_path / "late.mcap", camera_late_s=0.1)
    assert [frame.stamp_ns for frame in frames] == [start_ns + k * period_ns for k in range(3)]
    before, _ = render(tiny_world, start_ns + period_ns)
    assert before.camera is not None
    late = frames[2].camera
    assert late is not None
    assert late.stamp_ns == frames[2].stamp_ns
    np.testing.assert_array_equal(late.image_rgb, before.camera.image_rgb)
    now, _ = render(tiny_world, start_ns + 2 * period_ns)
    np.testing.assert_array_equal(frames[2].cloud.points_velo, now.cloud.points_velo)


def test_tf_can_tell_wrong_mountings_and_the_truth_does_not(
    tiny_world: World, tmp_path: Path
) -> None:
    path = tmp_path / "turned.mcap"
    frame = frames_with(tiny_world, path, camera_yaw_rad=0.03, lidar_yaw_rad=-0.01)[1]
    true, truth = render(tiny_world, frame.stamp_ns)
    assert yaw_rad(frame.base_T_velo) == pytest.approx(-0.01)
    np.testing.assert_allclose(frame.base_T_velo[:3, 3], true.base_T_velo[:3, 3])
    assert frame.camera is not None
    assert true.camera is not None
    # The camera against the LiDAR: 0.03 to the left, and 0.01 because the LiDAR went to the right.
    told_T_true = frame.camera.cam_T_velo @ inverse(true.camera.cam_T_velo)
    assert rotation_angle_rad(told_T_true) == pytest.approx(0.04)
    np.testing.assert_array_equal(read_truth(truth_folder(path))[1].boxes_velo, truth.boxes_velo)


@pytest.mark.parametrize("course_rad", [0.0, np.pi / 2])
def test_odom_jumps_once_and_goes_on(tiny_world: World, tmp_path: Path, course_rad: float) -> None:
    frames = frames_with(
        tiny_world,
        tmp_path / "jump.mcap",
        odom_jump_m=0.5,
        odom_jump_at_s=0.1,
        odom_jump_course_rad=course_rad,
    )
    told = [place_of(frame) for frame in frames]
    true = [place_of(render(tiny_world, frame.stamp_ns)[0]) for frame in frames]
    heading = true[2] - true[1]
    heading /= np.linalg.norm(heading)
    ahead, left = np.cos(course_rad), np.sin(course_rad)
    jump = 0.5 * np.array(
        [ahead * heading[0] - left * heading[1], ahead * heading[1] + left * heading[0], 0.0]
    )
    expected = np.stack([np.zeros(3), jump, jump])
    np.testing.assert_allclose(np.stack(told) - np.stack(true), expected, atol=0.02)


def place_of(frame: SensorFrame) -> np.ndarray:
    assert frame.odom_T_velo is not None
    return frame.odom_T_velo[:3, 3]


def test_no_fault_is_the_same_as_none(tiny_world: World, tmp_path: Path) -> None:
    for name, faults in (("a", None), ("b", FaultConfig())):
        write_world(tiny_world, tmp_path / f"{name}.mcap", 0.1, faults=faults)
    assert contents(tmp_path / "a.mcap") == contents(tmp_path / "b.mcap")
