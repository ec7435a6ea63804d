# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracker alone on real detections: `track`, and `evaluate` of what it writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from system.label_directory import refused
from typer.testing import CliRunner

from unsup_track_ros.cli.main import app

pytestmark = pytest.mark.system

SEQUENCES = {"0003": "Car", "0017": "Pedestrian"}  # the shortest with each


@pytest.fixture(scope="module")
def kitti(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small benchmark: two sequences of 145 frames."""
    source, folder = shared_data / "kitti_tracking", tmp_path_factory.mktemp("benchmark")
    for name, kind in SEQUENCES.items():
        (folder / "detection" / kind).mkdir(parents=True)
        file = source / "detection" / f"pointrcnn_{kind}" / f"{name}.txt"
        shutil.copy(file, folder / "detection" / kind)
    for part in ("calib", "oxts", "label_02"):
        shutil.copytree(source / part, folder / part)
    return folder


def run(*arguments: object) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.stderr
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def tracked(kitti: Path, out: Path, *more: object) -> dict[str, Any]:
    poses = ("--oxts", kitti / "oxts", "--calib", kitti / "calib")
    return run("track", kitti / "detection", "--format", "kitti", *poses, "--out", out, *more)


def scores(kitti: Path, out: Path) -> dict[str, float]:
    metrics: dict[str, float] = run("evaluate", out, "--truth", kitti / "label_02")["metrics"]
    return metrics


@pytest.fixture(scope="module")
def online(kitti: Path) -> Path:
    """Return the results of the live tracker."""
    content = tracked(kitti, kitti / "online")
    assert content["frames"] == 289
    assert content["warnings"] == []
    return kitti / "online"


def test_short_sequences_are_tracked_online_and_better_with_hindsight(
    kitti: Path, online: Path, tmp_path: Path
) -> None:
    written = sorted(file.name for file in online.iterdir() if file.name[:4] != "eval")
    assert written == ["0003.txt", "0017.txt", "track.json"]
    tracked(kitti, tmp_path / "offline", "--mode", "offline")
    live, hindsight = scores(kitti, online), scores(kitti, tmp_path / "offline")
    assert live["volume.car.samota@0.25"] > 0.9
    assert live["volume.car.num_switches@0.25"] == 0
    assert live["volume.pedestrian.samota@0.25"] > 0.8
    assert hindsight["volume.car.samota@0.25"] > live["volume.car.samota@0.25"] - 0.01
    assert hindsight["volume.car.motp@0.25"] > live["volume.car.motp@0.25"] - 0.01
    assert live["image.car.hota"] > 0.5
    assert (online / "evaluation.md").is_file()


def test_one_set_of_tracks_is_a_part_of_the_ranking_and_has_fewer_errors(
    kitti: Path, online: Path, tmp_path: Path
) -> None:
    content = tracked(kitti, tmp_path / "sure", "--sure")
    assert content["written"] == "only what is sure"
    everything = set((online / "0003.txt").read_text().splitlines())
    sure = set((tmp_path / "sure" / "0003.txt").read_text().splitlines())
    assert sure < everything
    one_set, ranking = scores(kitti, tmp_path / "sure"), scores(kitti, online)
    assert one_set["volume.car.mota_all@0.25"] > ranking["volume.car.mota_all@0.25"] + 0.1


def test_one_file_without_poses_and_calibration_gives_the_same_bytes_and_says_what_it_lacks(
    kitti: Path, tmp_path: Path
) -> None:
    rows = (kitti / "detection" / "Car" / "0003.txt").read_text().splitlines(keepends=True)
    (tmp_path / "0003.txt").write_text("".join(rows[:200]))
    for name in ("a", "b"):
        content = run("track", tmp_path / "0003.txt", "--out", tmp_path / name)
        assert [note.split()[1] for note in content["warnings"]] == ["--oxts", "--calib"]
    first = (tmp_path / "a" / "0003.txt").read_bytes()
    assert first == (tmp_path / "b" / "0003.txt").read_bytes()
    assert len(first) > 10_000


def test_what_cannot_be_tracked_is_one_sentence_and_nothing_written(
    kitti: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert "no detections" in refused("track", tmp_path / "none", "--out", out)
    no_unit = refused("track", kitti / "detection", "--oxts", kitti / "oxts", "--out", out)
    assert "Pass --calib" in no_unit
    (tmp_path / "c.yaml").write_text("/**:\n  ros__parameters:\n    car:\n      length_gian: 1.0\n")
    misspelt = refused("track", kitti / "detection", "--config", tmp_path / "c.yaml", "--out", out)
    assert "car.length_gain" in misspelt
    assert not out.exists()


def test_tracks_are_scored_against_labels_only(kitti: Path, online: Path, tmp_path: Path) -> None:
    assert "--truth label_02" in refused("evaluate", online)
    (tmp_path / "0099.txt").write_text("")
    assert "0099.txt" in refused("evaluate", tmp_path, "--truth", kitti / "label_02")
