# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SILOT through the command line: train, resume, evaluate, detect on a recording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from system.label_directory import refused
from typer.testing import CliRunner

from unsup_track_ros.cli.main import app

pytestmark = pytest.mark.system

SMALL_NETWORK = "network: {what_size: 4, memory_size: 4, max_objects: 4}"
SCATTERED = f"""/**:
  ros__parameters:
    {SMALL_NETWORK}
    data:
      num_videos: 8
      scattered: {{kind: shapes, side_px: 36, max_objects: 2, num_frames: 4}}
    training: {{batch_size: 2, num_steps: 4, max_frames: 4, stage_steps: 2}}
    loop: {{report_steps: 1, checkpoint_steps: 2}}
    evaluation: {{most_objects: 2, num_videos: 2, max_objects: 4}}
"""
DRIVE = f"""/**:
  ros__parameters:
    {SMALL_NETWORK}
    data: {{clip_frames: 2, clip_px: 48}}
    training: {{batch_size: 1, num_steps: 1, max_frames: 2}}
"""


def run(*arguments: object) -> str:
    """Run a command that must succeed; return what it prints."""
    answer = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def written(path: Path, text: str) -> Path:
    """Write a parameter file."""
    path.write_text(text.replace("image_channels: 1", ""))
    return path


def test_train_and_evaluate_leave_weights_scores_and_a_report(tmp_path: Path) -> None:
    text = SCATTERED.replace("max_objects: 4}", "max_objects: 4, image_channels: 3}", 1)
    config, out = written(tmp_path / "silot.yaml", text), tmp_path / "run"
    answer = json.loads(run("train", "silot", "--config", config, "--out", out, "--json"))
    assert [Path(path).name for path in answer["weights"]] == ["weights-0.safetensors"]
    weights = (out / "weights-0.safetensors").read_bytes()
    run("train", "silot", "--config", config, "--out", out)  # finished: nothing changes
    assert (out / "weights-0.safetensors").read_bytes() == weights
    rows = json.loads(run("evaluate", out, "--json"))["rows"]
    assert {(row["method"], row["objects"]) for row in rows} == {
        (method, number) for method in ("ConnComp", "weights-0") for number in (1, 2)
    }
    report = (out / "report.html").read_text()
    assert "Scores on unseen videos" in report
    assert "data:image/jpeg" in report
    assert "differs in config_sha256" in refused(
        "train", "silot", "--config", config, "--out", out, "--steps", "9"
    )


def test_a_network_trained_on_a_recording_detects_on_it(tiny_drive: Path, tmp_path: Path) -> None:
    config, out = written(tmp_path / "silot.yaml", DRIVE), tmp_path / "run"
    run("train", "silot", tiny_drive, "--config", config, "--out", out)
    weights = out / "weights-0.safetensors"
    detect = written(
        tmp_path / "detect.yaml",
        "/**:\n  ros__parameters:\n    pipeline:\n      detector: silot\n"
        f"      silot: {{weights_path: {weights}, min_presence: 0.1}}\n",
    )
    run("label", tiny_drive, "--out", tmp_path / "labels", "--config", detect, "--no-video")
    assert json.loads((tmp_path / "labels" / "summary.json").read_text())["frames"] > 0


def test_detection_without_weights_is_refused(tiny_drive: Path, tmp_path: Path) -> None:
    config = written(
        tmp_path / "detect.yaml",
        "/**:\n  ros__parameters:\n    pipeline: {detector: silot}\n",
    )
    sentence = refused("label", tiny_drive, "--out", tmp_path / "labels", "--config", config)
    assert "weights_path" in sentence
