# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is exported comes back: every 3-D format, with a tilted camera, with and without one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from unit.labeling.label_scenes import CAM_T_VELO, FRAME_NS, make_label

from unsup_track_ros.errors import DataError, LabelStoreError
from unsup_track_ros.geometry.se3 import (
    inverse,
    rotation_about,
    transform_boxes,
    wrap_angle_rad,
)
from unsup_track_ros.labeling.exporters.annotations import annotated_frames, best_pass
from unsup_track_ros.labeling.exporters.contract import ExportIndex
from unsup_track_ros.labeling.exporters.export import (
    FORMATS,
    ExportOptions,
    export_labels,
    is_export,
    read_export,
)
from unsup_track_ros.labeling.exporters.kitti import read_kitti_objects
from unsup_track_ros.labeling.exporters.kitti_tracklets import read_tracklets
from unsup_track_ros.labeling.manifest import Manifest
from unsup_track_ros.labeling.store import LabelStore
from unsup_track_ros.structures.egomotion import Egomotion, EgomotionSource, EgomotionStatus
from unsup_track_ros.structures.labels import CAUSAL_PASS, FrameLabel
from unsup_track_ros.structures.truth import FrameTruth

NUM_FRAMES = 4
# KITTI's text has four decimals; JSON has all of them.
TOLERANCE = {"kitti": 2e-4}
FORMATS_3D = ("kitti", "nuscenes", "openlabel", "t4", "sustechpoints")


def tilted(label: FrameLabel) -> FrameLabel:
    """Nod and turn the camera, roll the vehicle: what a level scene would hide shows."""
    camera = rotation_about(np.array([1.0, 0, 0]), 0.1) @ rotation_about(np.array([0, 1.0, 0]), 0.2)
    pose = label.egomotion.odom_T_velo1
    assert pose is not None
    rolled = pose @ rotation_about(np.array([0.6, 0.8, 0]), 0.05)
    return dataclasses.replace(
        label,
        cam_T_velo=None if label.camera is None else camera @ CAM_T_VELO,
        egomotion=dataclasses.replace(label.egomotion, odom_T_velo1=rolled),
    )


def without_pose(label: FrameLabel) -> FrameLabel:
    lost = Egomotion(
        status=EgomotionStatus.DEGENERATE,
        source=EgomotionSource.LIDAR,
        stamp0_ns=label.stamp_ns - FRAME_NS,
        stamp1_ns=label.stamp_ns,
        reason="Nothing to hold on to.",
    )
    return dataclasses.replace(label, egomotion=lost)


def make_store(folder: Path, labels: list[FrameLabel]) -> Path:
    manifest = Manifest(
        recording_path="/bags/A drive.mcap",
        recording_fingerprint="0" * 64,
        config_sha256="1" * 64,
        code_version="0.1.0",
        code_sha256="2" * 64,
        device="cpu",
    )
    folder.mkdir()
    store = LabelStore.open_for_writing(folder, manifest, "{}\n")
    for label in labels:
        store.write(label)
    return folder


@pytest.fixture
def labels_dir(tmp_path: Path) -> Path:
    return make_store(tmp_path / "labels", [tilted(make_label(i)) for i in range(NUM_FRAMES)])


@pytest.fixture
def blind_dir(tmp_path: Path) -> Path:
    labels = [tilted(make_label(i, with_camera=False)) for i in range(NUM_FRAMES)]
    return make_store(tmp_path / "blind", labels)


def assert_same(labels_dir: Path, truths: list[FrameTruth], tolerance: float) -> None:
    frames = list(annotated_frames(LabelStore.open(labels_dir), CAUSAL_PASS))
    assert [t.stamp_ns for t in truths] == [f.stamp_ns for f in frames]
    for truth, frame in zip(truths, frames, strict=True):
        order, expected = np.argsort(truth.ids), np.argsort(frame.ids)
        assert truth.ids[order].tolist() == frame.ids[expected].tolist()
        difference = truth.boxes_velo[order] - frame.boxes_velo[expected]
        difference[:, 6] = wrap_angle_rad(difference[:, 6])
        np.testing.assert_allclose(difference, 0.0, atol=tolerance)
        assert truth.classes == ("unknown",) * len(frame)
        if truth.moving is not None:
            assert truth.moving[order].tolist() == frame.moving[expected].tolist()
        if truth.num_points is not None:
            assert truth.num_points[order].tolist() == frame.num_points[expected].tolist()
        if truth.odom_T_velo is not None and frame.odom_T_velo is not None:
            np.testing.assert_allclose(truth.odom_T_velo, frame.odom_T_velo, atol=1e-12)


