# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameter files of training runs can be read."""

from __future__ import annotations

from pathlib import Path

from unsup_track_ros.config import load_config
from unsup_track_ros.training.em_config import em_config
from unsup_track_ros.training.silot_run import SilotRunConfig
from unsup_track_ros.training.trackocc_run import TrackOccRunConfig


def test_every_parameter_file_of_silot_can_be_loaded(repository: Path) -> None:
    files = sorted((repository / "config" / "training").glob("silot_*.yaml"))
    assert len(files) == 3
    for path in files:
        config = load_config(path, SilotRunConfig)
        assert config != SilotRunConfig()
        assert config.training.final_steps < config.training.num_steps


def test_every_parameter_file_of_em_can_be_loaded(repository: Path) -> None:
    folder = repository / "config" / "training"
    small = em_config("improved", folder / "em_small.yaml")
    assert small.bev.grid.num_x == 128
    assert em_config("improved", folder / "em_short.yaml").bev.grid.num_x == 256
    for name in ("em_tcr_small.yaml", "em_tcr_short.yaml"):
        released = em_config("tcr", folder / name)
        assert released.bev.mode == "tcr"
        assert released.decoding.min_score == 0.5  # of the mode, not of the file
        assert released.label.pipeline.motion_segmentation.mode == "improved"  # of the file


def test_every_parameter_file_of_trackocc_can_be_loaded(repository: Path) -> None:
    folder = repository / "config" / "training"
    paper = load_config(folder / "trackocc_paper.yaml", TrackOccRunConfig)
    assert paper.network.grid.grid.shape_zyx == (16, 200, 200)
    assert paper.network.depth.num == 80
    assert paper.network.compact_shape_zyx == (16, 50, 50)
    assert load_config(folder / "trackocc_bev.yaml", TrackOccRunConfig).network.volume == "bev"
