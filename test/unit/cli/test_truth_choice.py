# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from unit.evaluation.scenes import truth
from unit.labeling.label_scenes import make_label
from unit.labeling.test_store import MANIFEST, new_store

from unsup_track_ros.cli.evaluate import LabelPass, read_truth_of, score_labels
from unsup_track_ros.data.truth import write_frame_truth
from unsup_track_ros.errors import DataError, LabelStoreError
from unsup_track_ros.structures.labels import CAUSAL_PASS, COMPLETED_PASS


@pytest.mark.parametrize("folder", ["", "label_2"])
def test_a_kitti_drive_or_its_labels_are_truth_at_the_stamps_of_its_scans(
    shared_data: Path, tmp_path: Path, folder: str
) -> None:
    store = new_store(tmp_path / "labels")
    truths = read_truth_of(store, shared_data / "kitti_raw_0052" / folder)
    assert len(truths) == 3
    assert truths[1].stamp_ns - truths[0].stamp_ns == 700_000_000  # frames 7 and 14 at 10 Hz


def test_kitti_labels_without_scans_take_the_stamps_of_the_labels(
    shared_data: Path, tmp_path: Path
) -> None:
    drive = tmp_path / "drive"
    (drive / "label_2").mkdir(parents=True)
    source = shared_data / "kitti_raw_0052"
    (drive / "calib.txt").write_text((source / "calib.txt").read_text())
    (drive / "label_2" / "000007.txt").write_text(
        (source / "label_2" / "0000000007.txt").read_text()
    )
    store = new_store(tmp_path / "labels")
    store.write(make_label(7))
    (truth,) = read_truth_of(store, drive / "label_2")
    assert truth.stamp_ns == make_label(7).stamp_ns


def test_kitti_labels_without_calibration_are_refused(tmp_path: Path) -> None:
    (tmp_path / "drive" / "label_2").mkdir(parents=True)
    with pytest.raises(DataError, match=r"calib\.txt"):
        read_truth_of(new_store(tmp_path / "labels"), tmp_path / "drive" / "label_2")


def test_truth_is_looked_for_beside_the_recording(tmp_path: Path) -> None:
    assert MANIFEST.recording_path == "/data/drive.mcap"
    with pytest.raises(DataError, match=r"/data/drive\.truth"):
        read_truth_of(new_store(tmp_path / "labels"), None)


def test_both_passes_are_scored_apart(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    labels = [make_label(0), make_label(1)]
    write_frame_truth(tmp_path / "truth", replace(truth(), stamp_ns=labels[0].stamp_ns))
    for label in labels:
        store.write(label)
    with pytest.raises(LabelStoreError, match="no completed labels"):
        score_labels(store.folder, tmp_path / "truth", LabelPass.COMPLETED)
    store.write_completed(replace(labels[0], label_pass=COMPLETED_PASS))
    causal = score_labels(store.folder, tmp_path / "truth")
    completed = score_labels(store.folder, tmp_path / "truth", LabelPass.COMPLETED)
    assert causal.value("frames.labels_without_truth") == 1
    assert completed.value("frames.labels_without_truth") == 0
    assert (store.folder / "evaluation.json").read_text() == causal.to_json()
    assert (store.folder / "evaluation_completed.json").read_text() == completed.to_json()
    assert (store.folder / "evaluation_completed.md").exists()
    # The command's choices are the passes of the labels.
    assert {choice.value for choice in LabelPass} == {CAUSAL_PASS, COMPLETED_PASS}
