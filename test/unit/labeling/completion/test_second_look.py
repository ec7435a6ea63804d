# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Second looks at a short recording of a street: a car drives, another is parked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from unit.labeling.completion.stretches import egomotion_of
from unit.labeling.test_store import CONFIG, MANIFEST
from unit.perception.lidar_scenes import PARKED, WALL, Box, body, cast_velo, shifted

from unsup_track_ros.data.bag_writer import BagWriter
from unsup_track_ros.data.recording import Recording
from unsup_track_ros.labeling.completion.second_look import SecondLooker, read_look, segments
from unsup_track_ros.labeling.progress import Progress, no_progress
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.pipeline import PipelineConfig
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionStatus
from unsup_track_ros.structures.frame import PointCloud
from unsup_track_ros.structures.motion import MotionState

NUM_FRAMES = 8
CAR: Box = (6.0, 10.0, -6.0, -4.3, 1.5)  # in the first frame; 6 m/s along x
INITIAL, OK, LOST = EgomotionStatus.INITIAL, EgomotionStatus.OK, EgomotionStatus.MISSING_TRANSFORM


def car_at(index: int) -> Box:
    return shifted(CAR, 0.6 * index, 0.0)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    path = tmp_path_factory.mktemp("street") / "street.mcap"
    with BagWriter(path) as writer:
        writer.write_transform("base_link", "velo", 10**9, np.eye(4), static=True)
        for k in range(NUM_FRAMES):
            stamp_ns = 10**9 + k * 10**8
            writer.write_transform("odom", "base_link", stamp_ns, np.eye(4))
            points = cast_velo([WALL, PARKED, car_at(k)], np.eye(4))
            writer.write_cloud("/points", "velo", stamp_ns, PointCloud(points_velo=points))
    return Recording(path)


def poses(*status: EgomotionStatus, jump_at: int = NUM_FRAMES) -> list[Egomotion]:
    """Return poses of a sensor that stands; from `jump_at` on odom is another one."""
    jumped = np.eye(4)
    jumped[0, 3] = 0.8
    return [
        egomotion_of(k, jumped if k >= jump_at else None, status[k] if k < len(status) else OK)
        for k in range(NUM_FRAMES)
    ]


def look(
    recording: Recording,
    folder: Path,
    egomotions: list[Egomotion],
    progress: Progress = no_progress,
    window_s: float = 0.5,
) -> LabelStore:
    folder.mkdir(exist_ok=True)
    store = LabelStore.open_for_writing(folder, MANIFEST, CONFIG)
    looker = SecondLooker(PipelineConfig(), window_s, torch.device("cpu"))
    looker.look(recording, egomotions, store, progress)
    return store


def points_of(recording: Recording, index: int) -> np.ndarray:
    return next(recording.frames(index, images=False)).cloud.points_velo


def test_segments_start_where_odom_starts_anew() -> None:
    assert segments([]) == []
    assert segments(poses(INITIAL)) == [range(NUM_FRAMES)]
    assert segments(poses(INITIAL, OK, OK, INITIAL)) == [range(3), range(3, NUM_FRAMES)]
    assert segments(poses(LOST, LOST, INITIAL)) == [range(2), range(2, NUM_FRAMES)]
    assert segments(poses(INITIAL, INITIAL)) == [range(1), range(1, NUM_FRAMES)]


def test_every_frame_shows_the_driving_car_moving_and_the_parked_one_standing(
    recording: Recording, tmp_path: Path
) -> None:
    """The first frame too, which has no past, and the last, which has no future."""
    store = look(recording, tmp_path / "labels", poses(INITIAL))
    assert store.scratch_indices == tuple(range(NUM_FRAMES))
    for k in range(NUM_FRAMES):
        seen, points = read_look(store, k), points_of(recording, k)
        for box, state in ((car_at(k), MotionState.MOVING), (PARKED, MotionState.STANDING)):
            region = np.bincount(seen.point_region[body(points, box)]).argmax()
            assert region > 0
            assert seen.detections.motion[region - 1] == state
        assert seen.moving_points[body(points, car_at(k))].mean() > 0.9
        assert not seen.moving_points[body(points, PARKED)].any()
        assert seen.judged_points.any()


def test_a_new_odom_is_not_looked_across(recording: Recording, tmp_path: Path) -> None:
    """Its origin lies 0.8 m off: across it, all that stands would seem to jump."""
    apart = look(recording, tmp_path / "a", poses(INITIAL, OK, OK, OK, INITIAL, jump_at=4))
    across = look(recording, tmp_path / "b", poses(INITIAL, jump_at=4))
    points = points_of(recording, 3)
    parked = body(points, PARKED)
    assert not read_look(apart, 3).moving_points[parked].any()
    assert read_look(across, 3).moving_points[parked].any()


def test_frames_without_a_pose_show_nothing_and_are_no_witnesses(
    recording: Recording, tmp_path: Path
) -> None:
    status = [INITIAL, OK, OK, LOST, OK]
    store = look(recording, tmp_path / "labels", poses(*status))
    lost = read_look(store, 3)
    assert len(lost.detections) == 0
    assert not lost.judged_points.any()
    assert read_look(store, 4).moving_points[body(points_of(recording, 4), car_at(4))].any()


def test_a_frame_alone_in_its_window_shows_nothing(recording: Recording, tmp_path: Path) -> None:
    store = look(recording, tmp_path / "labels", poses(INITIAL), window_s=0.05)
    assert store.scratch_indices == tuple(range(NUM_FRAMES))
    assert not any(read_look(store, k).judged_points.any() for k in range(NUM_FRAMES))


class Stopped(Exception):
    """The end of a process."""


@pytest.mark.parametrize("stop_after", [1, 5])
def test_stopped_looks_end_with_the_same_bytes(
    recording: Recording, tmp_path: Path, stop_after: int
) -> None:
    def stop(work: str, done: int, total: int) -> None:
        assert (work, total) == ("looking back", NUM_FRAMES)
        if done == stop_after:
            raise Stopped

    whole = look(recording, tmp_path / "a", poses(INITIAL), window_s=0.2)
    with pytest.raises(Stopped):
        look(recording, tmp_path / "b", poses(INITIAL), stop, window_s=0.2)
    stopped = look(recording, tmp_path / "b", poses(INITIAL), window_s=0.2)
    assert stopped.scratch_indices == whole.scratch_indices
    for path in sorted((tmp_path / "a" / "scratch").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / "scratch" / path.name).read_bytes()


def test_what_was_looked_at_is_not_looked_at_again(recording: Recording, tmp_path: Path) -> None:
    look(recording, tmp_path / "labels", poses(INITIAL), window_s=0.2)

    def refuse(_: str, __: int, ___: int) -> None:
        raise AssertionError

    look(recording, tmp_path / "labels", poses(INITIAL), refuse, window_s=0.2)
