# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Label directory: one file per frame, the same bytes however often its writer was killed.

    manifest.json    recording, parameters and code it was made from
    config.yaml      every parameter in effect
    frames/          one file per frame: masks, boxes, tracks, grids (`FrameLabel`, nothing lost)
    evidence/        what other workers found out beforehand; gone when it is used
    resume.npz       state of the pipeline after some frame; gone when the recording is finished
    completed/       the same once more, with what came after: whole boxes of whole trajectories
    trajectories.jsonl  the completed objects, one readable line each, the doubtful with the reason
    objects.jsonl    boxes and tracks once more, one readable line per frame
    summary.json     what was found, what was missing
    pictures/        frames of the report; video.mp4 shows them all
    provenance.jsonl  where every label comes from, and why others were rejected
    results.mcap     tracks, boxes, grids and masks as ROS 2 messages, with the stamps of the scans
    report.html      everything to look at, in one file
    evaluation.json  scores, once `unsup-track evaluate` was run; evaluation.md for people;
                     evaluation_completed.* of the completed labels
    timings.json     wall times of the newest run

`VARYING_FILES` are the only ones that differ between equal runs.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import yaml

from unsup_track_ros.config.loading import EVERY_NODE, PARAMETERS_KEY
from unsup_track_ros.errors import LabelStoreError
from unsup_track_ros.labeling.array_file import pack_arrays, read_arrays
from unsup_track_ros.labeling.atomic_file import remove_partial_files, write_atomically
from unsup_track_ros.labeling.evidence import EVIDENCE_NAME
from unsup_track_ros.labeling.lock import LOCK_NAME
from unsup_track_ros.labeling.manifest import MANIFEST_NAME, Manifest
from unsup_track_ros.structures.arrays import from_arrays, to_arrays
from unsup_track_ros.structures.labels import FrameLabel

CONFIG_NAME: Final = "config.yaml"
FRAMES_NAME: Final = "frames"
COMPLETED_NAME: Final = "completed"
TRAJECTORIES_NAME: Final = "trajectories.jsonl"
_SCRATCH_NAME: Final = "scratch"  # second looks, gone when the labels are completed
SNAPSHOT_NAME: Final = "resume.npz"
OBJECTS_NAME: Final = "objects.jsonl"
SUMMARY_NAME: Final = "summary.json"
TIMINGS_NAME: Final = "timings.json"
PROVENANCE_NAME: Final = "provenance.jsonl"
RESULT_BAG_NAME: Final = "results.mcap"
REPORT_NAME: Final = "report.html"
EVALUATION_NAME: Final = "evaluation.json"
EVALUATION_TEXT_NAME: Final = "evaluation.md"
COMPLETED_EVALUATION_NAME: Final = "evaluation_completed.json"
COMPLETED_EVALUATION_TEXT_NAME: Final = "evaluation_completed.md"
VIDEO_NAME: Final = "video.mp4"
PICTURES_NAME: Final = "pictures"
# Wall times differ from run to run, and the report shows them.
VARYING_FILES: Final = (TIMINGS_NAME, REPORT_NAME)
# "video" is the series of pictures where no codec is there.
PICTURED: Final = (REPORT_NAME, VIDEO_NAME, "video", PICTURES_NAME)
# Made from the labels: stale as soon as one label is added.
DERIVED: Final = (
    COMPLETED_NAME,
    TRAJECTORIES_NAME,
    _SCRATCH_NAME,
    OBJECTS_NAME,
    SUMMARY_NAME,
    PROVENANCE_NAME,
    RESULT_BAG_NAME,
    EVALUATION_NAME,
    EVALUATION_TEXT_NAME,
    COMPLETED_EVALUATION_NAME,
    COMPLETED_EVALUATION_TEXT_NAME,
    *PICTURED,
)
_KNOWN: Final = (
    *DERIVED,
    EVIDENCE_NAME,
    TIMINGS_NAME,
    SNAPSHOT_NAME,
    FRAMES_NAME,
    CONFIG_NAME,
    MANIFEST_NAME,
)
_INDEX_DIGITS: Final = 6
_SHOWN_DIFFERENCES: Final = 3
_STATIC, _DYNAMIC, _COMBINED = "grids/static", "grids/dynamic", "grids/combined"
# Level 6, the default, costs twice the time for 5 % of the bytes.
_COMPRESSION: Final = 4
_SCRATCH_COMPRESSION: Final = 1
_SNAPSHOT_INDEX: Final = "frame_index"


