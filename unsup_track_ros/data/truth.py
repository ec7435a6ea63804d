# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Truth beside a recording: folder `OUT.truth` of `OUT.mcap`, one npz file per scan.

For scoring only: no stage may read it. Equal truth gives equal bytes, and a file is either whole or
not there, so a folder that is being written can be read and a killed writer leaves nothing half.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from unsup_track_ros.errors import DataError
from unsup_track_ros.structures.truth import FrameTruth

TRUTH_SUFFIX = ".truth"
# Every member of a file: kind of number and shape; equal letters are equal sizes within one file.
_MEMBERS: dict[str, tuple[str, str]] = {
    "stamp_ns": ("i", ""),
    "ids": ("i", "N"),
    "classes": ("U", "N"),
    "boxes_velo": ("f", "N 7"),
    "moving": ("b", "N"),
    "velocities_velo": ("f", "N 3"),
    "visibility": ("f", "N"),
    "num_points": ("i", "N"),
    "odom_T_velo": ("f", "4 4"),
    "moving_points": ("b", "P"),
    "point_objects": ("i", "P"),
    "flow_points_velo": ("f", "P 3"),
    "ground_points": ("b", "P"),
    "moving_pixels": ("b", "H W"),
    "flow_pix": ("f", "2 H W"),
    "occupied_static_odom": ("biu", "Y X"),
    "occupancy_origin_odom": ("f", "2"),
    "occupancy_resolution_m": ("f", ""),
}
_REQUIRED = ("stamp_ns", "ids", "classes", "boxes_velo")
_STAMP_DIGITS = 20
# The oldest time a zip entry can carry: the same in every file, so that equal truth is equal bytes.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
# Level 1 is five times as fast as the default and 10 % larger on flow fields.
_ZIP_LEVEL = 1


def truth_folder(bag: Path) -> Path:
    """Return where the truth of a recording lies: `drive.mcap` -> `drive.truth`."""
    return bag.with_suffix(TRUTH_SUFFIX)


def write_frame_truth(folder: Path, truth: FrameTruth) -> Path:
    """Write the truth of one scan; an existing file of the same stamp is replaced in one step.

    Returns:
        The file, `<folder>/<stamp in ns, 20 digits>.npz`.

    Raises:
        DataError: The members of the truth do not fit each other.
    """
    arrays = _to_arrays(truth)
    path = folder / f"{truth.stamp_ns:0{_STAMP_DIGITS}d}.npz"
    _check(arrays, path)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".npz.part")
    with zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _ZIP_TIME)
            archive.writestr(entry, content.getbuffer(), zipfile.ZIP_DEFLATED, _ZIP_LEVEL)
    os.replace(temporary, path)  # noqa: PTH105 - Path.replace is the same call, this one is the idiom
    return path


def read_frame_truth(path: Path) -> FrameTruth:
    """Read the truth of one scan.

    Raises:
        DataError: The file is not a truth file, or its members do not fit each other.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"The truth file {path} cannot be read ({error}). Write the truth of this recording "
            "again."
        ) from error
    _check(arrays, path)
    members: dict[str, Any] = dict(arrays)
    members["stamp_ns"] = int(arrays["stamp_ns"])
    members["classes"] = tuple(str(name) for name in arrays["classes"])
    if "occupancy_resolution_m" in arrays:
        members["occupancy_resolution_m"] = float(arrays["occupancy_resolution_m"])
    if members["stamp_ns"] != int(path.stem):
        raise DataError(
            f"The truth file {path} must hold the stamp of its name, got {members['stamp_ns']}. "
            "It was renamed; write the truth of this recording again."
        )
    return FrameTruth(**members)


class TruthFolder:
    """Truth of a recording, read frame by frame: iterates in the order of the stamps.

    Attributes:
        stamps_ns: Stamps of all frames, ascending.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(
                f"There is no truth folder {folder}. Only synthetic and labelled recordings have "
                "one; pass the folder that was written beside the recording."
            )
        self._paths: dict[int, Path] = {}
        for path in sorted(folder.glob("*.npz")):
            if not path.stem.isdecimal():
                raise DataError(
                    f"A truth file must be named by its stamp in nanoseconds, got {path}. "
                    "Remove it."
                )
            self._paths[int(path.stem)] = path
        if not self._paths:
            raise DataError(f"The truth folder {folder} holds no frame. Write the truth again.")
        self.stamps_ns = tuple(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, stamp_ns: int) -> bool:
        return stamp_ns in self._paths

    def __iter__(self) -> Iterator[FrameTruth]:
        return (read_frame_truth(path) for path in self._paths.values())

    def at(self, stamp_ns: int) -> FrameTruth:
        """Read the truth of one stamp.

        Raises:
            DataError: There is no truth of this stamp, or its file is malformed.
        """
        if stamp_ns not in self._paths:
            raise DataError(
                f"There is no truth of stamp {stamp_ns} ns; the folder covers {self.stamps_ns[0]} "
                f"to {self.stamps_ns[-1]} ns. Check that truth and recording belong together."
            )
        return read_frame_truth(self._paths[stamp_ns])


def read_truth(folder: Path) -> list[FrameTruth]:
    """Read the truth of a whole recording, in the order of the stamps.

    Raises:
        DataError: The folder is missing or empty, or a file in it is malformed.
    """
    return list(TruthFolder(folder))


def _to_arrays(truth: FrameTruth) -> dict[str, np.ndarray]:
    arrays = {}
    for name in _MEMBERS:
        value = getattr(truth, name)
        if name == "classes":
            value = np.array(value, np.str_) if value else np.zeros(0, "<U1")
        if value is not None:
            arrays[name] = np.asarray(value)
    return arrays


def _check(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Refuse missing, unknown, mistyped and misfitting members."""
    missing = [name for name in _REQUIRED if name not in arrays]
    unknown = sorted(set(arrays) - set(_MEMBERS))
    if missing or unknown:
        raise DataError(
            f"{path} is not a truth file: missing members {missing}, unknown members {unknown}."
        )
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        kinds, letters = _MEMBERS[name]
        if array.dtype.kind not in kinds or not _fits(array.shape, letters.split(), sizes):
            bound = {letter: sizes[letter] for letter in letters.split() if letter in sizes}
            raise DataError(
                f"Member '{name}' of {path} must be of shape ({letters}) with {bound} and "
                f"a type of kind '{kinds}', got {array.shape} of type {array.dtype}."
            )


def _fits(shape: tuple[int, ...], letters: list[str], sizes: dict[str, int]) -> bool:
    """Compare a shape with its letters; a letter takes the size it has first."""
    if len(shape) != len(letters):
        return False
    for size, letter in zip(shape, letters, strict=True):
        expected = int(letter) if letter.isdecimal() else sizes.setdefault(letter, size)
        if size != expected:
            return False
    return True
