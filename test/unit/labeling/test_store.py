# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from unit.labeling.label_scenes import make_label

from unsup_track_ros.errors import LabelStoreError
from unsup_track_ros.geometry.base_voxels import SMALL_EGO_GRID
from unsup_track_ros.labeling.array_file import pack_arrays
from unsup_track_ros.labeling.manifest import Manifest
from unsup_track_ros.labeling.store import LabelStore, remove_labels
from unsup_track_ros.structures.arrays import to_arrays
from unsup_track_ros.structures.labels import FrameLabel
from unsup_track_ros.structures.voxel_scene import OCC3D_WAYMO, CameraScene, PanopticPrediction

MANIFEST = Manifest(
    recording_path="/data/drive.mcap",
    recording_fingerprint="f0",
    config_sha256="c0",
    code_version="0.1.0",
    code_sha256="s0",
    device="cpu",
)
CONFIG = "/**:\n  ros__parameters:\n    x: 1\n"


def new_store(folder: Path, manifest: Manifest = MANIFEST, config: str = CONFIG) -> LabelStore:
    folder.mkdir(exist_ok=True)
    return LabelStore.open_for_writing(folder, manifest, config)


@pytest.mark.parametrize("with_camera", [True, False])
def test_a_label_comes_back_as_it_was_stored(tmp_path: Path, with_camera: bool) -> None:
    label = make_label(3, with_camera=with_camera)
    store = new_store(tmp_path / "labels")
    assert store.write(label)
    back = LabelStore.open(tmp_path / "labels").read(3)
    stored, read = to_arrays(label), to_arrays(back)
    assert stored.keys() == read.keys()
    for name, array in stored.items():
        np.testing.assert_array_equal(read[name], array, err_msg=name)
        assert read[name].dtype == array.dtype, name


