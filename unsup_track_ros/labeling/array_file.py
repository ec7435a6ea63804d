# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A dictionary of arrays as one small zip file: equal arrays give equal bytes, nothing is lost.

Small members (numbers, matrices, boxes) stand in `index.json`, readable with any unzip; large ones
are `.npy` members beside it, booleans packed to bits.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from unsup_track_ros.errors import LabelStoreError

_INDEX: Final = "index.json"
# The oldest time a zip entry can carry: the time of writing must not change the bytes.
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
# Arrays with more elements than this become members of their own; a member costs about 250 bytes.
_LARGEST_IN_INDEX: Final = 512
_KINDS: Final = "biufU"


def pack_arrays(arrays: Mapping[str, np.ndarray], compression: int = 6) -> bytes:
    """Return the file's bytes.

    Args:
        arrays: Boolean, integer, float and text arrays by name.
        compression: Level of zlib, 0 (store) to 9.
    """
    index: dict[str, dict[str, Any]] = {}
    members: dict[str, np.ndarray] = {}
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        index[name] = {"dtype": array.dtype.str, "shape": list(array.shape)}
        if array.dtype.kind not in _KINDS:
            raise LabelStoreError(
                f"Array '{name}' must hold numbers or text, got type {array.dtype}."
            )
        if array.size <= _LARGEST_IN_INDEX:
            index[name]["values"] = _plain_values(array)
        else:
            members[name] = np.packbits(array) if array.dtype == np.bool_ else array
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, _INDEX, json.dumps(index, indent=1, allow_nan=True).encode(), compression)
        for name, array in members.items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
            _add(archive, f"{name}.npy", stream.getvalue(), compression)
    return buffer.getvalue()


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read a file of `pack_arrays`.

    Raises:
        LabelStoreError: The file is missing, damaged or of another kind.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            index = json.loads(archive.read(_INDEX))
            return {name: _restored(archive, name, entry) for name, entry in index.items()}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise LabelStoreError(
            f"{path} cannot be read ({error}). It is damaged or not a label file: remove it and "
            "label again, only what is missing is computed."
        ) from error


def _plain_values(array: np.ndarray) -> list[Any]:
    """Return the elements in C order for JSON; nan becomes null, as JSON has no word for it."""
    values = array.ravel().tolist()
    if array.dtype.kind == "f":
        return [None if math.isnan(value) else value for value in values]
    return list(values)


def _add(archive: zipfile.ZipFile, name: str, data: bytes, compression: int) -> None:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED if compression else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16  # the mode of the entry, else unzip makes it unreadable
    archive.writestr(entry, data, compresslevel=compression or None)


def _restored(archive: zipfile.ZipFile, name: str, entry: Mapping[str, Any]) -> np.ndarray:
    dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
    if "values" in entry:
        return np.array(entry["values"], dtype).reshape(shape)
    stream = io.BytesIO(archive.read(f"{name}.npy"))
    array = np.lib.format.read_array(stream, allow_pickle=False)
    if dtype == np.bool_:
        array = np.unpackbits(array, count=math.prod(shape)).astype(bool)
    return np.asarray(array.reshape(shape))
