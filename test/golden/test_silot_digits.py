# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A trained network finds and follows digits that it has never seen (docs/results/silot.md)."""

from __future__ import annotations

from pathlib import Path

import torch

from unsup_track_ros.data.scattered.videos import ScatteredConfig, scattered_videos
from unsup_track_ros.evaluation.image_tracking import score_videos
from unsup_track_ros.networks.silot import SilotInferenceConfig
from unsup_track_ros.perception.color_components import ColorComponentsConfig
from unsup_track_ros.perception.silot_detection import load_silot
from unsup_track_ros.training.silot_evaluation import tracked_by_components, tracked_by_network

WEIGHTS = Path(__file__).parent.parent / "data" / "silot_digits.safetensors"


def test_the_trained_network_follows_six_digits_and_beats_connected_components(
    shared_data: Path,
) -> None:
    config = ScatteredConfig(
        mnist_folder=str(shared_data / "mnist_t10k"), min_objects=6, max_objects=6
    )
    videos = scattered_videos(config, 8, torch.Generator().manual_seed(706), "validation")
    network = load_silot(str(WEIGHTS), torch.device("cpu"))
    silot = score_videos(tracked_by_network(videos, network))
    paper = score_videos(
        tracked_by_network(videos, network, None, SilotInferenceConfig(method="paper"))
    )
    baseline = score_videos(tracked_by_components(videos, ColorComponentsConfig()))
    assert silot.mota > 0.8
    assert silot.mota > paper.mota + 0.1 > baseline.mota
    assert silot.ap > baseline.ap + 0.1
    assert silot.num_switches < baseline.num_switches