class LabelStore:
    """The labels of one recording in one directory."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Use `open_for_writing` or `open`."""
        self.folder = folder
        self.manifest = manifest
        self._frames = folder / FRAMES_NAME
        self._completed = folder / COMPLETED_NAME
        self._scratch = folder / _SCRATCH_NAME

    @classmethod
    def open(cls, folder: Path) -> LabelStore:
        """Open existing labels for reading.

        Raises:
            LabelStoreError: The directory holds no labels.
        """
        return cls(folder, Manifest.read(folder))

    @classmethod
    def open_for_writing(cls, folder: Path, manifest: Manifest, config_yaml: str) -> LabelStore:
        """Create a label directory, or resume one of the same origin; its lock must be held.

        Raises:
            LabelStoreError: The directory holds labels of another origin, or something else.
        """
        store = cls(folder, manifest)
        if (folder / MANIFEST_NAME).exists():
            _check_resumable(folder, manifest, config_yaml)
        else:
            _check_empty(folder)
        store._frames.mkdir(exist_ok=True)
        remove_partial_files(folder)
        for inner in (store._frames, store._completed, store._scratch):
            remove_partial_files(inner)
        config_path = folder / CONFIG_NAME
        if config_path.exists() and config_path.read_text() != config_yaml:
            _remove(folder, PICTURED)  # the labels stand, so it was the pictures that changed
        store.write_text(MANIFEST_NAME, manifest.to_json())
        store.write_text(CONFIG_NAME, config_yaml)
        return store

    @property
    def indices(self) -> tuple[int, ...]:
        """Running numbers of the stored frames, ascending."""
        return stored_indices(self._frames)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[FrameLabel]:
        return (self.read(index) for index in self.indices)

    def write(self, label: FrameLabel) -> bool:
        """Store the label of one frame; return whether it is new.

        Raises:
            LabelStoreError: Another label of this frame is stored already, or the disk is full.
        """
        return _write_label(self._frames, label)

    def read(self, index: int) -> FrameLabel:
        """Read the label of one frame.

        Raises:
            LabelStoreError: There is none, or its file is damaged.
        """
        return _read_label(_file_of(self._frames, index))

    @property
    def completed_indices(self) -> tuple[int, ...]:
        """Running numbers of the frames with a completed label, ascending."""
        return stored_indices(self._completed)

    @property
    def is_completed(self) -> bool:
        """Whether every frame has a completed label and nothing is left to do."""
        # The intermediate results go last: while they are there, something may be missing.
        return self.completed_indices == self.indices and not self._scratch.exists()

    def completed(self) -> Iterator[FrameLabel]:
        """Return the labels of the completed pass.

        Raises:
            LabelStoreError: There are none.
        """
        if not self._completed.exists() or self._scratch.exists():
            raise LabelStoreError(
                f"{self.folder} holds no completed labels. Label in mode improved with "
                "completion.enabled, and let the run finish."
            )
        return (_read_label(_file_of(self._completed, i)) for i in self.completed_indices)

    def read_completed(self, index: int) -> FrameLabel:
        """Read the completed label of one frame.

        Raises:
            LabelStoreError: There is none, or its file is damaged.
        """
        return _read_label(_file_of(self._completed, index))

    def write_completed(self, label: FrameLabel) -> bool:
        """Store the completed label of one frame; return whether it is new.

        Raises:
            LabelStoreError: Another one of this frame is stored already, or the disk is full.
        """
        self._completed.mkdir(exist_ok=True)
        return _write_label(self._completed, label)

    @property
    def scratch_indices(self) -> tuple[int, ...]:
        """Running numbers of the frames with intermediate results, ascending."""
        return stored_indices(self._scratch)

    def write_scratch(self, index: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep an intermediate result of a frame until the labels are completed."""
        self._scratch.mkdir(exist_ok=True)
        write_atomically(_file_of(self._scratch, index), pack_arrays(arrays, _SCRATCH_COMPRESSION))

    def read_scratch(self, index: int) -> dict[str, np.ndarray]:
        """Read an intermediate result."""
        return read_arrays(_file_of(self._scratch, index))

    def drop_scratch(self) -> None:
        """Remove the intermediate results: the labels are completed."""
        _remove(self.folder, (_SCRATCH_NAME,))

    def save_snapshot(self, index: int, state: Mapping[str, np.ndarray]) -> None:
        """Keep the pipeline's state after frame `index`, instead of any older one."""
        arrays = {_SNAPSHOT_INDEX: np.array(index), **{f"state/{k}": v for k, v in state.items()}}
        # Scans and images hardly shrink, and a snapshot lives for seconds only.
        write_atomically(self.folder / SNAPSHOT_NAME, pack_arrays(arrays, compression=0))

    def load_snapshot(self) -> tuple[int, dict[str, np.ndarray]] | None:
        """Return the newest state and the frame it was taken after, None where there is none."""
        path = self.folder / SNAPSHOT_NAME
        if not path.exists():
            return None
        arrays = read_arrays(path)
        index = int(arrays.pop(_SNAPSHOT_INDEX))
        return index, {name.removeprefix("state/"): array for name, array in arrays.items()}

    def drop_snapshot(self) -> None:
        """Remove the state: the recording is finished."""
        (self.folder / SNAPSHOT_NAME).unlink(missing_ok=True)

    def write_text(self, name: str, text: str) -> None:
        """Write a small file beside the labels; an equal one is left alone."""
        path = self.folder / name
        data = text.encode()
        if not path.exists() or path.read_bytes() != data:
            write_atomically(path, data)

    def drop_derived(self) -> None:
        """Remove everything that was made from the labels, before they change."""
        _remove(self.folder, DERIVED)


def _file_of(folder: Path, index: int) -> Path:
    return folder / f"{index:0{_INDEX_DIGITS}d}.npz"


def stored_indices(folder: Path) -> tuple[int, ...]:
    """Return the running numbers of the labels in a folder of one pass, ascending."""
    return tuple(sorted(int(path.stem) for path in folder.glob("*.npz")))


def _write_label(folder: Path, label: FrameLabel) -> bool:
    path = _file_of(folder, label.index)
    data = pack_arrays(_without_derived(to_arrays(label)), _COMPRESSION)
    if not path.exists():
        write_atomically(path, data)
        return True
    if path.read_bytes() != data:
        raise LabelStoreError(
            f"Frame {label.index} came out differently than the label stored in {path}. "
            "A library or the machine has changed since; label again with --overwrite or "
            "another --out."
        )
    return False


def _read_label(path: Path) -> FrameLabel:
    return from_arrays(FrameLabel, _with_derived(read_arrays(path)))


def _without_derived(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Leave out the combined grid where it is the larger of the others: a quarter of the file."""
    if _COMBINED in arrays and np.array_equal(
        arrays[_COMBINED], np.maximum(arrays[_STATIC], arrays[_DYNAMIC])
    ):
        del arrays[_COMBINED]
    return arrays


def _with_derived(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if _STATIC in arrays and _COMBINED not in arrays:
        arrays[_COMBINED] = np.maximum(arrays[_STATIC], arrays[_DYNAMIC])
    return arrays


def remove_labels(folder: Path) -> None:
    """Remove the labels in a directory and nothing else; its lock must be held.

    The manifest goes last: a directory whose removal was interrupted is still known as ours.

    Raises:
        LabelStoreError: The directory holds something that is not of a labeler.
    """
    if not (folder / MANIFEST_NAME).exists():
        _check_empty(folder)
        return
    remove_partial_files(folder)
    _remove(folder, _KNOWN)


def _remove(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _check_resumable(folder: Path, wanted: Manifest, config_yaml: str) -> None:
    stored = Manifest.read(folder)
    difference = stored.difference(wanted)
    if not difference:
        return
    if stored.config_sha256 != wanted.config_sha256:
        difference += _differing_parameters(folder / CONFIG_NAME, config_yaml)
    raise LabelStoreError(
        f"{folder} holds labels made from {difference}; this run cannot continue them. Choose "
        "another --out, or replace them with --overwrite."
    )


def _differing_parameters(stored: Path, wanted_yaml: str) -> str:
    """Name the first few parameters that differ, in parentheses; nothing if that is not known."""
    try:
        there, here = _flat(yaml.safe_load(stored.read_text())), _flat(yaml.safe_load(wanted_yaml))
    except (OSError, yaml.YAMLError):
        return ""
    names = [
        name for name in sorted(there.keys() | here.keys()) if there.get(name) != here.get(name)
    ]
    shown = [f"{name} is {there.get(name)} there and {here.get(name)} here" for name in names]
    return f" ({', '.join(shown[:_SHOWN_DIFFERENCES])})" if shown else ""


def _flat(tree: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(tree, dict):
        return {prefix: tree}
    flat: dict[str, object] = {}
    for name, value in tree.items():
        # The two outer levels of a ROS parameter file carry no meaning here.
        inner = prefix if name in (EVERY_NODE, PARAMETERS_KEY) else f"{prefix}.{name}".lstrip(".")
        flat.update(_flat(value, inner))
    return flat


def _check_empty(folder: Path) -> None:
    """Refuse a directory of somebody else, but not the traces of a labeler killed at its start."""
    own = (LOCK_NAME, FRAMES_NAME, EVIDENCE_NAME)
    foreign = [
        p for p in sorted(folder.iterdir()) if p.name not in own and ".partial" not in p.name
    ]
    if foreign:
        raise LabelStoreError(
            f"{folder} is not empty and holds no labels (for example {foreign[0].name}). Choose "
            "another --out: nothing that is not ours is overwritten."
        )
