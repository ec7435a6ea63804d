# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from unsup_track_ros.data.synthetic.recording import write_world
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.world import World, WorldConfig, build_world
from unsup_track_ros.data.truth import read_truth, truth_folder
from unsup_track_ros.errors import DataError


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
