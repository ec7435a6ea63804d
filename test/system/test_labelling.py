# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The label command on a small recording: killed, resumed, interrupted, refused."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from system.conftest import NUM_FRAMES
from system.label_directory import (
    COMMAND,
    kill_moments,
    num_labels,
    refused,
    run_and_kill,
    run_well,
    tree,
)

from unsup_track_ros.labeling.store import LabelStore

pytestmark = pytest.mark.system

# The suite kills one labeler three times before it lets it finish. The thorough check kills many
# labelers, each at another moment: UNSUP_TRACK_KILLS=20 pytest test/system -k killed_runs
NUM_KILLED = int(os.environ.get("UNSUP_TRACK_KILLS", "0"))
CHAINS = [(chain, 1) for chain in range(NUM_KILLED)] or [(0, 3)]
PARAMETERS = "/**:\n  ros__parameters:\n    labels:\n      snapshot_interval_s: 0.3\n"


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parameters") / "label.yaml"
    path.write_text(PARAMETERS)
    return path


@pytest.fixture(scope="module")
def labels(tiny_drive: Path, parameters: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels of an undisturbed run."""
    folder = tmp_path_factory.mktemp("undisturbed") / "labels"
    run_well("label", tiny_drive, "--out", folder, "--config", parameters)
    return folder


def test_a_whole_run_leaves_labels_pictures_and_nothing_temporary(labels: Path) -> None:
    assert sorted(path.name for path in labels.iterdir()) == [
        "completed",
        "config.yaml",
        "frames",
        "manifest.json",
        "objects.jsonl",
        "pictures",
        "provenance.jsonl",
        "report.html",
        "results.mcap",
        "summary.json",
        "timings.json",
        "trajectories.jsonl",
        "video.mp4",
    ]
    store = LabelStore.open(labels)
    assert store.indices == store.completed_indices == tuple(range(NUM_FRAMES))
    assert len((labels / "objects.jsonl").read_text().splitlines()) == NUM_FRAMES
    summary = json.loads((labels / "summary.json").read_text())
    assert summary["frames"] == summary["frames_in_recording"] == NUM_FRAMES
    stages = json.loads((labels / "timings.json").read_text())["milliseconds"]
    assert stages["step"]["median"] > 0


@pytest.mark.parametrize(("chain", "length"), CHAINS)
def test_killed_runs_end_with_the_bytes_of_an_undisturbed_one(
    chain: int, length: int, tiny_drive: Path, parameters: Path, labels: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "labels"
    command = ("label", tiny_drive, "--out", folder, "--config", parameters)
    moments = kill_moments(chain, NUM_FRAMES, length)
    killed = [run_and_kill(folder, moment, *command) for moment in moments]
    assert all(killed), f"a run had ended before it could be killed: {moments}, {killed}"
    run_well(*command)
    assert tree(folder) == tree(labels)


def test_a_run_killed_while_it_completes_ends_with_the_same_bytes(
    tiny_drive: Path, parameters: Path, labels: Path, tmp_path: Path
) -> None:
    """First in the middle of the second looks, then in the middle of the completed labels."""
    folder = tmp_path / "labels"
    shutil.copytree(labels, folder)
    for name in ("completed", "pictures"):
        shutil.rmtree(folder / name)
    for name in ("trajectories.jsonl", "video.mp4"):
        (folder / name).unlink()
    command = ("label", tiny_drive, "--out", folder, "--config", parameters)
    assert run_and_kill(folder, NUM_FRAMES + 5.5, *command)
    assert 5 <= len(list((folder / "scratch").glob("*.npz"))) < NUM_FRAMES
    assert run_and_kill(folder, 2 * NUM_FRAMES + 3.1, *command)
    assert (folder / "completed").exists()
    run_well(*command)
    assert tree(folder) == tree(labels)


def test_a_run_killed_while_it_draws_ends_with_the_same_bytes(
    tiny_drive: Path, parameters: Path, labels: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "labels"
    shutil.copytree(labels, folder)
    shutil.rmtree(folder / "pictures")
    (folder / "video.mp4").unlink()
    (folder / "pictures.partial").mkdir()
    (folder / "pictures.partial" / "000000.jpg").write_bytes(b"half a pict")
    (folder / "video.partial.mp4").write_bytes(b"half a video")
    run_well("label", tiny_drive, "--out", folder, "--config", parameters)
    assert tree(folder) == tree(labels)


def test_a_removed_label_is_made_again(
    tiny_drive: Path, parameters: Path, labels: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "labels"
    shutil.copytree(labels, folder)
    (folder / "frames" / "000002.npz").unlink()
    run_well("label", tiny_drive, "--out", folder, "--config", parameters)
    assert tree(folder) == tree(labels)


def test_some_frames_first_and_the_rest_later_is_the_same_as_all_at_once(
    tiny_drive: Path, parameters: Path, labels: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "labels"
    command = ("label", tiny_drive, "--out", folder, "--config", parameters)
    run_well(*command, "--max-frames", "5", "--no-video")
    assert num_labels(folder) == 5
    run_well(*command)
    assert tree(folder) == tree(labels)


def test_ctrl_c_ends_with_one_sentence_and_a_resumable_state(
    tiny_drive: Path, parameters: Path, labels: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "labels"
    command = ("label", tiny_drive, "--out", folder, "--config", parameters)
    # What a shell runs in the background ignores Ctrl-C, and so do its children.
    process = subprocess.Popen(
        ["env", "--default-signal=INT", *COMMAND, *map(str, command)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    while num_labels(folder) < 2:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 1, messages
    assert "run the same command again" in messages
    assert "Traceback" not in messages
    assert not list(folder.rglob("*.lock"))
    run_well(*command)
    assert tree(folder) == tree(labels)


def test_other_parameters_are_refused_and_the_labels_stand(tiny_drive: Path, labels: Path) -> None:
    before = tree(labels)
    sentence = refused("label", tiny_drive, "--out", labels, "--max-frames", "1")
    assert "labels.snapshot_interval_s is 0.3 there and 5.0 here" in sentence
    assert "--overwrite" in sentence
    assert tree(labels) == before


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Let writes beyond a size fail, as on a full disk: in the middle of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_explained_and_the_run_goes_on_afterwards(
    tiny_drive: Path, parameters: Path, labels: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "labels"
    command = ("label", tiny_drive, "--out", folder, "--config", parameters)
    with largest_file(20_000):  # a label fits, a snapshot does not
        sentence = refused(*command)
    assert "could not be written" in sentence
    assert "same command again" in sentence
    assert num_labels(folder) > 0
    assert not list(folder.rglob("*.partial*"))
    run_well(*command)
    assert tree(folder) == tree(labels)


def test_a_disk_that_is_full_while_drawing_leaves_the_labels_and_no_video(
    tiny_drive: Path, parameters: Path, labels: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "labels"
    shutil.copytree(labels, folder)
    shutil.rmtree(folder / "pictures")
    (folder / "video.mp4").unlink()
    command = ("label", tiny_drive, "--out", folder, "--config", parameters)
    with largest_file((labels / "video.mp4").stat().st_size // 2):
        assert "could not be written" in refused(*command)
    assert num_labels(folder) == NUM_FRAMES
    assert not list(folder.glob("*.partial*"))
    assert not (folder / "video.mp4").exists()
    run_well(*command)
    assert tree(folder) == tree(labels)
