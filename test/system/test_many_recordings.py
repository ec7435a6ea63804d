# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Many recordings in one command: here, in processes, on a Dask cluster, on remote storage."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest
from distributed import Client, LocalCluster
from system.label_directory import COMMAND, num_labels, refused, run_well, tree
from typer.testing import CliRunner

from unsup_track_ros.cli.main import app
from unsup_track_ros.labeling.fleet import LabelingTask, label_tasks, local_workers
from unsup_track_ros.labeling.labeler import LabelerConfig, LabelingOptions
from unsup_track_ros.labeling.manifest import Manifest
from unsup_track_ros.labeling.progress import no_progress

pytestmark = pytest.mark.system

NAMES = ("a", "b", "c")
# Few frames and no pictures: what is tested is who labels, not what.
QUICK = ("--no-video", "--max-frames", "4")


@pytest.fixture(scope="module")
def bags(tiny_drive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bags")
    paths = [folder / f"{name}.mcap" for name in NAMES]
    for path in paths:
        path.symlink_to(tiny_drive)
    return paths


@pytest.fixture(scope="module")
def single(bags: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Hashes of the labels that one command makes of one recording."""
    folder = tmp_path_factory.mktemp("single") / "labels"
    run_well("label", bags[0], "--out", folder, *QUICK)
    return content(folder)


def content(folder: Path) -> dict[str, str]:
    """Leave out the manifest, which says where the recording lies."""
    return {name: digest for name, digest in tree(folder).items() if name != "manifest.json"}


def test_a_corrupt_recording_is_explained_and_the_others_are_labelled(
    bags: list[Path], single: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"\x00 not a recording")
    out = tmp_path / "out"
    given = [str(path) for path in (bags[0], broken, bags[1])]
    done = CliRunner().invoke(app, ["label", *given, "--out", str(out), *QUICK, "--json"])
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert (said["labelled"], said["failed"]) == (2, 1)
    problems = {each["recording"]: each["problem"] for each in said["recordings"]}
    assert "broken.mcap" in problems.pop(str(broken))
    assert set(problems.values()) == {""}
    assert sorted(path.name for path in out.iterdir()) == ["a", "b"]
    assert content(out / "a") == content(out / "b") == single


def test_the_number_of_workers_changes_no_byte(
    bags: list[Path], single: dict[str, str], tmp_path: Path
) -> None:
    printed = run_well("label", *bags, "--out", tmp_path / "out", *QUICK, "--workers", "2")
    assert "All 3 recordings are labelled." in printed
    for name in NAMES:
        assert content(tmp_path / "out" / name) == single


@pytest.fixture(scope="module")
def in_chunks(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options that cut the four frames into two chunks."""
    path = tmp_path_factory.mktemp("parameters") / "chunks.yaml"
    path.write_text("/**:\n  ros__parameters:\n    labels.chunk_s: 0.2\n")
    return (*QUICK, "--config", str(path))


@pytest.mark.parametrize("stage", ["evidence/motion", "frames"])
def test_a_cluster_that_loses_a_worker_ends_with_the_same_bytes(
    bags: list[Path],
    in_chunks: tuple[str, ...],
    single: dict[str, str],
    tmp_path: Path,
    stage: str,
) -> None:
    """It dies while it gathers the evidence of a chunk, or while it labels a recording."""
    out = tmp_path / "out"
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        with Client(cluster) as client:
            pids = list(client.run(os.getpid).values())
        arguments = ("label", *bags, "--out", out, *in_chunks, "--scheduler")
        command = [*COMMAND, *map(str, arguments), cluster.scheduler_address]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        while not any(list((out / name / stage).glob("*.npz")) for name in NAMES):
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(pids[0], signal.SIGKILL)
        printed, _ = process.communicate(timeout=240)
    assert process.returncode == 0, printed
    for name in NAMES:
        assert without_parameters(content(out / name)) == without_parameters(single)
        assert not (out / name / "label.lock").exists()


def without_parameters(files: dict[str, str]) -> dict[str, str]:
    """Leave out the parameters: the length of a chunk is one of them."""
    return {name: digest for name, digest in files.items() if name != "config.yaml"}


def test_workers_share_one_recording_and_change_no_byte(
    bags: list[Path], in_chunks: tuple[str, ...], single: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    printed = run_well("label", bags[0], "--out", out, *in_chunks, "--workers", "2")
    assert "4 frames (4 new)" in printed
    assert without_parameters(content(out)) == without_parameters(single)
    assert not (out / "evidence").exists()


def die(*_: object) -> None:
    os._exit(9)


def test_a_process_that_dies_is_explained_for_every_recording(
    bags: list[Path], tmp_path: Path
) -> None:
    tasks = [
        LabelingTask(
            recording=str(bag),
            out=str(tmp_path / bag.stem),
            config=LabelerConfig(),
            options=LabelingOptions(pictures=False, max_frames=2),
            finish=die,
        )
        for bag in bags[:2]
    ]
    with local_workers(1) as executor:
        results = label_tasks(tasks, executor, no_progress)
    assert [result.recording for result in results] == [str(bag) for bag in bags[:2]]
    assert all("The process that labelled it died" in result.problem for result in results)


def test_a_url_is_labelled_as_a_path_is_and_resumes(
    bags: list[Path], single: dict[str, str], tmp_path: Path
) -> None:
    """`file://` goes the way of every other kind of remote storage."""
    source, out = tmp_path / "drive.mcap", tmp_path / "far" / "labels"
    shutil.copy(bags[0], source)
    command = ("label", f"file://{source}", "--out", f"file://{out}", *QUICK)
    run_well(*command)
    assert content(out) == single
    (out / "stale.partial").write_text("of a run that was killed")
    (out / "frames" / "000002.npz").unlink()
    assert "4 frames (1 new)" in run_well(*command)
    assert content(out) == single


def test_remote_storage_in_memory_is_labelled_and_only_what_is_missing_is_made_again(
    bags: list[Path], single: dict[str, str], tmp_path: Path
) -> None:
    files = fsspec.filesystem("memory")
    files.put_file(str(bags[0]), "/fleet/drive.mcap")
    command = ("label", "memory://fleet/drive.mcap", "--out", "memory://fleet/labels", *QUICK)
    run_well(*command)
    files.rm_file("/fleet/labels/frames/000001.npz")
    assert "4 frames (1 new)" in run_well(*command)
    files.get("/fleet/labels", str(tmp_path / "labels"), recursive=True)
    assert content(tmp_path / "labels") == single


def test_recordings_of_one_name_are_refused(bags: list[Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "a.mcap"
    twin.symlink_to(bags[0])
    sentence = refused("label", bags[0], twin, "--out", tmp_path / "out")
    assert "Several recordings are called 'a'" in sentence


def test_a_scheduler_that_is_not_there_is_explained(bags: list[Path], tmp_path: Path) -> None:
    address = "tcp://127.0.0.1:9"  # the port of a service that nobody runs
    sentence = refused("label", *bags, "--out", tmp_path / "out", "--scheduler", address)
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in sentence


def test_a_disk_that_cannot_hold_the_labels_is_refused_before_the_first(
    bags: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1_000_000))
    sentence = refused("label", bags[0], "--out", tmp_path / "out", "--no-video")
    assert "need about 4 MB" in sentence
    assert "1 MB are free" in sentence
    assert num_labels(tmp_path / "out") == 0
    monkeypatch.undo()
    run_well("label", bags[0], "--out", tmp_path / "out", *QUICK)
    assert Manifest.read(tmp_path / "out").device == "cpu"


def test_two_labelers_of_one_directory_the_second_is_refused_in_one_sentence(
    bags: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = subprocess.Popen(
        [*COMMAND, "label", str(bags[0]), "--out", str(out), "--no-video"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while num_labels(out) < 1:
        assert first.poll() is None
        time.sleep(0.005)
    sentence = refused("label", bags[0], "--out", out, "--no-video")
    assert f"Another labeler (process {first.pid}) is writing to {out}" in sentence
    assert first.wait(timeout=120) == 0


def test_python_finds_no_dask_and_says_how_to_get_it(
    bags: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    sentence = refused("label", *bags, "--out", tmp_path / "out", "--scheduler", "tcp://x:1")
    assert "pip install 'unsup_track_ros[cluster]'" in sentence