def test_voxels_of_cameras_come_back_and_cost_no_byte_where_there_are_none(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grid = SMALL_EGO_GRID.grid
    scene = CameraScene(
        prediction=PanopticPrediction(
            stamp_ns=0,
            grid=grid,
            semantics=rng.integers(0, len(OCC3D_WAYMO), grid.shape_zyx).astype(np.uint8),
            instances=rng.integers(0, 9, grid.shape_zyx).astype(np.int32),
            odom_T_base=np.eye(4),
        ),
        seen=rng.random(grid.shape_zyx) < 0.5,
        classes=OCC3D_WAYMO,
    )
    plain = make_label(0)
    label = dataclasses.replace(plain, panoptic=scene)
    store = new_store(tmp_path / "labels")
    store.write(label)
    back = store.read(0).panoptic
    assert back is not None
    assert (back.classes, back.prediction.grid) == (scene.classes, scene.prediction.grid)
    for name in ("semantics", "instances", "odom_T_base"):
        found, expected = getattr(back.prediction, name), getattr(scene.prediction, name)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    np.testing.assert_array_equal(back.seen, scene.seen)
    with_voxels, without = to_arrays(label), to_arrays(plain)
    added = {name for name in with_voxels if name.startswith("panoptic/")}
    assert added == with_voxels.keys() - without.keys()
    kept = {name: array for name, array in with_voxels.items() if name not in added}
    assert pack_arrays(kept) == pack_arrays(without)


def test_a_label_without_grids_and_camera_has_none_when_read(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    store.write(dataclasses.replace(make_label(0, with_camera=False), grids=None))
    back = store.read(0)
    assert back.grids is None
    assert back.camera is None
    assert back.motion.moving_pixels is None
    assert back.missing_inputs == ("Nothing of '/camera' near the scan.",)


def test_a_combined_grid_that_is_not_the_larger_of_both_comes_back_too(tmp_path: Path) -> None:
    label = make_label(0)
    assert label.grids is not None
    odd = dataclasses.replace(label.grids, combined=np.full((40, 60), 7, np.int8))
    store = new_store(tmp_path / "labels")
    store.write(dataclasses.replace(label, grids=odd))
    back = store.read(0).grids
    assert back is not None
    assert (back.combined == 7).all()


def test_labels_are_read_in_the_order_of_the_recording(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    for index in (2, 10, 0):
        store.write(make_label(index))
    assert store.indices == (0, 2, 10)
    assert [label.index for label in store] == [0, 2, 10]
    assert len(store) == 3


def test_an_empty_store_has_no_labels(tmp_path: Path) -> None:
    assert list(new_store(tmp_path / "labels")) == []


def test_equal_labels_give_equal_bytes_in_two_directories(tmp_path: Path) -> None:
    for name in ("a", "b"):
        new_store(tmp_path / name).write(make_label(1))
    one, other = (tmp_path / name / "frames" / "000001.npz" for name in ("a", "b"))
    assert one.read_bytes() == other.read_bytes()


def test_an_equal_label_is_not_written_again(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    store.write(make_label(1))
    before = (tmp_path / "labels" / "frames" / "000001.npz").stat().st_mtime_ns
    assert not store.write(make_label(1))
    assert (tmp_path / "labels" / "frames" / "000001.npz").stat().st_mtime_ns == before


def test_a_different_label_of_a_stored_frame_is_refused(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    store.write(make_label(1))
    with pytest.raises(LabelStoreError, match="Frame 1 came out differently"):
        store.write(dataclasses.replace(make_label(1), label_pass="completed"))


def test_reopening_with_the_same_origin_keeps_the_labels(tmp_path: Path) -> None:
    new_store(tmp_path / "labels").write(make_label(0))
    assert new_store(tmp_path / "labels").indices == (0,)


def test_a_moved_recording_is_still_the_same(tmp_path: Path) -> None:
    new_store(tmp_path / "labels").write(make_label(0))
    moved = dataclasses.replace(MANIFEST, recording_path="/elsewhere/renamed.mcap")
    assert new_store(tmp_path / "labels", moved).indices == (0,)
    assert LabelStore.open(tmp_path / "labels").manifest.recording_path.endswith("renamed.mcap")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recording_fingerprint": "f1"}, "another recording"),
        ({"config_sha256": "c1"}, "other parameters"),
        ({"code_sha256": "s1"}, "changed code"),
        ({"code_version": "9.9"}, "version 0.1.0"),
        ({"device": "cuda"}, "device cpu"),
        ({"round": 1}, "round 0"),
        ({"checkpoint_sha256": (("net", "1"),)}, "other networks"),
    ],
)
def test_labels_of_another_origin_are_refused_with_the_remedy(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    new_store(tmp_path / "labels").write(make_label(0))
    with pytest.raises(LabelStoreError, match=words) as caught:
        new_store(tmp_path / "labels", dataclasses.replace(MANIFEST, **change))  # type: ignore[arg-type]
    assert "--overwrite" in str(caught.value)
    assert LabelStore.open(tmp_path / "labels").indices == (0,)


def test_other_parameters_are_named(tmp_path: Path) -> None:
    new_store(tmp_path / "labels")
    other = dataclasses.replace(MANIFEST, config_sha256="c1")
    with pytest.raises(LabelStoreError, match=r"x is 1 there and 2 here"):
        new_store(tmp_path / "labels", other, CONFIG.replace("x: 1", "x: 2"))


def test_a_directory_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "thesis.tex").write_text("precious")
    with pytest.raises(LabelStoreError, match=r"thesis\.tex"):
        new_store(folder)
    with pytest.raises(LabelStoreError, match=r"thesis\.tex"):
        remove_labels(folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


def test_removing_labels_leaves_what_is_not_ours(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    store.write(make_label(0))
    (tmp_path / "labels" / "notes.txt").write_text("mine")
    remove_labels(tmp_path / "labels")
    assert [path.name for path in (tmp_path / "labels").iterdir()] == ["notes.txt"]


def test_the_traces_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    (folder / "frames").mkdir(parents=True)
    (folder / "manifest.json.partial").write_text("{")
    (folder / "frames" / "000000.npz.partial").write_text("PK")
    (folder / "pictures.partial").mkdir()
    new_store(folder)
    assert sorted(p.name for p in folder.rglob("*")) == ["config.yaml", "frames", "manifest.json"]


def test_a_snapshot_comes_back_and_the_newest_wins(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    assert store.load_snapshot() is None
    store.save_snapshot(4, {"history/0/points": np.arange(3000.0), "n": np.array(1)})
    store.save_snapshot(9, {"history/0/points": np.arange(2000.0), "n": np.array(2)})
    snapshot = store.load_snapshot()
    assert snapshot is not None
    index, state = snapshot
    assert index == 9
    assert state.keys() == {"history/0/points", "n"}
    np.testing.assert_array_equal(state["history/0/points"], np.arange(2000.0))
    store.drop_snapshot()
    assert store.load_snapshot() is None


def completed_label(index: int) -> FrameLabel:
    return dataclasses.replace(make_label(index), label_pass="completed", track_weights=np.ones(2))


def test_a_completed_label_comes_back_beside_the_causal_one(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    store.write(make_label(0))
    assert not store.is_completed
    assert store.write_completed(completed_label(0))
    assert not store.write_completed(completed_label(0))
    assert store.completed_indices == store.indices == (0,)
    assert store.is_completed
    (back,) = store.completed()
    assert back.label_pass == "completed"
    assert back.track_weights is not None
    assert back.track_weights.tolist() == [1.0, 1.0]
    assert store.read(0).label_pass == "causal"
    assert store.read(0).track_weights is None


def test_another_completed_label_of_a_frame_is_refused(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    store.write_completed(completed_label(0))
    other = dataclasses.replace(completed_label(0), track_weights=np.zeros(2))
    with pytest.raises(LabelStoreError, match="Frame 0 came out differently"):
        store.write_completed(other)


def test_completed_labels_are_refused_until_all_of_them_are_there(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    store.write(make_label(0))
    with pytest.raises(LabelStoreError, match="no completed labels"):
        store.completed()
    store.write_scratch(0, {"boxes": np.arange(6.0)})
    store.write_completed(completed_label(0))
    assert not store.is_completed
    with pytest.raises(LabelStoreError, match="let the run finish"):
        store.completed()
    store.drop_scratch()
    assert store.is_completed
    assert len(list(store.completed())) == 1


def test_intermediate_results_come_back_until_they_are_dropped(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    assert not store.scratch_indices
    for index in (3, 1):
        store.write_scratch(index, {"points": np.arange(5) + index, "n": np.array(7)})
    assert store.scratch_indices == (1, 3)
    back = store.read_scratch(3)
    assert back.keys() == {"points", "n"}
    np.testing.assert_array_equal(back["points"], [3, 4, 5, 6, 7])
    assert new_store(tmp_path / "labels").scratch_indices == (1, 3)
    store.drop_scratch()
    assert not store.scratch_indices
    store.drop_scratch()


def test_what_a_killed_writer_left_of_completed_labels_and_looks_is_removed(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "labels"
    store = new_store(folder)
    store.write_completed(completed_label(0))
    store.write_scratch(0, {"n": np.array(1)})
    for inner in ("completed", "scratch"):
        (folder / inner / "000001.npz.partial").write_text("PK")
    again = new_store(folder)
    assert not list(folder.rglob("*.partial*"))
    assert again.completed_indices == again.scratch_indices == (0,)


def test_new_labels_make_the_completed_ones_stale(tmp_path: Path) -> None:
    store = new_store(tmp_path / "labels")
    store.write(make_label(0))
    store.write_completed(completed_label(0))
    store.write_scratch(0, {"n": np.array(1)})
    store.write_text("trajectories.jsonl", "{}\n")
    store.drop_derived()
    assert store.completed_indices == store.scratch_indices == ()
    assert not (store.folder / "trajectories.jsonl").exists()
    assert store.indices == (0,)


def test_opening_what_is_no_label_directory_says_so(tmp_path: Path) -> None:
    with pytest.raises(LabelStoreError, match="not a label directory"):
        LabelStore.open(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 1}'])
def test_a_damaged_manifest_is_explained(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(LabelStoreError, match="damaged"):
        LabelStore.open(tmp_path)


def test_labels_of_a_newer_layout_are_refused(tmp_path: Path) -> None:
    newer = dataclasses.replace(MANIFEST, format=2)
    (tmp_path / "manifest.json").write_text(newer.to_json())
    with pytest.raises(LabelStoreError, match="layout 2"):
        LabelStore.open(tmp_path)
