# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline as a whole on a small synthetic street."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from unsup_track_ros.data.synthetic.camera import CameraConfig
from unsup_track_ros.data.synthetic.lidar import LidarConfig
from unsup_track_ros.data.synthetic.render import render
from unsup_track_ros.data.synthetic.world import WorldConfig, build_world
from unsup_track_ros.errors import DataError
from unsup_track_ros.occupancy.change_image import ChangeImageConfig
from unsup_track_ros.occupancy.mapper import OccupancyMapper
from unsup_track_ros.perception.egomotion import EgomotionConfig
from unsup_track_ros.pipeline import Pipeline, PipelineConfig
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.frame import PointCloud, SensorFrame
from unsup_track_ros.structures.motion import MotionStatus
from unsup_track_ros.structures.result import PerceptionResult

NUM_FRAMES = 16


@pytest.fixture(scope="module")
def frames() -> list[SensorFrame]:
    config = WorldConfig(
        duration_s=3.0,
        lidar=LidarConfig(beams=32, azimuth_steps=900),
        camera=CameraConfig(width_px=416, height_px=128),
    )
    world = build_world(config, seed=5)
    stamps_ns = [config.start_ns + i * world.period_ns for i in range(NUM_FRAMES)]
    return [render(world, stamp_ns)[0] for stamp_ns in stamps_ns]


def answers(result: PerceptionResult) -> dict[str, np.ndarray]:
    """Return everything a frame's result says, without its input and its timings."""
    parts = ["flow", "egomotion", "consistency", "motion", "regions"]
    parts += ["detections", "tracks", "grids"]
    arrays: dict[str, np.ndarray] = {}
    for part in parts:
        if getattr(result, part) is not None:
            arrays.update(to_arrays(getattr(result, part), part + "/"))
    return arrays


def assert_same(left: PerceptionResult, right: PerceptionResult) -> None:
    expected, got = answers(left), answers(right)
    assert expected.keys() == got.keys()
    for key, value in expected.items():
        assert value.tobytes() == got[key].tobytes(), f"{key} differs at {left.frame.stamp_ns} ns"


@pytest.mark.parametrize("source", ["tf", "lidar", "flow"])
def test_a_restored_pipeline_continues_to_the_same_bytes(
    frames: list[SensorFrame], source: Literal["tf", "lidar", "flow"]
) -> None:
    config = PipelineConfig(egomotion=EgomotionConfig(source=source))
    whole = Pipeline(config)
    undisturbed = [whole.step(frame) for frame in frames]
    first = Pipeline(config)
    for frame in frames[:9]:
        first.step(frame)
    second = Pipeline(config)
    second.restore(first.state())
    for frame, expected in zip(frames[9:], undisturbed[9:], strict=True):
        assert_same(expected, second.step(frame))


def test_two_runs_over_the_same_frames_give_the_same_bytes(frames: list[SensorFrame]) -> None:
    one, other = Pipeline(PipelineConfig()), Pipeline(PipelineConfig())
    for frame in frames:
        assert_same(one.step(frame), other.step(frame))


def test_the_map_is_the_same_whether_or_not_somebody_asks_for_every_grid(
    frames: list[SensorFrame],
) -> None:
    asked, unasked = Pipeline(PipelineConfig()), Pipeline(PipelineConfig())
    for frame in frames[:6]:
        expected, result = asked.step(frame), unasked.step(frame)
        assert expected.grids is not None
    assert_same(expected, result)


def test_what_has_changed_is_told_by_the_map_of_all_scans_before_whether_or_not_somebody_asked(
    frames: list[SensorFrame],
) -> None:
    config = PipelineConfig(change_image=ChangeImageConfig(always=True))
    asked, unasked = Pipeline(config), Pipeline(config)
    for frame in frames[:6]:
        expected, result = asked.step(frame), unasked.step(frame)
        assert expected.grids is not None
    assert expected.change is not None
    assert result.change is not None
    for name, value in to_arrays(expected.change).items():
        np.testing.assert_array_equal(value, to_arrays(result.change)[name])


def test_a_scan_that_cannot_be_mapped_is_told_with_the_next_frame_at_the_latest(
    frames: list[SensorFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline(PipelineConfig())

    def fails(*_: object) -> None:
        raise DataError("The map is torn.")

    with monkeypatch.context() as patch:
        patch.setattr(OccupancyMapper, "step", fails)
        result = pipeline.step(frames[0])
        assert len(result.tracks) == 0  # the tracks are there
        with pytest.raises(DataError, match="torn"):
            pipeline.step(frames[1])
    assert pipeline.step(frames[2]).grids is not None


def test_a_backward_jump_starts_a_new_stream_that_equals_the_first(
    frames: list[SensorFrame],
) -> None:
    pipeline = Pipeline(PipelineConfig(egomotion=EgomotionConfig(source="lidar")))
    before = [pipeline.step(frame) for frame in frames[:8]]
    again = pipeline.step(frames[0])
    assert again.egomotion.status is EgomotionStatus.INITIAL
    assert len(again.tracks) == 0
    np.testing.assert_array_equal(again.egomotion.odom_T_velo1, before[0].egomotion.odom_T_velo1)


def test_a_frame_fed_twice_is_refused(frames: list[SensorFrame]) -> None:
    pipeline = Pipeline(PipelineConfig())
    pipeline.step(frames[0])
    with pytest.raises(DataError, match="synchronizer"):
        pipeline.step(frames[0])


def test_losing_the_camera_leaves_lidar_results_and_its_return_is_noticed(
    frames: list[SensorFrame],
) -> None:
    pipeline = Pipeline(PipelineConfig())
    for i, frame in enumerate(frames):
        blind = 6 <= i < 9
        result = pipeline.step(replace(frame, cameras=()) if blind else frame)
        assert (result.motion.moving_pixels is None) == (blind or i in (0, 9))
        if i > 0:
            assert result.motion.status is MotionStatus.OK
        assert result.grids is not None


def test_empty_scans_pass_through_without_an_answer(frames: list[SensorFrame]) -> None:
    pipeline = Pipeline(PipelineConfig(egomotion=EgomotionConfig(source="lidar")))
    nothing = PointCloud(points_velo=np.zeros((0, 3), np.float32))
    for frame in frames[:4]:
        result = pipeline.step(replace(frame, cloud=nothing))
        assert result.motion.status is not MotionStatus.OK
        assert result.motion.reason
        assert len(result.detections) == 0


def test_a_new_odom_in_mid_stream_drops_tracks_and_maps_of_the_old_one(
    frames: list[SensorFrame],
) -> None:
    pipeline = Pipeline(PipelineConfig(egomotion=EgomotionConfig(source="auto")))
    for frame in frames[:8]:
        pipeline.step(replace(frame, odom_T_velo=None, odom_reason="No TF yet."))
    switched = pipeline.step(frames[8])
    assert switched.egomotion.status is EgomotionStatus.INITIAL
    assert len(switched.tracks) == 0
    assert switched.motion.status is MotionStatus.NO_PAST_FRAME
    assert pipeline.step(frames[9]).egomotion.status is EgomotionStatus.OK
