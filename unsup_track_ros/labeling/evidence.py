# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Evidence worked out ahead: the part of labelling that depends on a window of scans alone.

What moves in a frame, and the second look at it, follow from the scans around it and their poses.
So others may work them out beforehand, chunk by chunk (`labeling/chunks.py`). Everything here
carries a digest of what it was made from. The labeler takes only what was made from exactly what it
sees itself, and works out the rest: its labels do not depend on what lies here.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from unsup_track_ros.errors import LabelStoreError
from unsup_track_ros.labeling.array_file import pack_arrays, read_arrays
from unsup_track_ros.labeling.atomic_file import write_atomically
from unsup_track_ros.labeling.manifest import Manifest
from unsup_track_ros.structures.arrays import from_arrays, to_arrays
from unsup_track_ros.structures.egomotion import Egomotion
from unsup_track_ros.structures.frame import SensorFrame
from unsup_track_ros.structures.history import PastFrame
from unsup_track_ros.structures.motion import MotionSegmentation

EVIDENCE_NAME: Final = "evidence"
_KEY: Final = "made_of"
_COMPRESSION: Final = 1
_MOTION, _LOOK = "motion", "look"


class EvidenceFolder:
    """Evidence of the frames of one recording; any number of processes may add to it."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Use the evidence below a label directory that was made as the labels are."""
        self._folder = folder / EVIDENCE_NAME
        origin = manifest.to_json().replace(manifest.recording_path, "")
        self._origin = hashlib.sha256(origin.encode())

    def holds(self, index: int) -> bool:
        """Tell whether it was worked out what moves in a frame."""
        return self._file(_MOTION, index).exists()

    def holds_look(self, index: int) -> bool:
        """Tell whether there is a second look at a frame."""
        return self._file(_LOOK, index).exists()

    def write_motion(
        self, index: int, window: Sequence[Egomotion], motion: MotionSegmentation
    ) -> None:
        """Keep what moves in a frame; the window holds the egomotions of all scans used."""
        self._write(_MOTION, index, self._key(window, index), to_arrays(motion))

    def motion(
        self, frame: SensorFrame, history: tuple[PastFrame, ...], egomotion: Egomotion
    ) -> MotionSegmentation | None:
        """Return what moves in a frame, None where nobody worked it out of the same."""
        window = [*(past.egomotion for past in history), egomotion]
        arrays = self._read(_MOTION, frame.index, self._key(window, frame.index))
        return None if arrays is None else from_arrays(MotionSegmentation, arrays)

    def write_look(
        self, index: int, window: Sequence[Egomotion], arrays: dict[str, np.ndarray]
    ) -> None:
        """Keep the second look at a frame; the window holds the egomotions of all scans used."""
        self._write(_LOOK, index, self._key(window, index), arrays)

    def look(self, index: int, window: Sequence[Egomotion]) -> dict[str, np.ndarray] | None:
        """Return the second look at a frame, None where nobody had it from the same."""
        return self._read(_LOOK, index, self._key(window, index))

    def remove(self) -> None:
        """Remove it all: the labels are there."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def remove_frames(self, indices: Iterable[int]) -> None:
        """Remove the evidence of some frames, and the folder where nothing else is left."""
        for index in indices:
            for part in (_MOTION, _LOOK):
                self._file(part, index).unlink(missing_ok=True)
        for folder in (self._folder / _MOTION, self._folder / _LOOK, self._folder):
            with contextlib.suppress(OSError):  # others still have something in it
                folder.rmdir()

    def _key(self, egomotions: Iterable[Egomotion], index: int) -> str:
        digest = self._origin.copy()
        digest.update(f"{index}".encode())
        for egomotion in egomotions:
            digest.update(f"{egomotion.stamp1_ns} {egomotion.status.value}".encode())
            if egomotion.odom_T_velo1 is not None:
                digest.update(np.ascontiguousarray(egomotion.odom_T_velo1).tobytes())
        return digest.hexdigest()

    def _write(self, part: str, index: int, key: str, arrays: dict[str, np.ndarray]) -> None:
        path = self._file(part, index)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {f"{part}/{name}": array for name, array in arrays.items()}
        write_atomically(path, pack_arrays({_KEY: np.array(key), **content}, _COMPRESSION))

    def _read(self, part: str, index: int, key: str) -> dict[str, np.ndarray] | None:
        path = self._file(part, index)
        if not path.exists():
            return None
        try:
            arrays = read_arrays(path)
        except LabelStoreError:  # damaged: it is worked out again
            return None
        if str(arrays.pop(_KEY)) != key:
            return None
        return {name.removeprefix(f"{part}/"): array for name, array in arrays.items()}

    def _file(self, part: str, index: int) -> Path:
        return self._folder / part / f"{index:06d}.npz"
