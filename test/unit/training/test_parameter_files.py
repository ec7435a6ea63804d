# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameter files of training runs can be read."""

from __future__ import annotations

from pathlib import Path

from unsup_track_ros.config import load_config
from unsup_track_ros.training.silot_run import SilotRunConfig


def test_every_parameter_file_of_silot_can_be_loaded(repository: Path) -> None:
    files = sorted((repository / "config" / "training").glob("silot_*.yaml"))
    assert len(files) == 3
    for path in files:
        config = load_config(path, SilotRunConfig)
        assert config != SilotRunConfig()
        assert config.training.final_steps < config.training.num_steps
