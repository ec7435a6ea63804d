# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline as a live node runs it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from ros.street import IMAGE, INFO, POINTS, moment, static_transforms

from unsup_track_ros.config import flatten, from_values
from unsup_track_ros.data.live_frames import LiveConfig, LiveFrame, LiveFrames
from unsup_track_ros.data.live_topics import live_topics
from unsup_track_ros.data.recording import RecordingConfig
from unsup_track_ros.data.topic_selection import TopicConfig
from unsup_track_ros.errors import ConfigError, DataError
from unsup_track_ros.pipeline import Pipeline, PipelineConfig
from unsup_track_ros.ros.engine import Engine, choose_device
from unsup_track_ros.structures.egomotion import EgomotionStatus
from unsup_track_ros.structures.result import PerceptionResult

CPU = torch.device("cpu")


def live_frames(*indices: int) -> list[LiveFrame]:
    topics = live_topics(TopicConfig(clouds=(POINTS,), images=(IMAGE,)), {})
    grown = LiveFrames(topics, RecordingConfig(), LiveConfig(queue_size=50))
    grown.add("/tf_static", static_transforms(), 0.0)
    found = []
    for index in indices:
        made = moment(index)
        for topic, message in (("/tf", made.transforms), (INFO, made.info), (IMAGE, made.image)):
            grown.add(topic, message, 0.0)
        grown.add(POINTS, made.cloud, 0.0)
        live = grown.take(0.0)
        assert live is not None
        found.append(live)
    return found


def step(running: Engine, live: LiveFrame) -> tuple[PerceptionResult, bool]:
    begun = running.begin(live)
    return running.finish(begun), begun.is_new


def engine(**values: object) -> Engine:
    return Engine(from_values(PipelineConfig, values), CPU, with_occupancy=True)


def test_a_new_timeline_starts_anew_and_is_told() -> None:
    running = engine()
    answers = [step(running, live) for live in live_frames(30, 31, 0)]
    assert [is_new for _, is_new in answers] == [False, False, True]
    statuses = [result.egomotion.status for result, _ in answers]
    assert statuses == [EgomotionStatus.INITIAL, EgomotionStatus.OK, EgomotionStatus.INITIAL]


def test_changed_parameters_go_on_from_the_same_state() -> None:
    frames = live_frames(*range(8))
    steady, changed = engine(), engine()
    for live in frames[:6]:
        step(steady, live)
        step(changed, live)
    config = PipelineConfig()
    changed.change(from_values(PipelineConfig, flatten(config)))
    for live in frames[6:]:
        expected, _ = step(steady, live)
        result, _ = step(changed, live)
        assert expected.grids is not None
        assert result.grids is not None
        np.testing.assert_array_equal(result.grids.static, expected.grids.static)
        np.testing.assert_array_equal(result.tracks.ids, expected.tracks.ids)
        np.testing.assert_array_equal(result.tracks.boxes_odom, expected.tracks.boxes_odom)


def test_frames_that_are_begun_early_give_the_same_results() -> None:
    frames = live_frames(*range(30, 34), 0)
    in_turn, early = engine(), engine()
    expected = [step(in_turn, live)[0] for live in frames]
    begun = [early.begin(live) for live in frames]
    for want, got in zip(expected, [early.finish(entry) for entry in begun], strict=True):
        assert want.grids is not None
        assert got.grids is not None
        assert got.egomotion.status is want.egomotion.status
        np.testing.assert_array_equal(got.motion.moving_points, want.motion.moving_points)
        np.testing.assert_array_equal(got.grids.static, want.grids.static)
        np.testing.assert_array_equal(got.tracks.boxes_odom, want.tracks.boxes_odom)


def test_parameters_change_between_frames_and_not_within_one() -> None:
    first, second = live_frames(0, 1)
    running = engine()
    begun = running.begin(first)
    running.change(PipelineConfig())
    other = threading.Thread(target=step, args=(running, second))
    other.start()
    other.join(0.2)
    assert other.is_alive()
    running.finish(begun)
    other.join(60.0)
    assert not other.is_alive()


def test_a_changed_parameter_is_used_from_the_next_frame_on() -> None:
    frames = live_frames(*range(4))
    running = engine()
    for live in frames[:3]:
        result, _ = step(running, live)
    values = {"occupancy.hit_probability": 0.99, "occupancy.max_probability": 0.999}
    before = result.grids
    running.change(from_values(PipelineConfig, flatten(PipelineConfig()) | values))
    after = step(running, frames[3])[0].grids
    assert before is not None
    assert after is not None
    assert after.static.max() > before.static.max()


@pytest.mark.parametrize("part", ["begin", "finish"])
def test_without_memory_on_the_gpu_the_stages_go_on_on_the_cpu(
    part: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = live_frames(*range(5))
    running = engine()
    step(running, frames[0])
    step(running, frames[1])

    def full(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, part, full)
        with pytest.raises(DataError, match="goes on on the CPU"):
            step(running, frames[2])
    result, is_new = step(running, frames[3])
    assert running.device == "cpu (the GPU ran out of memory)"
    assert not is_new
    assert result.egomotion.status is EgomotionStatus.OK


def test_cuda_that_is_not_there_is_refused() -> None:
    assert choose_device("cpu").type == "cpu"
    if torch.cuda.is_available():
        assert choose_device("cuda").type == choose_device("auto").type == "cuda"
    else:
        assert choose_device("auto").type == "cpu"
        with pytest.raises(ConfigError, match=r"node\.device"):
            choose_device("cuda")
