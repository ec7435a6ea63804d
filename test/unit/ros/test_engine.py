# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline as a live node runs it."""

from __future__ import annotations

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


def engine(**values: object) -> Engine:
    return Engine(from_values(PipelineConfig, values), CPU, with_occupancy=True)


def test_a_new_timeline_starts_anew_and_is_told() -> None:
    running = engine()
    answers = [running.step(live) for live in live_frames(30, 31, 0)]
    assert [is_new for _, is_new in answers] == [False, False, True]
    statuses = [result.egomotion.status for result, _ in answers]
    assert statuses == [EgomotionStatus.INITIAL, EgomotionStatus.OK, EgomotionStatus.INITIAL]


def test_changed_parameters_go_on_from_the_same_state() -> None:
    frames = live_frames(*range(8))
    steady, changed = engine(), engine()
    for live in frames[:6]:
        steady.step(live)
        changed.step(live)
    config = PipelineConfig()
    changed.change(from_values(PipelineConfig, flatten(config)))
    for live in frames[6:]:
        expected, _ = steady.step(live)
        result, _ = changed.step(live)
        assert expected.grids is not None
        assert result.grids is not None
        np.testing.assert_array_equal(result.grids.static, expected.grids.static)
        np.testing.assert_array_equal(result.tracks.ids, expected.tracks.ids)
        np.testing.assert_array_equal(result.tracks.boxes_odom, expected.tracks.boxes_odom)


def test_a_changed_parameter_is_used_from_the_next_frame_on() -> None:
    frames = live_frames(*range(4))
    running = engine()
    for live in frames[:3]:
        result, _ = running.step(live)
    values = {"occupancy.hit_probability": 0.99, "occupancy.max_probability": 0.999}
    before = result.grids
    running.change(from_values(PipelineConfig, flatten(PipelineConfig()) | values))
    after = running.step(frames[3])[0].grids
    assert before is not None
    assert after is not None
    assert after.static.max() > before.static.max()


def test_without_memory_on_the_gpu_the_stages_go_on_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = live_frames(*range(5))
    running = engine()
    running.step(frames[0])
    running.step(frames[1])

    def full(*_: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "step", full)
        with pytest.raises(DataError, match="goes on on the CPU"):
            running.step(frames[2])
    assert running.device == "cpu (the GPU ran out of memory)"
    result, is_new = running.step(frames[3])
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