@pytest.mark.parametrize("name", FORMATS_3D)
@pytest.mark.parametrize("scene", ["labels_dir", "blind_dir"])
def test_what_is_exported_comes_back(
    name: str, scene: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(scene)
    done = export_labels(folder, tmp_path / "out", ExportOptions(format=name))
    assert (done.num_frames, done.num_boxes) == (NUM_FRAMES, 2 * NUM_FRAMES)
    assert_same(folder, read_export(tmp_path / "out"), TOLERANCE.get(name, 1e-9))


def test_objects_of_kitti_and_tracklets_come_back_without_their_ids(
    labels_dir: Path, tmp_path: Path
) -> None:
    export_labels(labels_dir, tmp_path / "out", ExportOptions(format="kitti"))
    index = ExportIndex.read(tmp_path / "out")
    tracklets = read_tracklets(tmp_path / "out" / "raw" / "tracklet_labels.xml", index)
    for truths in (read_kitti_objects(tmp_path / "out", index), tracklets):
        with_ids = [dataclasses.replace(t, ids=np.array([1, 2])) for t in truths]
        assert_same(labels_dir, with_ids, TOLERANCE["kitti"])


def test_a_track_with_a_gap_becomes_two_tracklets(tmp_path: Path) -> None:
    labels = [make_label(0), without_pose(make_label(1)), make_label(2), make_label(3)]
    folder = make_store(tmp_path / "labels", labels)
    export_labels(folder, tmp_path / "out", ExportOptions(format="kitti"))
    path = tmp_path / "out" / "raw" / "tracklet_labels.xml"
    truths = read_tracklets(path, ExportIndex.read(tmp_path / "out"))
    assert [truth.ids.tolist() for truth in truths] == [[0, 2], [], [1, 3], [1, 3]]


@pytest.mark.parametrize("name", ["nuscenes", "t4"])
def test_frames_without_a_pose_are_left_out_of_tables_and_counted(
    name: str, tmp_path: Path
) -> None:
    folder = make_store(tmp_path / "labels", [make_label(0), without_pose(make_label(1))])
    done = export_labels(folder, tmp_path / "out", ExportOptions(format=name))
    assert done.notes == ("1 frames without a pose are left out.",)
    assert [truth.stamp_ns for truth in read_export(tmp_path / "out")] == [0]


@pytest.mark.parametrize("name", ["nuscenes", "t4"])
def test_every_token_of_the_tables_leads_to_a_row(
    name: str, labels_dir: Path, tmp_path: Path
) -> None:
    export_labels(labels_dir, tmp_path / "out", ExportOptions(format=name))
    folder = next(iter((tmp_path / "out").rglob("sample.json"))).parent
    tables = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    tokens = [row["token"] for rows in tables.values() for row in rows]
    assert len(tokens) == len(set(tokens))
    for rows in tables.values():
        for row in rows:
            for column, value in row.items():
                is_key = column.endswith(("_token", "_tokens")) or column in ("prev", "next")
                for key in [value] if isinstance(value, str) else value if is_key else []:
                    assert not is_key or key in ("", *tokens), column


def test_t4_marks_every_box_as_made_by_a_program(labels_dir: Path, tmp_path: Path) -> None:
    export_labels(labels_dir, tmp_path / "out", ExportOptions(format="t4"))
    rows = json.loads((tmp_path / "out" / "annotation" / "sample_annotation.json").read_text())
    assert len(rows) == 2 * NUM_FRAMES
    for row in rows:
        assert row["automatic_annotation"] is True
        (model,) = row["autolabel_metadata"]
        assert model["name"].startswith("unsup_track_ros 0.1.0, parameters 111111111111, round 0")
        assert 0.0 <= model["score"] <= 1.0
        assert model["uncertainty"] == pytest.approx(0.1)


def test_a_box_in_the_tables_is_that_of_the_track_in_odom(labels_dir: Path, tmp_path: Path) -> None:
    export_labels(labels_dir, tmp_path / "out", ExportOptions(format="nuscenes"))
    for truth, label in zip(
        read_export(tmp_path / "out"), LabelStore.open(labels_dir), strict=True
    ):
        pose = label.egomotion.odom_T_velo1
        assert pose is not None
        expected = transform_boxes(inverse(pose), label.tracks.boxes_odom)
        np.testing.assert_allclose(truth.boxes_velo, expected, atol=1e-9)


def test_a_label_corrected_by_hand_is_what_is_read(labels_dir: Path, tmp_path: Path) -> None:
    export_labels(labels_dir, tmp_path / "out", ExportOptions(format="sustechpoints"))
    path = tmp_path / "out" / "A-drive" / "label" / "000002.json"
    objects = json.loads(path.read_text())
    objects[0]["psr"]["position"]["x"] += 1.0
    del objects[1]
    path.write_text(json.dumps(objects))
    before = list(annotated_frames(LabelStore.open(labels_dir), CAUSAL_PASS))[2]
    after = read_export(tmp_path / "out")[2]
    assert after.ids.tolist() == [before.ids[0]]
    assert after.boxes_velo[0, 0] == pytest.approx(before.boxes_velo[0, 0] + 1.0)


def test_a_score_and_a_class_name_can_be_asked_for(labels_dir: Path, tmp_path: Path) -> None:
    options = ExportOptions(format="openlabel", min_score=0.95, class_name="car")
    assert export_labels(labels_dir, tmp_path / "none", options).num_boxes == 0
    options = ExportOptions(format="openlabel", class_name="car")
    export_labels(labels_dir, tmp_path / "cars", options)
    assert {name for t in read_export(tmp_path / "cars") for name in t.classes} == {"car"}


@pytest.mark.parametrize("name", [*FORMATS_3D, "coco"])
def test_equal_labels_give_equal_bytes(name: str, labels_dir: Path, tmp_path: Path) -> None:
    trees = []
    for out in (tmp_path / "one", tmp_path / "two"):
        export_labels(labels_dir, out, ExportOptions(format=name))
        files = sorted(path for path in out.rglob("*") if path.is_file())
        trees.append([(p.relative_to(out), hashlib.sha256(p.read_bytes()).digest()) for p in files])
    assert trees[0] == trees[1]


def test_nothing_is_overwritten_unasked_and_nothing_but_an_export_at_all(
    labels_dir: Path, tmp_path: Path
) -> None:
    out, options = tmp_path / "out", ExportOptions(format="openlabel")
    export_labels(labels_dir, out, options)
    with pytest.raises(DataError, match="--overwrite"):
        export_labels(labels_dir, out, options)
    export_labels(labels_dir, out, dataclasses.replace(options, overwrite=True))
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match="is not an export"):
        export_labels(labels_dir, tmp_path / "mine", dataclasses.replace(options, overwrite=True))


