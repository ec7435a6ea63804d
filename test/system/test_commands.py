# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whole commands, in this process: what they write, print, refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from system.label_directory import refused
from typer.testing import CliRunner

from unsup_track_ros.cli.main import app

pytestmark = pytest.mark.system


def bad_bag(kind: str, folder: Path, good: Path) -> Path:
    """Spoil a copy of a recording."""
    if kind == "missing":
        return folder / "nothing.mcap"
    if kind == "empty":
        path = folder / "empty.mcap"
        path.write_bytes(b"")
    elif kind == "text":
        path = folder / "notes.mcap"
        path.write_text("not a recording\n" * 100)
    elif kind == "renamed":
        path = folder / "drive.bag"
        shutil.copy(good, path)
    elif kind == "unknown suffix":
        path = folder / "drive.mp3"
        shutil.copy(good, path)
    elif kind == "empty folder":
        path = folder / "bag"
        path.mkdir()
    else:
        path = folder / "cut.mcap"
        path.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    return path


@pytest.mark.parametrize(
    "kind", ["missing", "empty", "text", "renamed", "unknown suffix", "empty folder", "cut"]
)
def test_a_bad_recording_is_one_sentence_and_nothing_half_written(
    kind: str, tiny_drive: Path, tmp_path: Path
) -> None:
    bag = bad_bag(kind, tmp_path, tiny_drive)
    sentence = refused("label", bag, "--out", tmp_path / "labels")
    assert bag.name in sentence
    assert len(sentence) < 600
    assert not (tmp_path / "labels").exists()


def test_a_topic_that_is_not_there_is_refused_with_those_that_are(
    tiny_drive: Path, tmp_path: Path
) -> None:
    sentence = refused(
        "label", tiny_drive, "--out", tmp_path / "labels", "--points-topic", "/velodyne"
    )
    assert "/velodyne" in sentence
    assert "/points" in sentence
    assert not (tmp_path / "labels").exists()


def test_a_recording_without_point_clouds_is_refused(shared_data: Path, tmp_path: Path) -> None:
    bag = next((shared_data / "nav2_tf_mcap").rglob("*.mcap"))
    assert "point cloud" in refused("label", bag, "--out", tmp_path / "labels")
    assert not (tmp_path / "labels").exists()


def test_asking_for_poses_that_are_not_there_is_refused_with_what_is_missing(
    drive_without_poses: Path, tmp_path: Path
) -> None:
    sentence = refused(
        "label", drive_without_poses, "--out", tmp_path / "l", "--egomotion", "tf", "--no-video"
    )
    assert "none of the 4 frames has a pose" in sentence
    assert "--egomotion lidar or flow" in sentence
    assert not (tmp_path / "l").exists()


def test_a_mistyped_parameter_is_refused_with_the_nearest_name(
    tiny_drive: Path, tmp_path: Path
) -> None:
    (tmp_path / "p.yaml").write_text("/**:\n  ros__parameters:\n    labels.grid_intervall_s: 1.0\n")
    sentence = refused(
        "label", tiny_drive, "--out", tmp_path / "labels", "--config", tmp_path / "p.yaml"
    )
    assert "labels.grid_interval_s" in sentence


def test_the_output_of_somebody_else_is_not_touched(tiny_drive: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("precious")
    for more in ((), ("--overwrite",)):
        assert "thesis.tex" in refused("label", tiny_drive, "--out", tmp_path / "home", *more)
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.tex"]


def test_synthesize_refuses_to_replace_and_replaces_when_told(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text(
        "/**:\n  ros__parameters:\n    lidar: {beams: 8, azimuth_steps: 90}\n"
    )
    command = ["synthesize", str(tmp_path / "d.mcap"), "--seconds", "0.2", "--json"]
    command += ["--config", str(tmp_path / "world.yaml"), "--image-size", "64x32"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["frames"] == 2
    assert len(list((tmp_path / "d.truth").glob("*.npz"))) == 2
    assert "exists" in refused(*command)
    assert CliRunner().invoke(app, [*command, "--overwrite"]).exit_code == 0


def test_info_shows_topics_and_what_the_labeler_would_read(tiny_drive: Path) -> None:
    done = CliRunner().invoke(app, ["info", str(tiny_drive), "--json"])
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content["frames"] == 14
    assert content["used"] == ["/points", "/camera/image_raw"]
    assert content["topics"]["/points"]["messages"] == 14
    assert "* /points" in CliRunner().invoke(app, ["info", str(tiny_drive)]).stdout


def test_a_drive_is_labelled_scored_and_reported(tiny_drive: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    done = CliRunner().invoke(
        app, ["label", str(tiny_drive), "--out", str(labels), "--mode", "tcr", "--json"]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["frames"] == 14
    assert "mode: tcr" in (labels / "config.yaml").read_text()
    done = CliRunner().invoke(app, ["evaluate", str(labels), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads((labels / "evaluation.json").read_text())
    table = CliRunner().invoke(app, ["evaluate", str(labels)]).stdout
    assert table.strip() == (labels / "evaluation.md").read_text().strip()
    assert "Scores against the truth" in (labels / "report.html").read_text()


def test_scoring_without_truth_says_where_it_was_looked_for(
    drive_without_poses: Path, tmp_path: Path
) -> None:
    labels, bag = tmp_path / "labels", tmp_path / "alone.mcap"
    shutil.copy(drive_without_poses, bag)
    command = ["label", str(bag), "--out", str(labels), "--no-video", "--max-frames", "1"]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert "alone.truth" in refused("evaluate", labels)
    assert "nowhere" in refused("evaluate", labels, "--truth", tmp_path / "nowhere")


def test_scoring_what_is_no_label_directory_says_so(tmp_path: Path) -> None:
    assert "not a label directory" in refused("evaluate", tmp_path)


def test_the_demo_goes_the_whole_way(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["demo", "--out", str(tmp_path / "demo"), "--seconds", "0.5", "--json"]
    )
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert Path(content["report"]).is_file()
    assert content["frames"] == 5
    assert content["metrics"]
