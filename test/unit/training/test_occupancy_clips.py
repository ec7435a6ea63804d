# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from unsup_track_ros.data.synthetic.camera import SurroundConfig
from unsup_track_ros.data.synthetic.lidar import LidarConfig
from unsup_track_ros.data.synthetic.world import WorldConfig
from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.voxel_scene import OccupancyFrame
from unsup_track_ros.structures.voxels import VoxelGrid
from unsup_track_ros.training.occupancy_clips import ClipFolder, ClipsOrigin, write_clips
from unsup_track_ros.training.occupancy_worlds import WorldClipsConfig, write_world_clips

GRID = VoxelGrid(minimum_m=(0.0, 0.0, 0.0), maximum_m=(2.0, 2.0, 1.0), shape_zyx=(1, 2, 2))
ORIGIN = ClipsOrigin(vocabulary="label_free", grid=GRID, period_s=0.5, parameters={"a": 1})


def frames(num: int, value: int = 0) -> Iterator[OccupancyFrame]:
    for k in range(num):
        yield OccupancyFrame(
            stamp_ns=k,
            images=np.full((1, 4, 4, 3), value, np.uint8),
            pix_T_cam=np.eye(3)[None],
            base_T_cam=np.eye(4)[None],
            odom_T_base=np.eye(4),
        )


def test_clips_are_runs_within_a_sequence_and_frames_come_back(tmp_path: Path) -> None:
    written = write_clips(
        tmp_path / "clips", ORIGIN, [("a", lambda: frames(3, 7)), ("b", lambda: frames(1))]
    )
    folder = ClipFolder.open(tmp_path / "clips")
    assert folder.origin == ORIGIN
    assert folder.fingerprint == written.fingerprint
    assert folder.clips(2) == (("a", 0), ("a", 1))
    assert [frame.stamp_ns for frame in folder.frames("a")] == [0, 1, 2]
    assert (folder.frame("a", 1).images == 7).all()
    assert folder.classes.names[folder.classes.free] == "free"


def test_what_is_there_is_not_made_again_and_the_rest_is(tmp_path: Path) -> None:
    def killed() -> Iterator[OccupancyFrame]:
        yield from frames(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_clips(tmp_path, ORIGIN, [("a", lambda: frames(2)), ("b", killed)])
    assert ClipFolder.open(tmp_path).sequences == ("a",)

    def never() -> Iterator[OccupancyFrame]:
        raise AssertionError("made again")

    resumed = write_clips(tmp_path, ORIGIN, [("a", never), ("b", lambda: frames(2))])
    other = tmp_path.parent / "other"
    at_once = write_clips(other, ORIGIN, [("a", lambda: frames(2)), ("b", lambda: frames(2))])
    assert resumed.fingerprint == at_once.fingerprint
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in other.iterdir())


def test_clips_of_other_parameters_are_not_mixed(tmp_path: Path) -> None:
    write_clips(tmp_path, ORIGIN, [("a", lambda: frames(1))])
    changed = ClipsOrigin(vocabulary="street", grid=GRID, period_s=0.5, parameters={"a": 1})
    with pytest.raises(DataError, match="other parameters"):
        write_clips(tmp_path, changed, [])


def test_what_is_no_clip_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no occupancy clips"):
        ClipFolder.open(tmp_path)
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        write_clips(tmp_path, ORIGIN, [])


def test_a_frame_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = write_clips(tmp_path, ORIGIN, [("a", lambda: frames(1))])
    with pytest.raises(DataError, match="there is no frame 1"):
        folder.frame("a", 1)
    with pytest.raises(DataError, match="no sequence 'z'"):
        folder.length("z")


def test_a_street_becomes_a_sequence_with_truth_every_half_second(tmp_path: Path) -> None:
    world = WorldConfig(
        duration_s=1.5,
        lidar=LidarConfig(beams=32, azimuth_steps=480),
        surround=SurroundConfig(enabled=True, width_px=48, height_px=32),
    )
    config = WorldClipsConfig(world=world)
    folder = write_world_clips(tmp_path, config, [4])
    assert folder.sequences == ("world_004",)
    assert folder.length("world_004") == 3
    first, second = (folder.frame("world_004", k) for k in (0, 1))
    assert second.stamp_ns - first.stamp_ns == 500_000_000
    assert first.images.shape == (5, 96, 160, 3)
    assert first.labels is not None
    assert first.labels.grid == folder.grid
    assert (first.labels.instances > 0).any()