def test_an_export_that_fails_leaves_nothing_and_spares_the_earlier_one(
    blind_dir: Path, labels_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_labels(labels_dir, out, ExportOptions(format="coco"))
    before = (out / "annotations.json").read_bytes()
    with pytest.raises(DataError, match="no frame of these labels has a camera"):
        export_labels(blind_dir, out, ExportOptions(format="coco", overwrite=True))
    assert (out / "annotations.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blind", "labels", "out"]


@pytest.mark.parametrize("name", FORMATS_3D)
def test_a_damaged_export_is_refused_with_its_file(
    name: str, labels_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_labels(labels_dir, out, ExportOptions(format=name))
    for path in out.rglob("*"):
        if path.is_file() and path.name != "export.json":
            path.write_text('{"this is": "something else"}')
    with pytest.raises(DataError, match="out"):
        read_export(out)


def test_an_export_without_its_index_and_one_in_2d_are_no_truth(
    labels_dir: Path, tmp_path: Path
) -> None:
    export_labels(labels_dir, tmp_path / "coco", ExportOptions(format="coco"))
    with pytest.raises(DataError, match="cannot be scored against"):
        read_export(tmp_path / "coco")
    (tmp_path / "coco" / "export.json").unlink()
    assert not is_export(tmp_path / "coco")
    with pytest.raises(DataError, match="which stamp each frame has"):
        read_export(tmp_path / "coco")


def test_labels_without_a_frame_are_refused(tmp_path: Path) -> None:
    folder = make_store(tmp_path / "labels", [])
    with pytest.raises(LabelStoreError, match="no labelled frame"):
        best_pass(LabelStore.open(folder))


def test_every_format_can_be_asked_for_on_the_command_line() -> None:
    from unsup_track_ros.cli.export import ExportFormat

    assert [each.value for each in ExportFormat] == list(FORMATS)
