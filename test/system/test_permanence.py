# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Hidden things are found: a pedestrian behind a van, a ball in a cone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.permanence_driving import Drive, follow
from unsup_track_ros.data.permanence import PermanenceConfig, permanence_videos
from unsup_track_ros.data.permanence.driving import hidden_spans
from unsup_track_ros.data.permanence.ways import Behaviour, Who
from unsup_track_ros.tracking.hidden_objects import HiddenObjects, HiddenObjectsConfig
from unsup_track_ros.training.ram_evaluation import (
    REFINED,
    WALK,
    RamEvaluationConfig,
    follow_targets,
    score_targets,
)
from unsup_track_ros.training.ram_run import load_ram


def test_who_hides_behind_a_van_comes_back_with_the_same_identity() -> None:
    survived = {"belief": 0, "constant velocity": 0}
    drives: tuple[tuple[Who, Behaviour], ...] = (
        ("walker", "stops"),
        ("runner", "goes on"),
        ("car", "goes on"),
    )
    for who, behaviour in drives:
        drive = Drive(who=who, behaviour=behaviour, hidden_s=4.0, seed=1, number=0)
        frames, noise = drive.frames()
        (first, end), *_ = hidden_spans(np.array([frame.num_points[0] for frame in frames]))
        for name in survived:
            permanence = HiddenObjects(HiddenObjectsConfig()) if name == "belief" else None
            ids, _ = follow(frames, noise, permanence)
            survived[name] += ids[end][0] == ids[first - 1][0] >= 0
    assert survived["constant velocity"] < survived["belief"] == len(drives)


def test_the_network_of_the_tests_finds_what_cones_contain_and_carry(repository: Path) -> None:
    network = load_ram(repository / "test" / "data" / "random_walk_memory.safetensors")
    videos = permanence_videos(PermanenceConfig(moving_camera=True), 6, 100_000)
    scores = score_targets(videos, follow_targets(videos, network, RamEvaluationConfig()))
    walks = {WALK, REFINED}
    for state in ("contained", "carried"):
        others = [s[state].mean_iou for name, s in scores.items() if name not in walks]
        assert scores[WALK][state].num_frames > 30
        assert max(scores[name][state].mean_iou for name in walks) > 1.2 * max(others)
    assert scores[WALK]["visible"].mean_iou > 0.65
