# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drives as an occupancy network reads them: one file per frame, some frames a second.

    clips.json         vocabulary, grid, period, and every sequence with its length and hash
    NAME/000000.npz    one `OccupancyFrame` of sequence NAME

A sequence is there as a whole or not at all, and one that is there is not made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from unsup_track_ros.errors import DataError
from unsup_track_ros.labeling.array_file import pack_arrays, read_arrays
from unsup_track_ros.labeling.atomic_file import write_atomically
from unsup_track_ros.structures.arrays import from_arrays, to_arrays
from unsup_track_ros.structures.voxel_scene import VOCABULARIES, OccupancyFrame, VoxelClasses
from unsup_track_ros.structures.voxels import VoxelGrid

INDEX_NAME: Final = "clips.json"
_FORMAT: Final = 1
_COMPRESSION: Final = 4
_INDEX_DIGITS: Final = 6

# A sequence and how its frames are made.
Sequence = tuple[str, Callable[[], Iterator[OccupancyFrame]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipsOrigin:
    """What the sequences of a folder have in common, and what they were made from.

    Attributes:
        vocabulary: Name in `VOCABULARIES`.
        grid: Volume of the labels.
        period_s: Time from one frame to the next.
        parameters: Everything else that decides the frames, by name.
    """

    vocabulary: str
    grid: VoxelGrid
    period_s: float
    parameters: Mapping[str, object]


class ClipFolder:
    """Sequences of labelled frames, read frame by frame.

    Attributes:
        folder: Where they are.
        origin: What they have in common.
        sequences: Their names.
    """

    def __init__(self, folder: Path, content: Mapping[str, Any]) -> None:
        """Use `open`."""
        self.folder = folder
        self.origin = _origin_of(content["origin"])
        self._lengths = {str(e["name"]): int(e["frames"]) for e in content["sequences"]}
        self._hashes = {str(e["name"]): str(e["sha256"]) for e in content["sequences"]}
        self.sequences = tuple(self._lengths)

    @classmethod
    def open(cls, folder: Path) -> ClipFolder:
        """Open a folder for reading.

        Raises:
            DataError: It holds no clips, or those of another version.
        """
        content = _read_index(folder)
        if content is None:
            raise DataError(
                f"{folder} holds no occupancy clips: it has no {INDEX_NAME}. Make some with "
                "`unsup-track clips`."
            )
        return cls(folder, content)

    @property
    def classes(self) -> VoxelClasses:
        """Vocabulary of the labels."""
        return VOCABULARIES[self.origin.vocabulary]

    @property
    def grid(self) -> VoxelGrid:
        """Volume of the labels."""
        return self.origin.grid

    @property
    def fingerprint(self) -> str:
        """Something that changes whenever any frame does."""
        return hashlib.sha256("".join(self._hashes[n] for n in self.sequences).encode()).hexdigest()

    def length(self, sequence: str) -> int:
        """Return the number of frames of a sequence."""
        if sequence not in self._lengths:
            raise DataError(
                f"{self.folder} has no sequence '{sequence}'; it has {', '.join(self.sequences)}."
            )
        return self._lengths[sequence]

    def frame(self, sequence: str, index: int) -> OccupancyFrame:
        """Read one frame.

        Raises:
            DataError: There is none.
        """
        if not 0 <= index < self.length(sequence):
            raise DataError(
                f"Sequence '{sequence}' of {self.folder} has {self.length(sequence)} frames, so "
                f"there is no frame {index}."
            )
        return from_arrays(OccupancyFrame, read_arrays(_file_of(self.folder / sequence, index)))

    def frames(self, sequence: str) -> Iterator[OccupancyFrame]:
        """Read a sequence from its start."""
        return (self.frame(sequence, index) for index in range(self.length(sequence)))

    def clips(self, num_frames: int) -> tuple[tuple[str, int], ...]:
        """Return every run of so many frames, as sequence and first frame."""
        return tuple(
            (name, first)
            for name in self.sequences
            for first in range(self.length(name) - num_frames + 1)
        )


def write_clips(folder: Path, origin: ClipsOrigin, sequences: Iterable[Sequence]) -> ClipFolder:
    """Write the sequences that are not there yet; a killed run goes on after the last whole one.

    Raises:
        DataError: The folder holds clips of another origin, or something else.
    """
    content = _read_index(folder)
    if content is None:
        if folder.exists() and any(p for p in folder.iterdir() if not p.name.startswith(".")):
            raise DataError(f"{folder} is not empty and holds no clips; choose another folder.")
        content = {"format": _FORMAT, "origin": _plain(origin), "sequences": []}
    elif content["origin"] != _plain(origin):
        raise DataError(
            f"{folder} holds clips of other parameters; choose another folder or remove it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, frames in sequences:
        if any(entry["name"] == name for entry in content["sequences"]):
            continue
        content["sequences"].append(_write_sequence(folder, name, frames()))
        write_atomically(folder / INDEX_NAME, json.dumps(content, indent=1).encode())
    return ClipFolder.open(folder)


def _write_sequence(folder: Path, name: str, frames: Iterator[OccupancyFrame]) -> dict[str, object]:
    unfinished = folder / f".{name}.partial"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    digest, num = hashlib.sha256(), 0
    for frame in frames:
        data = pack_arrays(to_arrays(frame), _COMPRESSION)
        digest.update(data)
        _file_of(unfinished, num).write_bytes(data)
        num += 1
    shutil.rmtree(folder / name, ignore_errors=True)  # whole, but not in the index: killed between
    unfinished.replace(folder / name)
    return {"name": name, "frames": num, "sha256": digest.hexdigest()}


def _file_of(folder: Path, index: int) -> Path:
    return folder / f"{index:0{_INDEX_DIGITS}d}.npz"


def _read_index(folder: Path) -> dict[str, Any] | None:
    path = folder / INDEX_NAME
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}). Make the clips again.") from error
    if content.get("format") != _FORMAT:
        raise DataError(
            f"{path} is of layout {content.get('format')}, not {_FORMAT}. Make the clips again."
        )
    return content


def _plain(origin: ClipsOrigin) -> dict[str, Any]:
    """Return the origin as JSON gives it back."""
    content: dict[str, Any] = json.loads(
        json.dumps(
            {
                "vocabulary": origin.vocabulary,
                "grid": asdict(origin.grid),
                "period_s": origin.period_s,
                "parameters": dict(origin.parameters),
            }
        )
    )
    return content


def _origin_of(content: Mapping[str, Any]) -> ClipsOrigin:
    grid = content["grid"]
    return ClipsOrigin(
        vocabulary=content["vocabulary"],
        grid=VoxelGrid(
            minimum_m=tuple(grid["minimum_m"]),
            maximum_m=tuple(grid["maximum_m"]),
            shape_zyx=tuple(grid["shape_zyx"]),
        ),
        period_s=content["period_s"],
        parameters=content["parameters"],
    )
