# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parity with TrackEval's own KITTI protocol, on real detections taken for tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trackeval.datasets import Kitti2DBox
from trackeval.metrics import CLEAR, HOTA, Identity

from unsup_track_ros.data.kitti.tracking_benchmark import open_sequence
from unsup_track_ros.data.kitti.tracking_files import read_tracked_boxes, write_tracked_boxes
from unsup_track_ros.evaluation.kitti_tracking import ScoredSequence, evaluate_kitti_tracking
from unsup_track_ros.tracking.class_tracking import ClassTrackingConfig
from unsup_track_ros.tracking.sequence_tracking import track_online

SEQUENCES = {"0003": "Car", "0017": "Pedestrian"}  # the shortest with each


@pytest.fixture(scope="module")
def results(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of TrackEval with the labels and our tracks of short sequences."""
    kitti, folder = shared_data / "kitti_tracking", tmp_path_factory.mktemp("kitti")
    (folder / "label_02").mkdir()
    data = folder / "trackers" / "ours" / "data"
    data.mkdir(parents=True)
    seqmap = []
    for name, kind in SEQUENCES.items():
        text = (kitti / "label_02" / f"{name}.txt").read_text()
        (folder / "label_02" / f"{name}.txt").write_text(text)
        file = kitti / "detection" / f"pointrcnn_{kind}" / f"{name}.txt"
        sequence = open_sequence(name, [file], kitti / "calib", kitti / "oxts")
        tracks = track_online(sequence.frames(kind), ClassTrackingConfig().of(kind))
        columns = (tracks.frames, tracks.ids, tracks.boxes_odom, tracks.confidences)
        results = sequence.results(kind, *columns, is_detected=tracks.detected >= 0)
        write_tracked_boxes(data / f"{name}.txt", results, sequence.calibration)
        seqmap.append(f"{name} empty 000000 {len(sequence.poses):06d}")
    (folder / "evaluate_tracking.seqmap.training").write_text("\n".join(seqmap) + "\n")
    return folder


def trackeval(folder: Path, class_name: str) -> dict[str, float]:
    """Score by TrackEval from the files to the figures."""
    dataset = Kitti2DBox(
        {
            "GT_FOLDER": str(folder),
            "TRACKERS_FOLDER": str(folder / "trackers"),
            "CLASSES_TO_EVAL": [class_name],
            "PRINT_CONFIG": False,
        }
    )
    found: dict[str, float] = {}
    for metric in (HOTA(), CLEAR({"PRINT_CONFIG": False}), Identity({"PRINT_CONFIG": False})):
        parts = {}
        for name in SEQUENCES:
            raw = dataset.get_raw_seq_data("ours", name)
            parts[name] = metric.eval_sequence(dataset.get_preprocessed_seq_data(raw, class_name))
        found |= metric.combine_sequences(parts)
    return found


@pytest.mark.parametrize("class_name", ["car", "pedestrian"])
def test_scores_in_the_image_are_those_of_trackeval(results: Path, class_name: str) -> None:
    files = [results / "trackers" / "ours" / "data" / f"{name}.txt" for name in SEQUENCES]
    report = evaluate_kitti_tracking(
        [
            ScoredSequence(
                truth=read_tracked_boxes(results / "label_02" / file.name),
                answer=read_tracked_boxes(file),
            )
            for file in files
        ],
        [class_name.capitalize()],
        volume_ious=(0.25,),
    )
    theirs = trackeval(results, class_name)
    ours = {key: report.value(f"image.{class_name}.{key}") for key in ("hota", "deta", "assa")}
    for key, name in (("hota", "HOTA"), ("deta", "DetA"), ("assa", "AssA")):
        assert ours[key] == pytest.approx(float(np.mean(theirs[name])), abs=1e-9), name
    for key, name in (
        ("idf1", "IDF1"),
        ("mota", "MOTA"),
        ("motp", "MOTP"),
        ("num_switches", "IDSW"),
        ("num_fragmentations", "Frag"),
    ):
        assert report.value(f"image.{class_name}.{key}") == pytest.approx(theirs[name]), name
    assert (report.value(f"image.{class_name}.num_truth") or 0) > 300
