# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RetinaTrack through the command line: train, resume, evaluate, follow in the image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from system.label_directory import refused, run_well

pytestmark = pytest.mark.system

NETWORK = "network: {channels: 8, embedding_size: 4, num_levels: 2}"
CROSSING = f"""/**:
  ros__parameters:
    {NETWORK}
    training: {{clips_per_batch: 1, num_steps: 4, warmup_steps: 2, triplet_start_steps: 2}}
    data: {{num_videos: 1, crossing: {{width_px: 96, height_px: 64, num_frames: 10}}}}
    loop: {{report_steps: 1, checkpoint_steps: 2}}
    evaluation: {{num_videos: 1}}
"""
LABELS = f"""/**:
  ros__parameters:
    {NETWORK}
    training: {{clips_per_batch: 1, num_steps: 1}}
    data: {{width_px: 160, clip_s: 0.2, min_side_px: 2.0}}
"""


def test_train_and_evaluate_leave_weights_and_scores(tmp_path: Path) -> None:
    config, out = tmp_path / "config.yaml", tmp_path / "run"
    config.write_text(CROSSING)
    command = ("train", "retinatrack", "--config", config, "--out", out)
    answer = json.loads(run_well(*command, "--json"))
    assert [Path(path).name for path in answer["weights"]] == ["weights-0.safetensors"]
    weights = (out / "weights-0.safetensors").read_bytes()
    run_well(*command)  # finished: nothing changes
    assert (out / "weights-0.safetensors").read_bytes() == weights
    rows = json.loads(run_well("evaluate", out, "--json"))["rows"]
    assert [row["cues"] for row in rows] == ["iou", "embedding", "iou_and_embedding"]
    assert (out / "evaluation.json").is_file()
    assert "differs in config_sha256" in refused(*command, "--steps", "9")


def test_a_network_trained_on_labels_follows_in_the_image(tiny_drive: Path, tmp_path: Path) -> None:
    config, out, labels = tmp_path / "config.yaml", tmp_path / "run", tmp_path / "labels"
    config.write_text(LABELS)
    run_well("label", tiny_drive, "--out", labels, "--no-video")
    run_well("train", "retinatrack", labels, "--config", config, "--out", out)
    follow = tmp_path / "follow.yaml"
    follow.write_text(
        "/**:\n  ros__parameters:\n    pipeline:\n      image_detector: retinatrack\n"
        f"      retinatrack: {{weights_path: {out / 'weights-0.safetensors'}, width_px: 160}}\n"
    )
    again = tmp_path / "again"
    run_well("label", tiny_drive, "--out", again, "--config", follow, "--no-video")
    assert json.loads((again / "summary.json").read_text())["frames"] > 0
    assert "no truth" in refused("evaluate", out)
